"""Feast's own commands: the page that shows them, and what they send."""

import os
import socket
import sys

import pytest

from tests.pages import DOCS, comparable, make_place, run_page
from tests.small_workspace import make_workspace
from tests.workspaces import TestWorkspace

# Refuses every address but this machine's own, and says so where nothing catches it.
LOOPBACK_ONLY = """
import os, socket
connect = socket.socket.connect
def guarded(self, address):
    if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1", "localhost"):
        os.write(2, f"CALLED {address}\\n".encode())
        raise OSError(f"no network: {address}")
    return connect(self, address)
socket.socket.connect = guarded
"""


@pytest.fixture
def free_port(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("FEAST_PORT", str(taken.getsockname()[1]))


@pytest.mark.usefixtures("free_port")
def test_feasts_commands_say_what_the_page_shows(tmp_path):
    page = DOCS / "feast.md"
    found = run_page(page, make_place(tmp_path))
    assert comparable(found) == comparable(page.read_text(encoding="utf-8"))


def test_feast_calls_nobody(tmp_path, monkeypatch):
    guard = tmp_path / "guard"
    guard.mkdir()
    (guard / "sitecustomize.py").write_text(LOOPBACK_ONLY)
    monkeypatch.setenv("PYTHONPATH", f"{guard}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    home = make_workspace(tmp_path / "home").home
    typed = TestWorkspace(home, home / "raw")
    caught = typed.must(
        sys.executable,
        "-c",
        "import socket\ntry: socket.create_connection(('192.0.2.1', 80), 1)\nexcept OSError: pass",
    )
    assert "CALLED" in caught
    for command in (("apply",), ("materialize-incremental", "2023-02-01T00:00:00"), ("version",)):
        assert "CALLED" not in typed.must("feast", *command)
