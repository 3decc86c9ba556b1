"""The service's processes: gunicorn's master loads the models, its workers share their memory."""

import gc
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, ClassVar

from gunicorn.app.base import BaseApplication
from starlette.types import ASGIApp
from uvicorn_worker import UvicornWorker

from ml.service import keys
from ml.service.app import create_app
from ml.service.champions import Champions
from ml.service.gate import LOGGING
from ml.service.metrics import Metrics
from ml.service.options import Options
from ml.workspace.errors import BadInput, NotTrained
from ml.workspace.settings import Workspace, share_metrics_in

GRACE_SECONDS = 30
# A thread that computes must let the one that answers have its turn soon.
SWITCH_SECONDS = 0.0005


class Worker(UvicornWorker):  # type: ignore[misc]
    """A process that answers; the gate writes the access log."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "auto",
        "http": "auto",
        "access_log": False,
        "server_header": False,
    }


def check(ws: Workspace, options: Options) -> Champions:
    """Return the loaded champions, if the service may start so.

    Raises:
        AlmanacError: anyone could ask without a key, or there is no champion that can be read.
    """
    if not options.is_local and not keys.read(ws):
        raise BadInput(
            f"Without keys the service listens on this machine only, not on {options.host}.",
            "Make a key first: ml serve keys add NAME",
        )
    champions = Champions(ws)
    champions.load()
    if not champions.targets:
        told = "".join(f"\n{name}: {what}" for name, what in champions.problems.items())
        raise NotTrained(f"{ws.models} has no champion to serve.{told}", "Train one: ml train")
    return champions


def serve(ws: Workspace, options: Options, champions: Champions) -> None:
    """Answer requests until the process is told to stop; does not return."""
    folder = Path(tempfile.mkdtemp(prefix="almanac-metrics-"))
    share_metrics_in(folder)
    sys.setswitchinterval(SWITCH_SECONDS)
    master = os.getpid()
    try:
        _Server(ws, options, champions, folder).run()
    finally:
        # Workers leave here as well.
        if os.getpid() == master:
            shutil.rmtree(folder, ignore_errors=True)


class _Server(BaseApplication):  # type: ignore[misc]
    """Gunicorn, told all by arguments and nothing by files or the command line."""

    def __init__(self, ws: Workspace, options: Options, champions: Champions, folder: Path) -> None:
        self._ws, self._options, self._champions, self._folder = ws, options, champions, folder
        super().__init__()

    def load_config(self) -> None:
        options = self._options
        host = f"[{options.host}]" if ":" in options.host else options.host
        settings: dict[str, Any] = {
            "bind": f"{host}:{options.port}",
            "workers": options.workers,
            "worker_class": Worker,
            "preload_app": True,
            "graceful_timeout": GRACE_SECONDS,
            "keepalive": 75,
            "control_socket_disable": True,
            "child_exit": _forget_worker,
            "logconfig_dict": LOGGING,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> ASGIApp:
        metrics = Metrics(self._folder)
        # Workers share the memory of these objects, which the collector would write to.
        gc.collect()
        gc.freeze()
        return create_app(self._ws, self._options, self._champions, metrics)[0]


def _forget_worker(_: object, worker: Any) -> None:  # noqa: ANN401
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
