"""Both engines run tasks and exchange rows alike, whatever happens to their processes."""

import math
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from importlib.util import find_spec
from pathlib import Path

import duckdb
import psutil
import pyarrow as pa
import pytest

from ml.lake.engines import Engine, engine_of
from ml.lake.engines.answers import WorkerTraceback, lost
from ml.lake.settings import LakeSettings
from ml.workspace.errors import AlmanacError, BadInput, NotBuilt
from tests import lake_tasks as work
from tests.workspaces import REPOSITORY

needs_spark = pytest.mark.skipif(
    not find_spec("pyspark") or not shutil.which("java"), reason="pyspark or Java is missing"
)
# pyspark leaves the sockets of collected rows to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings(
        "ignore:Exception ignored in.*<socket:pytest.PytestUnraisableExceptionWarning"
    ),
]
ENGINES = ("processes", pytest.param("spark", marks=needs_spark))


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    # Tests of other modules keep a process with the libraries of the commands.
    before = {each.pid for each in psutil.Process().children(recursive=True)}
    with engine_of(settings(request.param, bucket_memory="500MB")) as started:
        yield started
    assert no_children(before)


def settings(engine: str, **given: str) -> LakeSettings:
    return LakeSettings(Path("lake"), 1, engine, **given)


def no_children(before: Collection[int] = (), seconds: float = 10.0) -> bool:
    """Whether soon no process is left that this one started, but those before and Python's own."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        left = [each for each in psutil.Process().children(recursive=True) if is_work(each)]
        if all(each.pid in before for each in left):
            return True
        time.sleep(0.1)
    return False


def is_work(process: psutil.Process) -> bool:
    """Whether it does anything: Python keeps one that counts resources, and one to fork from."""
    try:
        own = ("resource_tracker",)
        if process.ppid() == os.getpid():
            own += ("forkserver",)
        running = process.status() != psutil.STATUS_ZOMBIE
        return running and not any(word in " ".join(process.cmdline()) for word in own)
    except psutil.NoSuchProcess:
        return False


def alone(function: str, *arguments: object, **environment: str) -> None:
    """Call a function of this module in a process of its own: it needs another session."""
    code = (
        f"from tests.test_lake_engines import {function} as f; f({', '.join(map(repr, arguments))})"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environment},
        check=True,
        timeout=120,
    )


def test_results_come_in_the_order_of_the_tasks(engine):
    assert engine.run("numbers", [work.Returns(n) for n in range(7)]) == list(range(7))
    assert engine.run("nothing", []) == []


def test_tasks_run_in_other_processes(engine):
    assert os.getpid() not in engine.run("processes", [work.Process()] * 2)


def test_an_error_of_a_person_ends_the_work_and_is_raised_as_it_was(engine, tmp_path):
    start = time.monotonic()
    with pytest.raises(NotBuilt) as raised:
        engine.run("build", [work.Sleeps(tmp_path / "began"), work.Refuses()])
    assert time.monotonic() - start < 30
    assert (raised.value.what, raised.value.next) == ("There is no warehouse.", "dbt build")
    assert raised.value.target == "churn"
    assert raised.value.__cause__ is None


def test_another_error_has_the_traceback_of_its_process_as_cause(engine):
    with pytest.raises(ZeroDivisionError, match="a share of nothing") as raised:
        engine.run("build", [work.Returns(1), work.Breaks()])
    assert isinstance(raised.value.__cause__, WorkerTraceback)
    assert "lake_tasks.py" in str(raised.value.__cause__)


def test_a_task_whose_process_is_killed_is_done_again(engine, tmp_path):
    tasks = [work.Returns(0), work.Dies(tmp_path / "calls"), work.Returns(2)]
    assert engine.run("build", tasks) == [0, 2, 2]


def test_a_task_that_loses_every_process_gives_one_message(engine, tmp_path):
    with pytest.raises(AlmanacError) as raised:
        engine.run("feature build", [work.Returns(0), work.Dies(tmp_path / "calls", times=99)])
    assert raised.value.what.startswith("feature build: task 2")
    assert "4 times" in raised.value.what
    assert "bucket_memory" in raised.value.next
    assert "more buckets" in raised.value.next
    assert "java" not in str(raised.value).lower()
    assert len((tmp_path / "calls").read_text()) == 4


def expected(bucket: int, files: dict[str, int]) -> list[dict[str, object]]:
    """The rows of a bucket in the order of the bytes of the file's name, then of the row."""
    rows = [
        row
        for file, count in files.items()
        for batch in work.Rows(file, count)()
        for row in batch.to_pylist()
        if row.pop("bucket") == bucket
    ]
    return sorted(rows, key=lambda row: (row["_file"].encode(), row["_row"]))


