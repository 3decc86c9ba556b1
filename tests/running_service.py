"""A service in a process of its own, as `ml serve` starts it, and requests to it."""

import json
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests

from ml.workspace.settings import environment
from tests.workspaces import BIN

JSON = "application/json"


class RunningService:
    """`ml serve` on a free port of this machine, over the workspace at `home`."""

    def __init__(self, home: Path, *options: str, **surroundings: str) -> None:
        self.port = free_port()
        self.home = home
        self._surroundings = surroundings
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = home.parent / f"{home.name}-{self.port}.log"
        self._command = [str(BIN / "ml"), "serve", "--port", str(self.port), *options]

    def __enter__(self) -> "RunningService":
        place = {
            "ALMANAC_HOME": str(self.home),
            "DBT_TARGET_PATH": str(self.home / "target"),
            "ALMANAC_RAW": "",
            **self._surroundings,
        }
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                self._command,
                env=environment(**place),
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        self.wait_until(lambda: self.get("/health").ok)
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.stop()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Stop as a service manager does; return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(60)

    def wait_until(self, holds: Any, seconds: float = 60) -> None:
        """Wait until `holds()` is true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.process.poll() is None, self.log()
            try:
                if holds():
                    return
            except requests.ConnectionError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"it did not come true\n{self.log()}")

    def log(self) -> str:
        """What it wrote to standard error."""
        return self._log.read_text()

    def get(self, path: str, key: str = "") -> requests.Response:
        return requests.get(self.url + path, headers=_bearer(key), timeout=30)

    def post(
        self, path: str, body: object, kind: str = JSON, key: str = "", **headers: str
    ) -> requests.Response:
        """Send bytes as they are, anything else as JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"content-type": kind, **_bearer(key), **headers}
        return requests.post(self.url + path, data=content, headers=given, timeout=60)

    def score(self, target: str, customers: Sequence[str], **more: object) -> dict[str, Any]:
        """The scores of these customers."""
        found = self.post(f"/v1/targets/{target}/score", {"customers": list(customers), **more})
        assert found.status_code == 200, found.text
        return found.json()

    def predict(self, target: str, records: Sequence[object], **more: object) -> dict[str, Any]:
        found = self.post(f"/v1/targets/{target}/predict", {"records": list(records), **more})
        assert found.status_code == 200, found.text
        return found.json()

    def workers(self) -> list[int]:
        """The processes that answer."""
        done = subprocess.run(
            ["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False
        )
        return [int(line) for line in done.stdout.split()]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait_for(url: str, seconds: float = 60) -> None:
    """Wait until something answers there."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            requests.get(url, timeout=5)
            return
        except requests.ConnectionError:
            time.sleep(0.2)
    raise AssertionError(f"{url} does not answer")


def copied(home: Path, to: Path) -> Path:
    """The workspace once more, to be changed."""
    shutil.copytree(home, to)
    return to


def _bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"} if key else {}
