"""A warehouse that another process holds is waited for, and named where it takes too long."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest

from ml.lake.facts import copy_tables
from ml.landing import dbt_plugin as landing
from ml.workspace.errors import AlmanacError
from ml.workspace.warehouse import attached, open_warehouse
from tests import warm_commands
from tests.small_workspace import make_workspace
from tests.workspaces import TestWorkspace

HOLD = "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]); print('held', flush=True); "


@pytest.fixture
def ws(tmp_path: Path) -> TestWorkspace:
    # Commands' imports are done before the hold begins: they would outlast a short one.
    warm_commands.folder()
    made = make_workspace(tmp_path / "home")
    return TestWorkspace(made.home, made.raw)


@pytest.fixture
def held(ws: TestWorkspace) -> Iterator[Callable[[float], Path]]:
    """Have another process hold the warehouse for so many seconds from now on."""
    holders: list[subprocess.Popen[str]] = []
    path = ws.home / "warehouse.duckdb"

    def hold(seconds: float) -> Path:
        code = f"{HOLD} time.sleep({seconds})"
        holders.append(
            subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE, text=True)
        )
        assert holders[-1].stdout is not None
        assert holders[-1].stdout.readline() == "held\n"
        return path

    yield hold
    for holder in holders:
        holder.kill()
        holder.communicate()


def test_a_short_hold_is_waited_for(ws: TestWorkspace, held: Callable[[float], Path]) -> None:
    path = held(5)
    ran = ws.run("ml", "targets")
    assert ran.code == 0, ran.text
    assert ran.text.count(f"Waiting for {path}: another process holds it.") == 1


def test_a_build_waits_as_well(
    held: Callable[[float], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = held(1)
    plugin = landing.Plugin("landing", {"home": str(path.parent)})
    plugin.update_connection_config(SimpleNamespace(path=str(path)), {})
    assert f"Waiting for {path}: another process holds it." in capsys.readouterr().err
    duckdb.connect(str(path)).close()


@pytest.mark.parametrize("read_only", [True, False])
def test_a_long_hold_is_told(held: Callable[[float], Path], read_only: bool) -> None:
    path = held(60)
    with (
        pytest.raises(AlmanacError) as caught,
        open_warehouse(path, read_only=read_only, patience=0.5),
    ):
        pass
    told = str(caught.value)
    assert told.startswith(f"{path} is held by another process: ")
    assert told.endswith("Wait for it (a dbt build?) or stop it, then run the command again.")


def test_tables_of_a_held_warehouse_are_waited_for(held: Callable[[float], Path]) -> None:
    path = held(2)
    with duckdb.connect() as connection:
        copy_tables(connection, path, ["targets.tgt_purchase_any"])
        assert connection.execute("select count(*) from targets.tgt_purchase_any").fetchall()
        path = held(60)
        with (
            pytest.raises(AlmanacError, match="held by another process"),
            attached(connection, path, "other", patience=0.5),
        ):
            pass
