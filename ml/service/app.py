"""The service as an ASGI application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp

from ml.service import reading, scoring
from ml.service.champions import Champions
from ml.service.gate import Gate
from ml.service.metrics import Metrics
from ml.service.options import Options
from ml.service.problems import Problem, ProblemDetails, handle
from ml.service.service import Service
from ml.workspace.errors import AlmanacError
from ml.workspace.settings import Workspace

HANDLED = (Problem, AlmanacError, HTTPException, ClientDisconnect, Exception)
DESCRIPTION = """Scores of customers by id and predictions of records, by the workspace's champions.
Errors are problem details after RFC 9457. With a key: `authorization: Bearer <key>`."""


def create_app(ws: Workspace, options: Options, champions: Champions, metrics: Metrics) -> ASGIApp:
    """Return the application behind its gate.

    Args:
        ws: the workspace whose champions answer.
        options: limits and logs.
        champions: loaded, or to be loaded when the application starts.
        metrics: where the figures go.
    """
    service = Service(ws, options, champions, metrics)

    @asynccontextmanager
    async def living(_: FastAPI) -> AsyncIterator[None]:
        await service.start()
        try:
            yield
        finally:
            await service.stop()

    app = FastAPIOffline(
        redoc_url=None,
        # A redirect would name whatever host the caller names.
        redirect_slashes=False,
        title="Almanac",
        version=version("almanac"),
        description=DESCRIPTION,
        lifespan=living,
        exception_handlers=dict.fromkeys(HANDLED, handle),
    )
    app.state.home = ws.home
    app.include_router(scoring.router(service))
    app.include_router(reading.router(service))
    _describe(app)
    return Gate(app, options, metrics)


def _describe(app: FastAPI) -> None:
    """Add to the OpenAPI document what routes that read raw bodies cannot say of themselves."""
    made = app.openapi()
    schemas: dict[str, Any] = made["components"]["schemas"]
    problem = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs", {})
    schemas["ProblemDetails"] = problem
    made["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    for path, methods in made["paths"].items():
        for method in methods.values():
            method["security"] = [{"key": []}, {}] if path.startswith(("/v1", "/metrics")) else []
