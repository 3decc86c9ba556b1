"""What is served, what the marts say of a customer, and how the service fares."""

import json
from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from ml.service.bodies import JSON
from ml.service.champions import Champions
from ml.service.problems import Problem, documented
from ml.service.schemas import Alive, Customer, ModelEssentials, State, Targets
from ml.service.scoring import target_of
from ml.service.service import Service
from ml.workspace.errors import AlmanacError


def router(service: Service) -> APIRouter:
    """Return the routes that only read."""
    routes = APIRouter()
    _add_models(routes, service)
    _add_operation(routes, service)
    return routes


def _add_models(routes: APIRouter, service: Service) -> None:
    @routes.get(
        "/v1/targets",
        response_model=Targets,
        responses=documented(),
        tags=["models"],
        summary="The targets that are served",
    )
    async def targets(request: Request) -> Response:
        await service.allow(request, "score")
        return await service.run(lambda: _json(_targets(service.champions)), quick=False)

    @routes.get(
        "/v1/targets/{target}/model",
        response_model=ModelEssentials,
        responses=documented(404),
        tags=["models"],
        summary="The essentials of a target's champion",
    )
    async def model(request: Request, target: str) -> Response:
        await service.allow(request, "score")
        predictor = target_of(service, target).champion.predictor
        return _json(predictor.info())

    @routes.get(
        "/v1/customers/{customer_id}",
        response_model=Customer,
        responses=documented(404),
        tags=["customers"],
        summary="A customer's scores, segment and offer, as published",
    )
    async def customer(request: Request, customer_id: str) -> Response:
        await service.allow(request, "customers")
        found = await service.run(lambda: service.marts.customer(customer_id), quick=False)
        if found is None:
            raise Problem(404, "No customer of this id is published.")
        return _json(found)


def _add_operation(routes: APIRouter, service: Service) -> None:
    @routes.get("/health", response_model=Alive, tags=["operation"], summary="The process answers")
    async def health() -> Response:
        return _json({"status": "alive"})

    @routes.get(
        "/ready",
        response_model=State,
        responses={503: {"model": State, "description": "No champion is served."}},
        tags=["operation"],
        summary="Champions are served; what could not be taken over, who scores in their place",
    )
    async def ready() -> Response:
        held, problems = service.champions.targets, dict(service.champions.problems)
        if service.log.problem:
            problems["answer log"] = service.log.problem
        state = {
            "status": "degraded" if problems else "ready",
            "targets": {name: each.champion.model_id for name, each in held.items()},
            "problems": {
                name: what.replace(f"{service.ws.home}/", "") for name, what in problems.items()
            },
        }
        return _json(state, 200 if held else 503)

    @routes.get(
        "/metrics",
        response_class=PlainTextResponse,
        responses=documented(),
        tags=["operation"],
        summary="Figures for Prometheus",
    )
    async def metrics(request: Request) -> Response:
        await service.allow(request, "admin")
        page, kind = service.metrics.page()
        return Response(page, media_type=kind)


def _targets(champions: Champions) -> dict[str, object]:
    return {"targets": [_target(champions, name) for name in sorted(champions.targets)]}


def _target(champions: Champions, name: str) -> dict[str, object]:
    champion = champions.targets[name].champion
    return {
        "target": name,
        "model_id": champion.model_id,
        "family": champion.artifact.card.family,
        "features": len(champion.artifact.features),
        "published": _published(champions, name),
    }


def _published(champions: Champions, name: str) -> dict[str, str] | None:
    try:
        served, found = champions.published(name, [])
    except AlmanacError:
        return None
    return {"model_id": served.model_id, "as_of": found.moment.replace(tzinfo=UTC).isoformat()}


def _json(value: object, status: int = 200) -> Response:
    return Response(json.dumps(value, default=_text), status, media_type=JSON)


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