def written_rows(folder: Path, bucket: int) -> pa.Table:
    with pa.OSFile(str(folder / f"{bucket}.arrow")) as file:
        return pa.ipc.open_file(file).read_all()


def test_an_exchange_keeps_every_type_and_orders_by_bytes(engine, tmp_path):
    files = {file: 40 + number for number, file in enumerate(work.FILES)}
    sources = [work.Rows(file, count) for file, count in files.items()]
    scratch = tmp_path / "scratch"
    answers = engine.exchange(
        "rows",
        [*sources, work.Rows("without rows", 0)],
        work.SCHEMA,
        buckets=work.BUCKETS,
        write=work.Keep(tmp_path),
        scratch=scratch,
    )
    wanted = {bucket: expected(bucket, files) for bucket in range(work.BUCKETS)}
    assert answers == [(bucket, len(rows)) for bucket, rows in wanted.items() if rows]
    assert work.EMPTY not in dict(answers)
    for bucket, _ in answers:
        rows = written_rows(tmp_path, bucket)
        assert rows.schema == pa.schema([f for f in work.SCHEMA if f.name != "bucket"])
        # As text, NaN equals NaN and 0.0 is not -0.0.
        assert list(map(repr, rows.to_pylist())) == list(map(repr, wanted[bucket]))
        assert any(math.isnan(value) for value in rows["single"].to_pylist() if value is not None)
    assert not scratch.exists() or not list(scratch.iterdir())


def exchange(engine: Engine, folder: Path, sources: list[object], write: object) -> list[object]:
    return engine.exchange(
        "rows", sources, work.SCHEMA, buckets=work.BUCKETS, write=write, scratch=folder / "scratch"
    )


def test_a_bucket_need_not_be_read_to_its_end(engine, tmp_path):
    assert len(exchange(engine, tmp_path, [work.Rows("a", 200)], work.First())) == 4


def test_an_exchange_of_nothing_writes_nothing(engine, tmp_path):
    assert exchange(engine, tmp_path, [], work.Keep(tmp_path)) == []
    assert exchange(engine, tmp_path, [work.Rows("a", 0)], work.Keep(tmp_path)) == []


def test_a_source_that_fails_leaves_no_bucket_written(engine, tmp_path):
    with pytest.raises(NotBuilt, match="There is no file b"):
        exchange(engine, tmp_path, [work.Rows("a", 40), work.Fails()], work.Keep(tmp_path))
    assert not list(tmp_path.glob("*.arrow"))


def test_a_bucket_that_fails_ends_the_exchange(engine, tmp_path):
    with pytest.raises(NotBuilt, match="Bucket 2 is not built"):
        exchange(engine, tmp_path, [work.Rows("a", 40)], work.RefusesBucket())


def test_a_source_whose_process_is_killed_gives_each_row_once(engine, tmp_path):
    sources = [work.DiesOnce(tmp_path / "died"), work.Rows("b", 60)]
    answers = exchange(engine, tmp_path, sources, work.Keep(tmp_path))
    assert answers == [(bucket, 30) for bucket in (0, 1, 2, 4)]


def test_rows_outside_the_buckets_are_refused(engine, tmp_path):
    with pytest.raises(ValueError, match="a bucket outside 0 to 2"):
        engine.exchange(
            "rows",
            [work.Rows("a", 40)],
            work.SCHEMA,
            buckets=3,
            write=work.Keep(tmp_path),
            scratch=tmp_path,
        )


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        (pa.schema([f for f in work.SCHEMA if f.name != "_row"]), "need a column _row"),
        (work.SCHEMA.append(pa.field("at", pa.time64("us"))), "the column at is time64"),
    ],
)
def test_a_schema_that_an_exchange_cannot_keep_is_refused(engine, tmp_path, schema, words):
    with pytest.raises(TypeError, match=words):
        engine.exchange("rows", [], schema, buckets=1, write=work.First(), scratch=tmp_path)


