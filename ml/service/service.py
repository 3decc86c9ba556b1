"""What a worker holds while it serves, and how it does work without letting others wait."""

import asyncio
import gc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC
from typing import TypeVar

from fastapi import Request
from threadpoolctl import threadpool_limits

from ml.service.champions import Champions
from ml.service.gate import ERRORS
from ml.service.keys import Keys, Scope
from ml.service.marts import PublishedMarts
from ml.service.metrics import Metrics
from ml.service.monitored import Monitored
from ml.service.options import Options
from ml.service.problems import Problem
from ml.service.request_features import RequestFeatures
from ml.serving.answer_log import AnswerLog
from ml.workspace.errors import AlmanacError
from ml.workspace.settings import Workspace

Result = TypeVar("Result")
REFRESH_SECONDS = 1.0
# What takes no longer than a change of threads is done at once.
QUICK_BODY, QUICK_SECONDS = 2048, 0.002
_THREADS = 2
# Callers cannot make keys themselves.
ASK = "Ask whoever runs this service for a key."


@dataclass
class Service:
    """The champions, stores, keys and logs of one worker."""

    ws: Workspace
    options: Options
    champions: Champions
    metrics: Metrics
    keys: Keys = field(init=False)
    marts: PublishedMarts = field(init=False)
    raw: RequestFeatures = field(init=False)
    monitored: Monitored = field(init=False)
    log: AnswerLog = field(init=False)
    _pool: ThreadPoolExecutor = field(init=False)
    _turn: asyncio.Lock = field(init=False)
    _refreshing: "asyncio.Task[None]" = field(init=False)

    def __post_init__(self) -> None:
        self.keys = Keys(self.ws)
        self.marts = PublishedMarts(self.ws)
        self.raw = RequestFeatures(self.ws)
        self.monitored = Monitored(self.ws, self.metrics)

    async def start(self) -> None:
        """Open what a worker needs of its own; threads do not outlive a fork."""
        _one_thread()
        self.log = AnswerLog(self.ws, self.options.sampled, self.options.most_logged)
        self._pool = ThreadPoolExecutor(_THREADS, "work", initializer=_one_thread)
        self._turn = asyncio.Lock()
        await self._in_pool(self._refresh)
        self._refreshing = asyncio.create_task(self._keep_fresh())
        # What is there now stays: the collector need not look at it again and again.
        gc.freeze()

    async def stop(self) -> None:
        """End the threads; what was answered is written."""
        self._refreshing.cancel()
        with suppress(asyncio.CancelledError):
            await self._refreshing
        self._pool.shutdown()
        await asyncio.to_thread(self.log.close)

    async def run(self, job: Callable[[], Result], *, quick: bool) -> Result:
        """Return what the job returns: done here where it is quick, else in a thread.

        Quick jobs are done one after another; between two of them new requests are let in or
        turned away.
        """
        if not quick:
            return await self._in_pool(job)
        async with self._turn:
            return job()

    async def allow(self, request: Request, scope: Scope) -> None:
        """Let a request pass if its key may ask this; without keys, if only this machine can ask.

        Raises:
            Problem: the key is absent, unknown, expired, or its scope too small.
        """
        try:
            if self.options.is_local and not self.keys.are_needed:
                return
        except AlmanacError as error:
            ERRORS.exception("keys cannot be read")
            raise Problem(503, "The keys cannot be read; the service's log says why.") from error
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not given:
            raise _unauthorized("A key is needed", f"{ASK} Send it: authorization: Bearer <key>")
        key = self.keys.recognized(given) or await self._in_pool(lambda: self.keys.find(given))
        if key is None:
            raise _unauthorized("The key is not known here", ASK)
        if key.expired:
            raise _unauthorized("The key has expired", ASK)
        request.scope["key_name"] = key.name
        if not key.allows(scope):
            raise Problem(
                403,
                f"The key {key.name} has the scope {key.scope}; {scope} is needed.",
                next=f"{ASK} They make one by: ml serve keys add NAME --scope {scope}",
            )

    async def _in_pool(self, job: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._pool, job)

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            try:
                await asyncio.to_thread(self._refresh)
            except Exception:
                # What is served goes on; the next look may succeed.
                ERRORS.exception("refresh failed")

    def _refresh(self) -> None:
        self.champions.refresh()
        self.raw.refresh()
        self.monitored.refresh()
        self._tell_metrics()

    def _tell_metrics(self) -> None:
        for target, moment in self.champions.as_of.items():
            self.metrics.as_of.labels(target).set(moment.replace(tzinfo=UTC).timestamp())
        self.metrics.logged.set(self.log.written)
        self.metrics.lost.set(self.log.lost)
        self.metrics.problems.set(len(self.champions.problems) + bool(self.log.problem))


def _unauthorized(what: str, next: str) -> Problem:
    return Problem(401, f"{what}.", next=next, headers={"WWW-Authenticate": "Bearer"})


def _one_thread() -> None:
    # Threads that share one small prediction wait for each other more than they work.
    threadpool_limits(1)
