"""A lake holds what one machine builds, to the bit, whatever changes and whoever is killed."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from ml import store
from ml.dataset.recipe import describe
from ml.lake import check_installed
from ml.lake import snapshot as snapshots
from ml.lake.bucket import prepare
from ml.lake.build import build_lake, entries_of
from ml.lake.build_lock import building
from ml.lake.connection import task_connection
from ml.lake.landed import FileReader, landed_types
from ml.lake.project import COMPILED
from ml.lake.raw import land_workspace_tables
from ml.lake.status import lake_status
from ml.lake.stored import Stored, types_of
from ml.lake.verify import verify_lake
from ml.landing.relations import plan
from ml.serving.batch import score
from ml.simulate import simulate
from ml.workspace.errors import BadInput, Held, NotBuilt
from ml.workspace.settings import dbt_project
from ml.workspace.targets import targets
from tests.lake_rows import differences, rounded, spoil
from tests.small_lakes import build_small
from tests.test_increments import raw_until
from tests.workspaces import REPOSITORY, TestWorkspace, environment_of, make_workspace

pytest.importorskip("deltalake", reason="deltalake is missing")
# pyspark leaves the sockets of collected rows to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings(
        "ignore:Exception ignored in.*<socket:pytest.PytestUnraisableExceptionWarning"
    ),
]
TOLD = "told.txt"
TARGET = "spend_next_month"
MONITORED = (
    "monitoring.feature_months",
    "marts.mart_monitoring_features",
    "marts.mart_monitoring_sources",
    "marts.mart_monitoring_outcomes",
)
NOBODY = pa.table(
    {
        "customer_id": pa.array(["nobody", None]),
        "event_timestamp": pa.array([datetime(2022, 12, 1)] * 2, pa.timestamp("us")),
    }
)
TRX = "features.ftr_trx__vectors"
needs_spark = pytest.mark.skipif(
    not find_spec("pyspark") or not shutil.which("java"), reason="pyspark or Java is missing"
)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The raw files of a small company over seven months, the last one 2022-12."""
    home = tmp_path_factory.mktemp("history")
    simulate(home, customers=100, months=7, seed=5)
    return home / "raw"


def lake_at(home: Path, raw: Path, compiled: Path, **settings: object) -> TestWorkspace:
    ws = make_workspace(home, raw, lake={"path": "lake", "bucket_memory": "1GB"} | settings)
    shutil.copytree(compiled, home / "lake_target")
    # Spares these workspaces the manifest, which other commands read.
    (home / "target").mkdir()
    (home / "target" / "manifest.json").touch()
    shutil.copy(compiled / COMPILED, home / "target" / f"lake_{COMPILED}")
    return ws


def dbt_build(home: Path, raw: Path) -> TestWorkspace:
    ws = make_workspace(home, raw)
    tests = ("resource_type:test", "resource_type:unit_test")
    ws.must("dbt", "build", "--quiet", "--exclude", *tests)
    return ws


@pytest.fixture(scope="module")
def one_machine(history: Path, tmp_path_factory: pytest.TempPathFactory) -> TestWorkspace:
    return dbt_build(tmp_path_factory.mktemp("one_machine"), history)


