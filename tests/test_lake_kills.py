"""What a build that was killed leaves, in any step, does not stand in the way of the next."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest

pytest.importorskip("deltalake", reason="deltalake is missing")

from ml.lake import build as builds
from ml.lake import dbt_run, project
from ml.lake.project import COMPILED
from ml.lake.snapshot import Snapshot
from ml.workspace.files import locked
from ml.workspace.warehouse import make_warehouse
from tests.workspaces import make_workspace


def is_free(folder: Path) -> bool:
    """Whether nobody holds the lock of the folder."""
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(held)
    return True


def test_a_dbt_that_outlives_its_build_keeps_the_next_one_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = []

    def run(_command: Sequence[str], **options: object) -> subprocess.CompletedProcess[str]:
        code = "import sys; print('runs', flush=True); sys.stdin.read()"
        dbt = subprocess.Popen(
            [sys.executable, "-c", code],
            pass_fds=options["pass_fds"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert dbt.stdout.readline() == b"runs\n"
        left.append(dbt)
        return subprocess.CompletedProcess([], 0, "", "")

    monkeypatch.setattr(dbt_run.subprocess, "run", run)
    dbt_run.run_dbt(tmp_path, tmp_path / "target", "lake", ["seed"], "")
    assert not is_free(tmp_path / "target")
    left[0].communicate()
    assert is_free(tmp_path / "target")


def test_a_manifest_of_a_killed_dbt_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ws = make_workspace(tmp_path, tmp_path).opened()
    (tmp_path / "lake_target").mkdir()
    (tmp_path / "lake_target" / COMPILED).write_text("one\n")
    ran = []

    def run_dbt(*_given: object) -> None:
        ran.append("dbt")
        ws.manifest.parent.mkdir(exist_ok=True)
        ws.manifest.write_text('{"nodes": ')
        if len(ran) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(project, "run_dbt", run_dbt)
    with pytest.raises(KeyboardInterrupt):
        project.describe_project(ws)
    for times in (2, 2):
        project.describe_project(ws)
        assert len(ran) == times
    (tmp_path / "lake_target" / COMPILED).write_text("other\n")
    project.describe_project(ws)
    assert len(ran) == 3


def test_tasks_of_a_killed_build_do_not_meet_those_of_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that still writes keeps its folder from being removed."""
    (tmp_path / "scratch" / "dead" / "totals").mkdir(parents=True)
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", lambda *_given, **_options: None)
        with builds._scratch(tmp_path) as one, builds._scratch(tmp_path) as other:
            assert list(one.iterdir()) == list(other.iterdir()) == []
            assert one != other
    with builds._scratch(tmp_path) as mine:
        assert list((tmp_path / "scratch").iterdir()) == [mine]
    assert not (tmp_path / "scratch").exists()


def test_tables_that_no_snapshot_knows_go(tmp_path: Path) -> None:
    (tmp_path / "tables" / "features" / "ftr_dropped" / "bucket=0").mkdir(parents=True)
    builds._clean(tmp_path, Snapshot("one", 2, "1", {}))
    assert list((tmp_path / "tables" / "features").iterdir()) == []


def test_a_warehouse_is_made_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "warehouse.duckdb"

    def connect(file: str) -> None:
        Path(file).touch()
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(duckdb, "connect", connect)
        with pytest.raises(KeyboardInterrupt):
            make_warehouse(path)
    assert list(tmp_path.iterdir()) == []
    make_warehouse(path)
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.execute("select 1").fetchall() == [(1,)]


def test_a_lock_is_held_by_whoever_was_given_it(tmp_path: Path) -> None:
    with locked(tmp_path) as lock:
        given = os.dup(lock)
    assert not is_free(tmp_path)
    os.close(given)
    assert is_free(tmp_path)
