"""The service's processes: gunicorn's master loads the models, its workers share their memory."""

import asyncio
import gc
import os
import shutil
import signal
import socket
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, NoReturn

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

    def _install_sigquit_handler(self) -> None:
        # An interrupted master sends SIGQUIT; uvicorn knows how to end on SIGTERM.
        end = partial(os.kill, os.getpid(), signal.SIGTERM)
        asyncio.get_running_loop().add_signal_handler(signal.SIGQUIT, end)


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
    _refuse_taken(options)
    champions = Champions(ws)
    champions.load()
    if not champions.targets:
        told = "".join(f"\n{name}: {what}" for name, what in champions.problems.items())
        raise NotTrained(f"{ws.models} has no champion to serve.{told}", "Train one: ml train")
    return champions


def _refuse_taken(options: Options) -> None:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    try:
        with socket.socket(family) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind((options.host, options.port))
    except OSError as error:
        raise BadInput(
            f"Nothing can listen on {options.host}, port {options.port}: {error.strerror}.",
            f"Choose another port or host: ml serve --port {options.port + 1}",
        ) from error


def serve(ws: Workspace, options: Options, champions: Champions) -> NoReturn:
    """Answer requests until the process is told to stop; does not return."""
    folder = Path(tempfile.mkdtemp(prefix="almanac-metrics-"))
    share_metrics_in(folder)
    sys.setswitchinterval(SWITCH_SECONDS)
    master = os.getpid()
    code = 0
    try:
        _Server(ws, options, champions, folder).run()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0
    finally:
        # Workers leave here as well.
        if os.getpid() == master:
            shutil.rmtree(folder, ignore_errors=True)
    _leave(code)


class _Server(BaseApplication):  # type: ignore[misc]
    """Gunicorn, told all by arguments and nothing by files or the command line."""

    def __init__(self, ws: Workspace, options: Options, champions: Champions, folder: Path) -> None:
        self._ws, self._options, self._champions, self._folder = ws, options, champions, folder
        super().__init__()

    def load_config(self) -> None:
        options = self._options
        settings: dict[str, Any] = {
            "bind": options.address,
            "workers": options.workers,
            "worker_class": Worker,
            "preload_app": True,
            "graceful_timeout": GRACE_SECONDS,
            "keepalive": 75,
            "control_socket_disable": True,
            "child_exit": _forget_worker,
            "worker_exit": _leave_worker,
            "logconfig_dict": LOGGING,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> ASGIApp:
        metrics = Metrics(self._folder)
        # Workers share the memory of these objects, which the collector would write to.
        gc.collect()
        gc.freeze()
        return create_app(self._ws, self._options, self._champions, metrics)


def _leave_worker(_: object, __: object) -> None:
    ended = sys.exc_info()[1]
    _leave(ended.code if isinstance(ended, SystemExit) and isinstance(ended.code, int) else 0)


def _leave(code: int) -> NoReturn:
    """End this process at once: native libraries would list what they did not free."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code & 0xFF)


def _forget_worker(_: object, worker: Any) -> None:  # noqa: ANN401
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
