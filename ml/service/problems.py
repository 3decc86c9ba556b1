"""Errors as JSON after RFC 9457 (problem details), field by field."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from typing_extensions import TypedDict

from ml.workspace.errors import AlmanacError, BadInput

PROBLEM = "application/problem+json"
MOST_SHOWN = 100


class Wrong(TypedDict):
    """What is wrong with one part of a request: a JSON pointer (RFC 6901) into it, and why."""

    pointer: str
    detail: str


class ProblemDetails(BaseModel):
    """The body of every answer that is an error."""

    type: str = "about:blank"
    title: str = Field(description="The status in words.")
    status: int
    detail: str = Field(description="What is wrong.")
    next: str | None = Field(None, description="What helps, usually a command.")
    errors: list[Wrong] | None = Field(None, description="What is wrong field by field.")
    request_id: str | None = None


class Problem(Exception):  # noqa: N818
    """A request that gets an error for an answer."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        next: str = "",
        errors: Sequence[Wrong] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.next = next
        self.errors = errors
        self.headers = headers or {}


def pointer(*parts: str | int) -> str:
    """Return the JSON pointer of a place in the body."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)


def answer(problem: Problem, request_id: str = "") -> Response:
    """Return the problem as a response; of thousands of wrong fields the first hundred."""
    told: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
    }
    if problem.next:
        told["next"] = problem.next
    if problem.errors:
        told["errors"] = list(problem.errors[:MOST_SHOWN])
    if request_id:
        told["request_id"] = request_id
    return Response(
        json.dumps(told), problem.status, headers=dict(problem.headers), media_type=PROBLEM
    )


def problem_of(error: Exception) -> Problem:
    """Return an error of any kind as a problem; what nobody foresaw tells nothing of itself."""
    retry = {"Retry-After": "1"}
    match error:
        case Problem():
            found = error
        case HTTPException():
            found = Problem(error.status_code, str(error.detail), headers=error.headers)
        case ClientDisconnect():
            found = Problem(400, "The caller went away.")
        case BadInput():
            found = Problem(422, error.what, next=error.next)
        case AlmanacError():
            found = Problem(503, error.what, next=error.next, headers=retry)
        case TimeoutError():
            found = Problem(503, "The answer took too long.", headers=retry)
        case _:
            found = Problem(500, "The service failed; its log has more under this request id.")
    return found


async def handle(request: Request, error: Exception) -> Response:
    """Answer a request that raised `error`; where the workspace lies is nobody's business."""
    problem = problem_of(error)
    home = f"{request.app.state.home}/"
    problem.detail = problem.detail.replace(home, "")
    problem.next = problem.next.replace(home, "")
    return answer(problem, request.scope.get("request_id", ""))


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return these statuses for the OpenAPI document, beside those that any request may get."""
    schema = {"$ref": "#/components/schemas/ProblemDetails"}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {PROBLEM: {"schema": schema}}}
        for status in sorted({*statuses, 401, 403, 500, 503})
    }
