"""The online stores that are published in bulk, chosen as a person does: in feature_store.yaml."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from redis import Redis
from redis.exceptions import ConnectionError as NoConnection

from tests.workspaces import REPOSITORY

STORES = ("sqlite", "redis")


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator["redis_server"]:
    """A Redis server of the tests' own."""
    if not shutil.which("redis-server"):
        pytest.skip("redis-server is not installed: tests/install_debian_packages.sh")
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(params=STORES)
def online(request: pytest.FixtureRequest, tmp_path, monkeypatch) -> str:
    """Feast's settings with one of the stores."""
    if request.param == "redis":
        server = request.getfixturevalue("redis")
        Redis(port=server.port).flushall()
        choose(monkeypatch, tmp_path, server.settings)
    return request.param


def choose(monkeypatch: pytest.MonkeyPatch, folder: Path, settings: dict[str, str]) -> None:
    """Let feature_store.yaml name another online store."""
    monkeypatch.setenv("FEATURE_REPO_DIR_ENV_VAR", str(repository(folder, settings)))


def repository(folder: Path, settings: dict[str, str]) -> Path:
    """A folder with a feature_store.yaml like ours but for its online store."""
    text = (REPOSITORY / "feature_repo" / "feature_store.yaml").read_text(encoding="utf-8")
    path = folder / "feature_store.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(text) | {"online_store": settings}), "utf-8")
    return folder


class redis_server:  # noqa: N801  # used as a function
    """A Redis server on a free port of this machine, which keeps nothing."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1",
                         "--save", "", "--appendonly", "no", "--dir", str(folder)]  # fmt: skip

    @property
    def settings(self) -> dict[str, str]:
        """What feature_store.yaml says of its online store to name this server."""
        return {"type": "redis", "connection_string": f"127.0.0.1:{self.port}"}

    def __enter__(self) -> "redis_server":
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        client = Redis(port=self.port)
        for _ in range(100):
            try:
                client.ping()
                break
            except NoConnection:
                time.sleep(0.1)
        client.close()
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
