"""A lake on a full disk, one that lost files, and one in a folder of any name."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner

pytest.importorskip("deltalake", reason="deltalake is missing")

from feature_repo.stores import by_bucket
from ml.cli import main
from ml.lake import build_lock, landed
from ml.lake.build import build_lake
from ml.lake.connection import task_connection
from ml.lake.stored import Stored, partition_of, write
from ml.workspace.errors import Held, NotBuilt
from ml.workspace.faults import Refused, writing
from ml.workspace.settings import Workspace

TYPES = {"number": "BIGINT"}
LAKE = "lake: {path: lake, buckets: 2}"
FULL = "cannot be written: the disk is full."


def full(*_given: object, **_named: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def lake_file(lake: Path, name: str = "a" * 32) -> Path:
    """Write a file of a bucket as builds do."""
    folder = lake / "tables" / "features" / "ftr_x" / "bucket=1" / "feature_year=2024"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.parquet"
    with duckdb.connect() as connection:
        write(connection, "select range as number from range(30000)", TYPES, str(path))
    return path


def test_a_lock_that_a_full_disk_does_not_take_is_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("ml.workspace.holder.asdict", full)
        with pytest.raises(Refused, match=FULL), build_lock.building(tmp_path):
            pass
    with build_lock.building(tmp_path):
        pass


def test_no_room_to_spill_is_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=FULL):
        spill(tmp_path)


def spill(folder: Path) -> None:
    """Sort more than memory and the disk hold."""
    digits = "md5(range::varchar) || md5((range + 1)::varchar)"
    with task_connection("100MB", folder) as connection:
        connection.execute("set max_temp_directory_size = '1MB'")
        connection.execute(f"create table t as select {digits} as h, range from range(1500000)")
        connection.execute("from t order by h").fetchone()


def test_a_full_disk_names_the_file_of_a_bucket_that_lands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landed.pq, "ParquetWriter", full)
    rows = pa.record_batch({"_row": [1]})
    with pytest.raises(Refused, match=FULL) as caught:
        landed.BucketWriter(tmp_path, 1)(0, iter([rows]))
    assert f"{tmp_path}/bucket=0/batch=1/" in caught.value.what


def test_a_full_disk_refuses_the_matrix_of_a_bucket_before_it_is_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled: list[np.ndarray] = []
    asked = SimpleNamespace(
        entities=pa.table({"customer_id": ["c1"]}),
        names=["x"],
        fill=lambda _connection, values: filled.append(values) or {},
    )
    monkeypatch.setattr("ml.data.mapped.os.posix_fallocate", full)
    with pytest.raises(Held, match=FULL) as caught, writing(tmp_path / "warehouse.duckdb"):
        by_bucket._matrix(asked, duckdb.connect(), tmp_path / "0")
    assert str(tmp_path / "0") in caught.value.what
    assert filled == []


def test_a_full_disk_of_an_executor_is_named_with_its_setting() -> None:
    pytest.importorskip("pyspark")
    from ml.lake.engines.spark import Spark

    engine = Spark.__new__(Spark)
    engine._session = SimpleNamespace(keep_log=lambda: Path("spark.log"))
    lines = (
        "An error occurred while calling o93.collectToPython.",
        ": org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 in stage 3.0 "
        "failed 4 times, most recent failure: Lost task 0.3 in stage 3.0 (TID 9) (host executor 1)",
        "Caused by: java.io.IOException: No space left on device",
    )
    told = engine._explained("landing mbd__trx", RuntimeError("\n".join(lines)))
    assert isinstance(told, Refused)
    assert told.what.startswith("landing mbd__trx: Spark cannot write on an executor: the disk is")
    assert "Free space" in told.next
    assert "spark.local.dir" in told.next
    assert "spark.log" in told.next


@pytest.mark.parametrize("error", [Refused("full"), KeyboardInterrupt()])
def test_a_build_that_an_error_ends_leaves_none_of_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    ws = Workspace(tmp_path, tmp_path / "raw", {"lake": {"path": "lake", "buckets": 2}})

    def fails(*_given: object) -> None:
        lake_file(tmp_path / "lake")
        raise error

    monkeypatch.setattr("ml.lake.build.compile_project", fails)
    with pytest.raises(type(error)):
        build_lake(ws)
    assert not list((tmp_path / "lake").rglob("*.parquet"))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def garble(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:50] + b"\0" * 9000 + content[9050:])


@pytest.mark.parametrize("damage", [Path.unlink, cut, empty, garble])
def test_a_file_that_a_lake_lost_is_named_with_its_cure(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    lake = tmp_path / "my lake"
    sound, lost = lake_file(lake, "a" * 32), lake_file(lake, "b" * 32)
    damage(lost)
    rows = Stored((str(sound), str(lost)), TYPES)
    with pytest.raises(NotBuilt) as caught, task_connection(scratch=tmp_path) as connection:
        connection.execute(f"select sum(number) from ({rows.query})").fetchall()
    assert caught.value.what == f"A file of the lake {lake} is missing or damaged: {lost}"
    assert f"rm -r '{lake}', then: ml lake build" in caught.value.next


def test_raw_files_of_a_lake_are_built_by_the_lake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALMANAC_HOME", str(tmp_path))
    monkeypatch.setattr("ml.simulate.simulate", lambda *_given, **_named: None)
    for settings, told in (("", "Next: dbt build"), (LAKE, "Next: ml lake build")):
        (tmp_path / "workspace.yml").write_text(settings)
        assert told in CliRunner().invoke(main, ["simulate"]).output


@pytest.mark.parametrize("name", ["Käse 100% #2", "year=2024", "a*b[c]?"])
def test_a_lake_lies_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    lake_file(tmp_path / "aXb[c]d")
    path = str(lake_file(tmp_path / name))
    assert partition_of(path) == {"bucket": 1, "feature_year": 2024}
    assert partition_of(str(tmp_path / name / "tables" / "seeds" / "x" / "f.parquet")) == {}
    rows = Stored((path,), TYPES).query
    assert duckdb.sql(f"select count(*) from ({rows})").fetchall() == [(30_000,)]
