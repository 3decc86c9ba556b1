"""Scores of customers by id, and predictions of records."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from fastapi import APIRouter, Request, Response

from ml.service import bodies
from ml.service.bodies import ARROW, JSON
from ml.service.champions import Served, ServedTarget
from ml.service.problems import Problem, Wrong, documented, pointer
from ml.service.schemas import Predictions, PredictRequest, ScoreRequest, Scores
from ml.service.service import QUICK_BODY, QUICK_SECONDS, Service
from ml.serving.answer_log import Answers
from ml.serving.predict.records import WHOLE
from ml.serving.reasons import reasons as reasons_of
from ml.serving.scorer import have_any
from ml.store import PRESENT
from ml.workspace.suggest import nearest

REFUSED = documented(400, 404, 413, 415, 422)
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Answer:
    """An answer before it is encoded: what is said once, and a row a customer or record."""

    head: Mapping[str, str | float]
    rows_name: str
    rows: Rows
    columns: pa.Schema

    def response(self, *, as_arrow: bool) -> Response:
        """Return the answer as JSON, or as an Arrow stream with the head as metadata."""
        if not as_arrow:
            content = json.dumps({**self.head, self.rows_name: self.rows})
            return Response(content, media_type=JSON)
        metadata = {name: str(value) for name, value in self.head.items()}
        table = pa.Table.from_pylist(list(self.rows), self.columns.with_metadata(metadata))
        return Response(bodies.stream(table), media_type=ARROW)


_REASONS = ("reasons", pa.list_(pa.string()))
_SCORES = pa.schema(
    [("customer_id", pa.string()), ("status", pa.string()), ("score", pa.float64()), _REASONS]
)
_PREDICTIONS = pa.schema(
    [
        ("id", pa.string()),
        ("class", pa.int8()),
        ("probability", pa.float64()),
        ("confidence", pa.string()),
        _REASONS,
    ]
)


def router(service: Service) -> APIRouter:
    """Return the routes by which scores and predictions are asked for."""
    routes = APIRouter(prefix="/v1/targets", tags=["scores"])

    @routes.post(
        "/{target}/score",
        response_model=Scores,
        responses=REFUSED,
        openapi_extra=_body(ScoreRequest, "a column customer_id"),
        summary="Score customers by id, with what the online store holds of them",
    )
    async def score(request: Request, target: str) -> Response:
        await service.allow(request, "score")
        held = target_of(service, target)
        body = await bodies.body_of(request, service.options.most_body)
        from_arrow, as_arrow = bodies.content_type(request) == ARROW, bodies.wants_arrow(request)

        def job() -> Response:
            asked = _customers(body, service.options.most_rows, from_arrow=from_arrow)
            request.scope["told"] = {"target": target, "rows": len(asked.customers)}
            return _scored(service, target, asked).response(as_arrow=as_arrow)

        served = held.by_id or held.champion
        return await service.run(job, quick=not from_arrow and _is_quick(served, body))

    @routes.post(
        "/{target}/predict",
        response_model=Predictions,
        responses=REFUSED,
        openapi_extra=_body(PredictRequest, "a column a field"),
        summary="Predict records that name features, or raw fields of a request",
    )
    async def predict(request: Request, target: str) -> Response:
        await service.allow(request, "score")
        served = target_of(service, target).champion
        body = await bodies.body_of(request, service.options.most_body)
        from_arrow, as_arrow = bodies.content_type(request) == ARROW, bodies.wants_arrow(request)

        def job() -> Response:
            records, reasons = _records(body, service.options.most_rows, from_arrow=from_arrow)
            request.scope["told"] = {"target": target, "rows": len(records)}
            found = _predicted(service, served, records, reasons=reasons)
            return found.response(as_arrow=as_arrow)

        return await service.run(job, quick=not from_arrow and _is_quick(served, body))

    return routes


def target_of(service: Service, target: str) -> ServedTarget:
    """Return what is served of a target.

    Raises:
        Problem: there is no champion of that name.
    """
    if held := service.champions.targets.get(target):
        return held
    known = nearest(target, list(service.champions.targets))
    raise Problem(
        404, f"No champion of {target} is served. There are: {known}.", next="GET /v1/targets"
    )


def _is_quick(served: Served, body: bytes) -> bool:
    return len(body) <= QUICK_BODY and served.seconds <= QUICK_SECONDS


def _customers(body: bytes, most: int, *, from_arrow: bool) -> ScoreRequest:
    if from_arrow:
        return ScoreRequest.model_construct(customers=bodies.customers(body, most), reasons=False)
    asked = bodies.parsed(body, ScoreRequest)
    bodies.check_rows(len(asked.customers), most)
    return asked


def _scored(service: Service, target: str, asked: ScoreRequest) -> Answer:
    served, found = service.champions.published(target, asked.customers)
    matrix = found.matrix(len(served.names))
    known = have_any(matrix)
    given, model = matrix[known], served.artifact.model
    scores = iter(probabilities := model.predict(given).tolist())
    texts = iter(reasons_of(model, given, served.meanings)) if asked.reasons else None
    rows: list[dict[str, Any]] = []
    for customer, state, has_any in zip(asked.customers, found.status.tolist(), known, strict=True):
        status = "scored" if has_any else "empty" if state == PRESENT else state
        row: dict[str, Any] = {
            "customer_id": customer,
            "status": status,
            "score": next(scores) if has_any else None,
        }
        if texts:
            row["reasons"] = next(texts) if has_any else []
        rows.append(row)
        service.metrics.scores.labels(target, status).inc()
    as_of = found.moment.replace(tzinfo=UTC)
    scored = [row["customer_id"] for row in rows if row["status"] == "scored"]
    service.log.add(
        Answers(target, served.model_id, "score", as_of, served.names, given, probabilities, scored)
    )
    head = {"target": target, "model_id": served.model_id, "as_of": as_of.isoformat()}
    return Answer(head, "scores", rows, _SCORES)


def _records(
    body: bytes, most: int, *, from_arrow: bool
) -> tuple[Sequence[Mapping[str, Any]], bool]:
    if from_arrow:
        return bodies.rows(body, most), False
    asked = bodies.parsed(body, PredictRequest)
    bodies.check_rows(len(asked.records), most)
    return asked.records, asked.reasons


def _predicted(
    service: Service, served: Served, records: Sequence[Mapping[str, Any]], *, reasons: bool
) -> Answer:
    model = served.artifact
    views = {feature.view for feature in model.features}
    checked = served.predictor.inputs(service.raw.completed(records, served.names, views))
    if checked.problems:
        wrong: list[Wrong] = [
            {
                "pointer": pointer("records", p.row or 0, *([] if p.field in WHOLE else [p.field])),
                "detail": f"{p.field} {p.reason}" if p.field in WHOLE else p.reason,
            }
            for p in checked.problems
        ]
        raise Problem(422, "The records cannot be predicted as they are.", errors=wrong)
    found = served.predictor.answers(checked, reasons=reasons)
    target, now = model.card.target, datetime.now(UTC)
    probabilities = [each["probability"] for each in found]
    service.metrics.scores.labels(target, "predicted").inc(len(found))
    asked = (now, served.names, checked.matrix, probabilities, checked.ids)
    service.log.add(Answers(target, model.model_id, "predict", *asked))
    rows: list[dict[str, Any]] = [dict(each) for each in found]
    if not reasons:
        for row in rows:
            del row["reasons"]
    head: dict[str, str | float] = {
        "target": target,
        "model_id": model.model_id,
        "at": now.isoformat(),
        "threshold": model.card.threshold,
    }
    return Answer(head, "predictions", rows, _PREDICTIONS)


def _body(kind: type[ScoreRequest | PredictRequest], columns: str) -> dict[str, Any]:
    """Return the description of a request's body for the OpenAPI document."""
    return {
        "requestBody": {
            "required": True,
            "content": {
                JSON: {"schema": kind.model_json_schema()},
                ARROW: {
                    "schema": {
                        "type": "string",
                        "format": "binary",
                        "description": f"An Arrow stream with {columns}.",
                    }
                },
            },
        }
    }