@pytest.fixture(
    scope="module",
    params=[
        {"buckets": 3},
        pytest.param({"buckets": 2, "engine": "spark", "master": "local[2]"}, marks=needs_spark),
    ],
    ids=["processes", "Spark"],
)
def in_buckets(
    request: pytest.FixtureRequest,
    history: Path,
    compiled: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> TestWorkspace:
    """The same history in a lake, and the last note of its first build beside it."""
    home = tmp_path_factory.mktemp("in_buckets") / "ws"
    ws = lake_at(home, history, compiled, **request.param)
    (home / TOLD).write_text(build_lake(ws.opened()).notes[-1], encoding="utf-8")
    return ws


def test_every_value_is_that_of_one_machine(one_machine, in_buckets):
    told = (in_buckets.home / TOLD).read_text(encoding="utf-8")
    assert differences(one_machine.home, in_buckets.home) == []
    aside = one_machine.value("select count(*) from staging.rejects")
    assert told.startswith("Read ")
    assert f" accepted, {aside:,} set aside: " in told
    again = build_lake(in_buckets.opened())
    assert (again.changed, again.notes[-1]) == ([], told)


@pytest.fixture(scope="module")
def champion(one_machine: TestWorkspace) -> TestWorkspace:
    """One machine's workspace, registered and trained."""
    one_machine.must("feast", "apply")
    one_machine.must("ml", "train", "--target", TARGET, "--model", "lightgbm")
    return one_machine


@pytest.fixture
def both(champion: TestWorkspace, in_buckets: TestWorkspace) -> tuple[TestWorkspace, TestWorkspace]:
    """One machine's workspace, and the lake with the same registry and model."""
    for what in ("target", "models"):
        shutil.copytree(champion.home / what, in_buckets.home / what, dirs_exist_ok=True)
    shutil.copy(champion.home / "registry.db", in_buckets.home)
    return champion, in_buckets


def test_training_sets_are_those_of_one_machine(both, monkeypatch):
    monkeypatch.setattr("ml.lake.shown.ROWS_FOR_SPARK", 0)
    one, other = (ws.opened() for ws in both)
    name = "purchase_any"
    target = next(each for each in targets(one) if each.name == name)
    assert describe(one, target).id == describe(other, target).id
    rows = store.training_set(one, name, target.label_sql)
    given = rows.select(["customer_id", "event_timestamp"])
    backwards = given.take(pa.array(range(given.num_rows))[::-1])
    asked = pa.concat_tables([backwards, NOBODY.cast(given.schema)])
    found = [store.training_set(ws, name, asked) for ws in (one, other)]
    assert found[0].equals(found[1])
    assert found[0].num_rows == asked.num_rows
    parts = [
        [part.values.tobytes() for part in store.training_matrices(ws, name, asked, 50)]
        for ws in (one, other)
    ]
    assert parts[0] == parts[1]
    empty = [store.training_set(ws, name, asked.slice(0, 0)) for ws in (one, other)]
    assert empty[0].equals(empty[1])


def test_scores_are_those_of_one_machine(both, monkeypatch):
    monkeypatch.setattr("ml.lake.shown.ROWS_FOR_SPARK", 0)
    scores = []
    for ws in both:
        target = next(each for each in targets(ws.opened()) if each.name == TARGET)
        score(ws.opened(), target, None, online=False, explained=5)
        scores.append(ws.query("from scores.scores order by all"))
    assert scores[0] == scores[1]
    assert len(scores[0]) > 50
    assert sum(bool(row[-1]) for row in scores[0]) == 5


def test_what_is_monitored_is_that_of_one_machine(both):
    chosen = ("path:models/features", "path:models/monitoring")
    left_out = ("resource_type:test", "resource_type:unit_test")
    found = []
    for ws, families in zip(both, (chosen, chosen[1:]), strict=True):
        ws.must("ml", "score", "--target", TARGET)
        ws.must("dbt", "build", "--quiet", "--select", *families, "--exclude", *left_out)
        found.append([rounded(ws.query(f"from {table} order by all")) for table in MONITORED])
    assert found[0] == found[1]
    assert all(len(rows) > 0 for rows in found[0])
    assert len(found[0][0]) > 1_000
    assert both[1].run("ml", "monitor").code in (0, 3, 4)


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
    lake = ws.home / "lake"
    build_lake(ws.opened())
    first = entries_of(lake, snapshots.read(lake))
    newest = f"select count(*), max(feature_month) from ({first[TRX].whole.query})"
    held = duckdb.sql(newest).fetchall()

    # What changed is read, and no other.
    with sorted((raw / "transactions").glob("*.csv"))[-1].open("a", encoding="utf-8") as file:
        file.write("s1,2022-09-15T12:00:00,12.5,1,late-1,i1,books\n")
    built = build_lake(ws.opened())
    assert "features.ftr_spend__vectors" in built.changed
    second = entries_of(lake, snapshots.read(lake))
    for relation in ("landed.mbd__trx", TRX, "features.ftr_geo__vectors"):
        assert relation not in built.changed
        assert second[relation].files == first[relation].files

    change_all(raw, history)
    build_lake(ws.opened())
    fresh = dbt_build(tmp_path / "fresh", raw)
    assert differences(fresh.home, ws.home) == []
    verified = verify_lake(ws.opened(), sample=1)
    assert verified.differences == ()
    assert verified.relations > 40
    assert verified.rows > 500

    # Who reads an earlier snapshot still does: the files of the one before stay.
    assert duckdb.sql(newest).fetchall() == held
    assert ws.value("select max(feature_month) from features.ftr_trx") > held[0][1]


def test_verify_names_what_differs(history, compiled, tmp_path):
    raw = raw_until(history, tmp_path / "raw", "2022-09")
    ws = lake_at(tmp_path / "ws", raw, compiled, buckets=1)
    build_lake(ws.opened())
    lake = ws.home / "lake"
    entries = entries_of(lake, snapshots.read(lake))
    (file,) = entries["intermediate.int_transactions_months"].files
    spoil(file, "event__count")
    found = verify_lake(ws.opened(), sample=1)
    assert [(d.relation, d.columns) for d in found.differences] == [
        ("intermediate.int_transactions_months", ("event__count",))
    ]


def start(ws: TestWorkspace) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "ml.cli", "lake", "build"],
        cwd=REPOSITORY,
        env=environment_of(ws.home, ws.raw) | {"PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def test_a_killed_build_leaves_the_last_snapshot_and_the_next_is_whole(
    one_machine, history, compiled, tmp_path
):
    raw = raw_until(history, tmp_path / "raw", "2022-11")
    ws = lake_at(tmp_path / "ws", raw, compiled, buckets=2)
    build_lake(ws.opened())
    lake = ws.home / "lake"
    shown = snapshots.read(lake)
    shutil.copytree(history, raw, dirs_exist_ok=True)
    killed = 0
    for seconds in sorted(random.Random(1).uniform(2, 12) for _ in range(3)):
        process = start(ws)
        time.sleep(seconds)
        os.killpg(process.pid, signal.SIGKILL)
        if process.wait() == 0 or snapshots.read(lake) != shown:
            break
        killed += 1
        files = [file for entry in entries_of(lake, shown).values() for file in entry.files]
        assert all(Path(file).exists() for file in files)
    assert killed
    build_lake(ws.opened())
    assert differences(one_machine.home, ws.home, same_files=False) == []
    assert not (lake / "scratch").exists()


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


