"""The lake's pointer and its lock: one snapshot at a time, one build at a time."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ml.lake.build_lock import LOCK, building
from ml.lake.snapshot import POINTER, Snapshot, TableState, check, read, write
from ml.workspace import files
from ml.workspace.errors import BadInput, Held

COLUMNS = {"customer_id": "VARCHAR", "bucket": "INTEGER", "x": "FLOAT[500]"}
SPEND = TableState(3, ("bucket", "feature_year"), "f1", COLUMNS)
EVENTS = TableState(0, ("bucket", "batch"), "f2", {"amount": "DECIMAL(38,0)"})
SNAPSHOT = Snapshot("b1", 64, "2.0.0", {"features.spend": SPEND, "staging.events": EVENTS})
HOLD = """
import sys, time
from pathlib import Path
from ml.lake.build_lock import building
with building(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def hold(lake: Path) -> subprocess.Popen[str]:
    """Have another process hold the lock of the lake."""
    command = [sys.executable, "-c", HOLD, str(lake)]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def end(holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.communicate()


def test_there_is_no_snapshot_before_the_first_build(tmp_path: Path) -> None:
    assert read(tmp_path) is None


def test_a_snapshot_comes_back_as_it_was_written(tmp_path: Path) -> None:
    for snapshot in (SNAPSHOT, replace(SNAPSHOT, build="b2", before={"features.spend": 2})):
        write(tmp_path, snapshot)
        assert read(tmp_path) == snapshot
    told = read(tmp_path)
    assert told is not None
    assert list(told.tables["features.spend"].columns) == list(COLUMNS)


def test_a_pointer_that_is_not_written_to_its_end_is_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, SNAPSHOT)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(files, "put", killed)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, replace(SNAPSHOT, build="b2"))
    assert read(tmp_path) == SNAPSHOT


def test_files_of_this_snapshot_and_of_the_one_before_stay() -> None:
    assert SNAPSHOT.after(None).kept() == {"features.spend": {3}, "staging.events": {0}}
    tables = {"features.spend": replace(SPEND, version=5), "marts.new": EVENTS}
    second = replace(SNAPSHOT, tables=tables).after(SNAPSHOT)
    assert second.kept() == {"features.spend": {3, 5}, "staging.events": {0}, "marts.new": {0}}
    third = replace(SNAPSHOT, tables=tables).after(second)
    assert third.kept() == {"features.spend": {5}, "marts.new": {0}}


def test_a_build_goes_on_with_a_lake_of_its_own_kind(tmp_path: Path) -> None:
    check(tmp_path, SNAPSHOT, buckets=64, duckdb="2.0.0")


@pytest.mark.parametrize(
    ("buckets", "duckdb", "told"),
    [
        (32, "2.0.0", "has 64 buckets; 32 are asked for"),
        (64, "2.1.0", "DuckDB 2.0.0 made the lake .*; this is DuckDB 2.1.0"),
    ],
)
def test_a_build_does_not_go_on_with_another_lake(
    tmp_path: Path, buckets: int, duckdb: str, told: str
) -> None:
    with pytest.raises(BadInput, match=told) as caught:
        check(tmp_path, SNAPSHOT, buckets=buckets, duckdb=duckdb)
    assert str(tmp_path) in caught.value.what
    assert "build it again" in caught.value.next


def damaged(change: Callable[[dict], object]) -> str:
    said = {"format": 1, **json.loads(json.dumps(SNAPSHOT, default=vars))}
    change(said)
    return json.dumps(said)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "lake.json is damaged: Expecting value"),
        ('{"format": 1, "build"', "lake.json is damaged: Expecting"),
        ("[]", "it holds no object"),
        ("{}", "it does not say its format"),
        (damaged(lambda said: said.update(format="1")), "it does not say its format"),
        (damaged(lambda said: said.update(format=2)), "is of format 2"),
        (damaged(lambda said: said.pop("buckets")), "lake.json is damaged: buckets: is missing"),
        (damaged(lambda said: said.update(buckets="64")), "buckets: .*integer"),
        (damaged(lambda said: said.update(more=1)), "more"),
        (
            damaged(lambda said: said["tables"]["features.spend"].update(version=None)),
            "tables.features.spend.version",
        ),
    ],
)
def test_a_damaged_pointer_is_told(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / POINTER).write_text(text)
    with pytest.raises(BadInput, match=told) as caught:
        read(tmp_path)
    assert str(tmp_path) in caught.value.what
    assert "uild" in caught.value.next


def test_bytes_that_are_no_text_are_damage(tmp_path: Path) -> None:
    (tmp_path / POINTER).write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match="is damaged"):
        read(tmp_path)


def test_the_lock_is_free_after_a_build_and_after_its_error(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    with building(lake):
        assert (lake / LOCK).exists()
    assert not (lake / LOCK).exists()
    with pytest.raises(ZeroDivisionError), building(lake):
        raise ZeroDivisionError
    assert not (lake / LOCK).exists()


def test_a_second_build_is_told_who_holds_the_lake(tmp_path: Path) -> None:
    holder = hold(tmp_path)
    try:
        with pytest.raises(Held) as caught, building(tmp_path):
            pass
    finally:
        end(holder)
    said = json.loads((tmp_path / LOCK).read_text())
    assert caught.value.what == (
        f"Another build writes the lake {tmp_path}: process {holder.pid} on {os.uname().nodename}, "
        f"since {said['since']}."
    )
    assert f"rm {tmp_path / LOCK}" in caught.value.next
    with building(tmp_path / "other"):
        ours = json.loads((tmp_path / "other" / LOCK).read_text())
    assert ours["began"] != said["began"]


@pytest.mark.parametrize("waited_for", [True, False])
def test_the_lock_of_a_dead_process_is_taken_over(tmp_path: Path, waited_for: bool) -> None:
    holder = hold(tmp_path)
    holder.kill()
    if waited_for:
        holder.wait()
    else:
        os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
    with building(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()
    end(holder)


def test_a_number_that_another_process_has_now_is_no_living_holder(tmp_path: Path) -> None:
    changed(tmp_path, began="1")
    with building(tmp_path):
        pass


@pytest.mark.parametrize("field", [{"space": "of another container"}, {}])
def test_a_lock_whose_holder_may_live_is_left(tmp_path: Path, field: dict[str, str]) -> None:
    """Nobody here can know of another host whether a process of this number runs there."""
    changed(tmp_path, host="elsewhere", **field)
    if field:
        said = json.loads((tmp_path / LOCK).read_text())
        (tmp_path / LOCK).write_text(json.dumps({**said, "pid": 2**22 + 1}))
    with pytest.raises(Held, match="on elsewhere, since"), building(tmp_path):
        pass


def changed(lake: Path, **values: str) -> None:
    """Leave this process's own lock behind, but for some values."""
    with building(lake):
        said = json.loads((lake / LOCK).read_text())
    (lake / LOCK).write_text(json.dumps({**said, **values}))


def test_a_lock_that_says_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text("")
    with pytest.raises(Held, match="does not say who it is"), building(tmp_path):
        pass


def test_a_build_leaves_the_lock_that_another_has_meanwhile(tmp_path: Path) -> None:
    with building(tmp_path):
        (tmp_path / LOCK).write_text("another's")
    assert (tmp_path / LOCK).read_text() == "another's"
