"""What every request passes: its id, the limits of load and time, a line of the access log."""

import asyncio
import json
import logging
import re
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ml.service.metrics import Metrics
from ml.service.options import Options
from ml.service.problems import Problem, answer, problem_of

ACCESS = logging.getLogger("almanac.access")
ERRORS = logging.getLogger("almanac.errors")
# So many requests may come at once, unless the worker had work for most of the last tenth of a
# second; then it is busy until it rests for half of one.
MOST_IN_A_BURST, WINDOW_SECONDS, BUSY_SHARE, CALM_SHARE = 64, 0.1, 0.9, 0.5
# These answer however busy the worker is.
ALWAYS = ("/health", "/ready", "/metrics")
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
BUSY = Problem(
    503, "The service has enough to do; ask again in a moment.", headers={"Retry-After": "1"}
)


class Gate:
    """The outermost ASGI application: lets so many requests in, and turns others away at once."""

    def __init__(self, app: ASGIApp, options: Options, metrics: Metrics) -> None:
        self._app, self._options, self._metrics = app, options, metrics
        self._inside = 0
        # When the window and the work in it began, and how long there was work.
        self._since = self._began = time.monotonic()
        self._busy_seconds, self._is_busy = 0.0, False
        self._turned_away, self._told_at = 0, 0.0
        self._busy = answer(BUSY)
        self._busy_headers = self._busy.raw_headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass on what is none."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._is_full() and scope["path"] not in ALWAYS:
            await self._turn_away(send)
            return
        start = time.perf_counter()
        request_id = _request_id(scope)
        scope["request_id"] = request_id
        status = 500

        async def told(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message.setdefault("headers", [])
                message["headers"].append((b"x-request-id", request_id.encode()))
            await send(message)

        try:
            await self._admitted(scope, receive, told)
        finally:
            self._tell(scope, status, time.perf_counter() - start)

    async def _admitted(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in ALWAYS:
            await self._app(scope, receive, send)
            return
        self._enter()
        try:
            # All requests that came together are counted before the first is worked on.
            await asyncio.sleep(0)
            await self._in_time(scope, receive, send)
        finally:
            self._leave()

    def _is_full(self) -> bool:
        """Whether another request would wait too long.

        Many that come at once are worked off soon. Where the worker hardly rests, there are more
        than it can answer.
        """
        now = time.monotonic()
        window = now - self._since
        if window >= WINDOW_SECONDS:
            if self._inside:
                self._busy_seconds += now - self._began
                self._began = now
            share = CALM_SHARE if self._is_busy else BUSY_SHARE
            self._is_busy = self._busy_seconds >= share * window
            self._busy_seconds, self._since = 0.0, now
        return self._inside >= (self._options.concurrency if self._is_busy else MOST_IN_A_BURST)

    def _enter(self) -> None:
        if not self._inside:
            self._began = time.monotonic()
        self._inside += 1

    def _leave(self) -> None:
        self._inside -= 1
        if not self._inside:
            self._busy_seconds += time.monotonic() - self._began

    async def _turn_away(self, send: Send) -> None:
        """Answer 503 with as little work as can be: who has too much to do must not do more."""
        self._metrics.turned_away.inc()
        self._turned_away += 1
        if time.monotonic() > self._told_at + 1:
            ACCESS.warning("turned away", extra={"requests": self._turned_away})
            self._turned_away, self._told_at = 0, time.monotonic()
        await send({"type": "http.response.start", "status": 503, "headers": self._busy_headers})
        await send({"type": "http.response.body", "body": self._busy.body})

    async def _in_time(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            async with asyncio.timeout(self._options.seconds):
                await self._app(scope, receive, noted)
        except Exception as error:
            problem = problem_of(error)
            if problem.status == 500:
                ERRORS.exception("request failed", extra={"request_id": scope["request_id"]})
            if not begun:
                await answer(problem, scope["request_id"])(scope, receive, send)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        route = scope.get("route")
        path = getattr(route, "path", "other")
        self._metrics.requests.labels(path, scope["method"], str(status)).inc()
        self._metrics.seconds.labels(path).observe(seconds)
        told = {
            "request_id": scope["request_id"],
            "method": scope["method"],
            # The path itself may hold a customer's id.
            "path": scope["path"] if self._options.log_ids else path,
            "status": status,
            "milliseconds": round(seconds * 1000, 3),
            "key": scope.get("key_name"),
            **scope.get("told", {}),
        }
        # `info` would look for the line of code that calls it.
        record = ACCESS.makeRecord(
            ACCESS.name, logging.INFO, __file__, 0, "request", (), None, extra=told
        )
        ACCESS.handle(record)


class JsonLines(logging.Formatter):
    """A log record as one line of JSON."""

    _USUAL = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        more = {name: value for name, value in record.__dict__.items() if name not in self._USUAL}
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **more,
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": JsonLines}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"level": "WARNING", "handlers": ["stderr"]},
    "loggers": {
        "almanac": {"level": "INFO"},
        "gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True},
        "gunicorn.access": {"level": "WARNING", "handlers": [], "propagate": True},
    },
}


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(found := value.decode("latin-1")):
            return str(found)
    return uuid.uuid4().hex