def test_a_task_spills_what_its_memory_does_not_hold_and_names_what_does_not_fit(tmp_path):
    scratch = tmp_path / "not" / "there" / "yet"
    with task_connection("30MB", scratch) as connection:
        connection.execute("create table wide as select hash(i) as h from range(10000000) t(i)")
        assert connection.execute("select count(*) from wide").fetchall() == [(10_000_000,)]
    assert list(scratch.iterdir()) == []
    with (
        pytest.raises(BadInput, match="does not fit 30MB") as told,
        task_connection("30MB", scratch) as connection,
    ):
        connection.execute("select list(hash(i)) from range(10000000) t(i)").fetchall()
    assert "larger bucket_memory" in told.value.next


def test_a_file_is_read_within_the_memory_of_a_task(tmp_path):
    (tmp_path / "raw" / "transactions").mkdir(parents=True)
    lines = [f"c{n},2022-01-02T12:00:00,{n}.5,1,o{n},i1,books" for n in range(50_000)]
    head = "customer_id,event_time,amount,quantity,order_id,item_id,category"
    file = tmp_path / "raw" / "transactions" / "2022-01.csv"
    file.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    ws = make_workspace(tmp_path / "ws", tmp_path / "raw").opened()
    with duckdb.connect() as driver:
        prepare(driver)
        planned = plan(driver, dbt_project(), ws).relations
        land_workspace_tables(driver, planned)
        facts = {
            name: Stored((), types_of(driver, f"from {name}"))
            for name in ("landed.workspace__forgotten", "landed.workspace__identities")
        }
        (relation,) = (each for each in planned if each.identifier == "transactions__events")
        types = landed_types(driver, relation)
    scratch = tmp_path / "scratch"
    ample, scarce = (
        FileReader(relation, relation.files, 2, facts, types, scratch / "learnt", memory, scratch)
        for memory in ("1GB", "1MB")
    )
    assert sum(batch.num_rows for batch in ample()) == 50_000
    with pytest.raises(BadInput, match="does not fit 1MB"):
        list(scarce())


def test_a_missing_library_is_told_with_its_cure(monkeypatch):
    monkeypatch.setattr("ml.lake.find_spec", lambda _name: None)
    with pytest.raises(BadInput) as told:
        check_installed()
    assert told.value.next.endswith(" -e '.[lake]'")


def test_without_a_lake_the_next_step_is_told(tmp_path):
    ws = make_workspace(tmp_path / "ws", tmp_path)
    with pytest.raises(BadInput, match="names no lake"):
        lake_status(ws.opened())
    ws = make_workspace(tmp_path / "other", tmp_path, lake={"path": "lake", "buckets": 2})
    with pytest.raises(NotBuilt, match="ml lake build"):
        lake_status(ws.opened())


def test_other_buckets_a_second_build_and_a_failed_file_leave_the_snapshot(
    history, compiled, tmp_path, monkeypatch
):
    build_small(monkeypatch)
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
    (raw / "detail/trx/fold=9/part.parquet").unlink()
    wrong = raw / "transactions" / "2022-13.csv"
    for file in (raw / "transactions").glob("*.csv"):
        file.unlink()
    wrong.write_text("customer_id,event_time,amount,quantity\nc1,soon,1,1\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"Not one row of transactions/2022-13\.csv is acceptable"):
        build_lake(ws.opened())
    assert snapshots.read(lake) == shown
    other = make_workspace(tmp_path / "ws", raw, lake={"path": "lake", "buckets": 3})
    with pytest.raises(BadInput, match="has 2 buckets; 3 are asked for"):
        build_lake(other.opened())