def test_a_missing_pyspark_is_named_with_its_cure(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(BadInput) as raised:
        engine_of(settings("spark"))
    assert raised.value.next.endswith(" -e '.[spark]'")


@needs_spark
def test_a_missing_java_is_named_with_its_cure(monkeypatch, tmp_path):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(BadInput, match="has none") as raised:
        engine_of(settings("spark"))
    assert "openjdk-17-jre-headless" in raised.value.next


@needs_spark
def test_a_master_that_is_not_there_is_named(tmp_path):
    alone("refuse_a_master_without_answer", TMPDIR=str(tmp_path))


def refuse_a_master_without_answer() -> None:
    from ml.lake.engines import session

    with pytest.raises(BadInput, match=r"spark://127\.0\.0\.1:1 does not answer"):
        engine_of(settings("spark", master="spark://127.0.0.1:1"))
    session.PATIENCE = 3.0
    with socket.create_server(("127.0.0.1", 0)) as silent:
        master = f"spark://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(BadInput, match=f"{master} does not answer within 3 s"):
            engine_of(settings("spark", master=master))
    assert no_children()


@pytest.mark.parametrize("engine", ENGINES[1:], indirect=True)
def test_another_duckdb_on_the_executors_is_refused(engine, monkeypatch):
    monkeypatch.setattr(duckdb, "__version__", "0.0.1")
    with pytest.raises(BadInput, match=r"has DuckDB [1-9]\S*, this process has 0\.0\.1"):
        engine.run("numbers", [work.Returns(1)])


@needs_spark
@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (
            [
                "An error occurred while calling None.org.apache.spark.api.java.JavaSparkContext.",
                ": org.apache.spark.SparkException: Could not parse Master URL: 'sparq://there'",
                "\tat org.apache.spark.SparkContext$.createTaskScheduler(SparkContext.scala:3245)",
            ],
            "SparkException: Could not parse Master URL: 'sparq://there'",
        ),
        (
            [
                ": org.apache.spark.SparkException: Job aborted due to stage failure",
                "Caused by: org.apache.spark.api.python.PythonException: Traceback (most recent "
                "call last):",
                '  File "worker.py", line 1, in main',
                "ModuleNotFoundError: No module named 'duckdb'",
                "\tat org.apache.spark.api.python.BasePythonRunner.read(PythonRunner.scala:1)",
            ],
            "ModuleNotFoundError: No module named 'duckdb'",
        ),
    ],
)
def test_the_reason_of_an_error_of_spark_is_one_line_without_java(lines, reason):
    from ml.lake.engines.session import reason_of

    assert reason_of(RuntimeError("\n".join(lines))) == reason


@needs_spark
@pytest.mark.skipif(
    not os.environ.get("ALMANAC_CLUSTER_TESTS"),
    reason="three virtual machines of Java on two cores; ALMANAC_CLUSTER_TESTS=1 runs it",
)
def test_a_cluster_gets_the_code_and_outlives_an_executor(tmp_path):
    import pyspark

    # Spark's cluster for trials writes into its home: one made of links keeps the package clean.
    home = tmp_path / "home"
    home.mkdir()
    for each in Path(pyspark.__path__[0]).iterdir():
        (home / each.name).symlink_to(each)
    conf = tmp_path / "conf"
    conf.mkdir()
    (conf / "spark-defaults.conf").write_text(
        "spark.sql.session.timeZone Asia/Tokyo\nspark.x.y z\n"
    )
    alone(
        "lose_an_executor",
        str(tmp_path),
        SPARK_HOME=str(home),
        SPARK_CONF_DIR=str(conf),
        SPARK_LOCAL_IP="127.0.0.1",
    )


def lose_an_executor(folder: str) -> None:
    with engine_of(settings("spark", master="local-cluster[2,1,1024]")) as cluster:
        from pyspark.sql import SparkSession

        spark = SparkSession.active()
        assert spark.conf.get("spark.sql.session.timeZone") == "UTC"
        assert spark.sparkContext.getConf().get("spark.x.y") == "z"
        assert "ml.zip" in cluster.run("code", [work.Package()])[0]
        sources = [work.DiesOnce(Path(folder) / "died", generations=2), work.Rows("b", 60)]
        answers = exchange(cluster, Path(folder), sources, work.Keep(Path(folder)))
        assert answers == [(bucket, 30) for bucket in (0, 1, 2, 4)]
    assert no_children()


@pytest.mark.parametrize(
    ("end", "says_memory"),
    [("exit code 1", False), ("SIGKILL", True), ("ExecutorLostFailure", True)],
)
def test_memory_is_not_blamed_for_a_process_that_ended_by_itself(end: str, says_memory: bool):
    error = lost("building", "task 3 of 8", end)
    assert ("memory" in error.what, end in error.what) == (says_memory, True)
