"""A lake holds what one machine builds, to the bit, whatever changes and whoever is killed."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import duckdb
import pytest

from ml.lake import snapshot as snapshots
from ml.lake.build import Built, build_lake, entries_of
from ml.lake.build_lock import building
from ml.lake.project import compile_project
from ml.lake.status import lake_status
from ml.lake.verify import verify_lake
from ml.simulate import simulate
from ml.workspace.errors import BadInput, Held, NotBuilt
from tests.lake_rows import differences
from tests.test_increments import raw_until
from tests.workspaces import REPOSITORY, TestWorkspace, environment_of, make_workspace

pytest.importorskip("deltalake", reason="deltalake is missing")
needs_spark = pytest.mark.skipif(
    not find_spec("pyspark") or not shutil.which("java"), reason="pyspark or Java is missing"
)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The raw files of a small company over seven months, the last one 2022-12."""
    home = tmp_path_factory.mktemp("history")
    simulate(home, customers=100, months=7, seed=5)
    return home / "raw"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the project compiled for buckets."""
    ws = make_workspace(tmp_path_factory.mktemp("compiled"), Path())
    compile_project(ws.opened())
    return ws.home / "lake_target"


def lake_at(home: Path, raw: Path, compiled: Path, **settings: object) -> TestWorkspace:
    ws = make_workspace(home, raw, lake={"path": "lake", "bucket_memory": "1GB"} | settings)
    shutil.copytree(compiled, home / "lake_target")
    return ws


def dbt_build(home: Path, raw: Path) -> TestWorkspace:
    ws = make_workspace(home, raw)
    tests = ("resource_type:test", "resource_type:unit_test")
    ws.must("dbt", "build", "--quiet", "--exclude", *tests)
    return ws


@pytest.fixture(scope="module")
def one_machine(history: Path, tmp_path_factory: pytest.TempPathFactory) -> TestWorkspace:
    return dbt_build(tmp_path_factory.mktemp("one_machine"), history)


@pytest.mark.parametrize(
    "settings",
    [
        {"buckets": 1},
        {"buckets": 7},
        pytest.param({"buckets": 2, "engine": "spark", "master": "local[2]"}, marks=needs_spark),
    ],
    ids=["one bucket", "seven buckets", "Spark"],
)
def test_every_value_is_that_of_one_machine(one_machine, history, compiled, tmp_path, settings):
    ws = lake_at(tmp_path / "ws", history, compiled, **settings)
    build_lake(ws.opened())
    assert differences(one_machine.home, ws.home) == []
    assert build_lake(ws.opened()).changed == []


def change_all(raw: Path, history: Path) -> None:
    """One month more, a late line, a file that is gone, and two customers that become one."""
    raw_until(history, raw, "2023-01")
    first, *_, last = sorted((raw / "transactions").glob("*.csv"))
    lines = last.read_text(encoding="utf-8").splitlines()
    with sorted((raw / "transactions").glob("*.csv"))[2].open("a", encoding="utf-8") as file:
        customer = lines[1].split(",")[0]
        file.write(f"{customer},2022-08-15T12:00:00,12.5,1,late-1,i1,books\n")
    first.unlink()
    identities = raw / "identities.csv"
    head, one, two, *others = identities.read_text(encoding="utf-8").splitlines()
    source, source_id, _ = two.split(",")
    merged = f"{source},{source_id},{one.split(',')[2]}"
    identities.write_text("\n".join([head, one, merged, *others]) + "\n", encoding="utf-8")


def test_increments_late_events_lost_files_and_merged_customers(history, compiled, tmp_path):
    raw = raw_until(history, tmp_path / "raw", "2022-10")
    ws = lake_at(tmp_path / "ws", raw, compiled, buckets=3)
    build_lake(ws.opened())
    raw_until(history, raw, "2022-11")
    grown = build_lake(ws.opened())
    assert "features.ftr_trx__vectors" in grown.changed
    change_all(raw, history)
    build_lake(ws.opened())
    fresh = dbt_build(tmp_path / "fresh", raw)
    assert differences(fresh.home, ws.home) == []
    verified = verify_lake(ws.opened(), sample=1)
    assert verified.differences == ()
    assert verified.relations > 40
    assert verified.rows > 1000


def test_what_changed_is_read_and_no_other(history, compiled, tmp_path):
    raw = raw_until(history, tmp_path / "raw", "2022-12")
    ws = lake_at(tmp_path / "ws", raw, compiled, buckets=2)
    build_lake(ws.opened())
    lake = ws.home / "lake"
    before = entries_of(lake, snapshots.read(lake))
    with sorted((raw / "transactions").glob("*.csv"))[-1].open("a", encoding="utf-8") as file:
        file.write("s1,2022-11-15T12:00:00,12.5,1,late-1,i1,books\n")
    built = build_lake(ws.opened())
    after = entries_of(lake, snapshots.read(lake))
    assert "features.ftr_spend__vectors" in built.changed
    assert "landed.mbd__trx" not in built.changed
    assert after["landed.mbd__trx"].files == before["landed.mbd__trx"].files
    assert after["features.ftr_geo__vectors"].files == before["features.ftr_geo__vectors"].files


def start(ws: TestWorkspace) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "ml.cli", "lake", "build"],
        cwd=REPOSITORY,
        env=environment_of(ws.home, ws.raw) | {"PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def test_a_killed_build_leaves_the_last_snapshot_and_the_next_is_whole(history, compiled, tmp_path):
    raw = raw_until(history, tmp_path / "raw", "2022-11")
    ws = lake_at(tmp_path / "ws", raw, compiled, buckets=2)
    build_lake(ws.opened())
    lake = ws.home / "lake"
    shown = snapshots.read(lake)
    raw_until(history, raw, "2023-01")
    for seconds in sorted(random.Random(1).uniform(2, 14) for _ in range(3)):
        process = start(ws)
        time.sleep(seconds)
        os.killpg(process.pid, signal.SIGKILL)
        if process.wait() == 0 or snapshots.read(lake) != shown:
            break
        files = [file for entry in entries_of(lake, shown).values() for file in entry.files]
        assert all(Path(file).exists() for file in files)
    build_lake(ws.opened())
    fresh = dbt_build(tmp_path / "fresh", raw)
    assert differences(fresh.home, ws.home) == []
    assert not (lake / "scratch").exists()


def test_a_reader_keeps_its_snapshot_while_a_build_commits(history, compiled, tmp_path):
    raw = raw_until(history, tmp_path / "raw", "2022-11")
    ws = lake_at(tmp_path / "ws", raw, compiled, buckets=2)
    build_lake(ws.opened())
    lake = ws.home / "lake"
    rows = entries_of(lake, snapshots.read(lake))["features.ftr_trx__vectors"].whole.query
    before = duckdb.sql(f"select count(*), max(feature_month) from ({rows})").fetchall()
    raw_until(history, raw, "2023-01")
    build_lake(ws.opened())
    assert duckdb.sql(f"select count(*), max(feature_month) from ({rows})").fetchall() == before
    assert ws.value("select max(feature_month) from features.ftr_trx") > before[0][1]


def test_verify_names_what_differs(history, compiled, tmp_path):
    raw = raw_until(history, tmp_path / "raw", "2022-09")
    ws = lake_at(tmp_path / "ws", raw, compiled, buckets=1)
    build_lake(ws.opened())
    lake = ws.home / "lake"
    (file,) = entries_of(lake, snapshots.read(lake))["intermediate.int_transactions_months"].files
    duckdb.sql(
        "create table spoilt as select * replace (event__count + 1 as event__count) "
        f"from read_parquet('{file}', hive_partitioning = false)"
    )
    duckdb.sql(f"copy spoilt to '{file}' (format parquet)")
    duckdb.sql("drop table spoilt")
    found = verify_lake(ws.opened(), sample=1)
    assert [(d.relation, d.columns) for d in found.differences] == [
        ("intermediate.int_transactions_months", ("event__count",))
    ]


def built(ws: TestWorkspace) -> Built:
    return build_lake(ws.opened())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"buckets": 0}, "lake.buckets is 0; it must be a whole number"),
        ({"buckets": True}, "lake.buckets is True"),
        ({"buckets": 2, "engine": "dask"}, "lake.engine is 'dask'; it must be processes or spark"),
        ({"buckets": 2, "bucket_memory": "much"}, "lake.bucket_memory is 'much'"),
        ({"buckets": 2, "bukets": 2}, "lake has no setting `bukets`"),
        ({"buckets": 2, "path": 3}, "lake.path is 3"),
    ],
)
def test_wrong_settings_are_named(tmp_path, settings, words):
    ws = make_workspace(tmp_path / "ws", tmp_path, lake={"path": "lake"} | settings)
    with pytest.raises(BadInput) as told:
        build_lake(ws.opened())
    assert words in told.value.what
    assert "ml lake build" in told.value.next


def test_without_a_lake_the_next_step_is_told(tmp_path):
    ws = make_workspace(tmp_path / "ws", tmp_path)
    with pytest.raises(BadInput, match="names no lake"):
        lake_status(ws.opened())
    ws = make_workspace(tmp_path / "other", tmp_path, lake={"path": "lake", "buckets": 2})
    with pytest.raises(NotBuilt, match="ml lake build"):
        lake_status(ws.opened())


def test_other_buckets_a_second_build_and_a_failed_file_leave_the_snapshot(
    history, compiled, tmp_path
):
    raw = raw_until(history, tmp_path / "raw", "2022-09")
    ws = lake_at(tmp_path / "ws", raw, compiled, buckets=2)
    build_lake(ws.opened())
    lake = ws.home / "lake"
    shown = snapshots.read(lake)
    assert {table.relation for table in lake_status(ws.opened()).tables} == set(shown.tables)
    with building(lake), pytest.raises(Held, match=str(os.getpid())):
        build_lake(ws.opened())
    (raw / "detail/trx/fold=9/part.parquet").parent.mkdir(parents=True)
    (raw / "detail/trx/fold=9/part.parquet").write_bytes(b"PAR1")
    with pytest.raises(BadInput, match=r"part\.parquet"):
        build_lake(ws.opened())
    assert snapshots.read(lake) == shown
    other = make_workspace(tmp_path / "ws", raw, lake={"path": "lake", "buckets": 3})
    with pytest.raises(BadInput, match="has 2 buckets; 3 are asked for"):
        build_lake(other.opened())
