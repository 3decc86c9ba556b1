"""Files and folders that are there whole or not at all, whatever was killed before."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ml.workspace.files import fresh_file, fresh_folder, sweep_folder


@pytest.fixture
def dead() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_killed_writers_left_is_swept_away(tmp_path: Path, dead: int) -> None:
    for left in (f".out.db.{dead}", f".out.db.{dead}.wal", f".other.{dead}"):
        (tmp_path / left).write_text("half")
    with fresh_file(tmp_path / "out.db") as fresh:
        fresh.write_text("whole")
        fresh.with_name(f"{fresh.name}.wal").write_text("log")
    assert names(tmp_path) == [f".other.{dead}", "out.db"]


def test_what_a_living_process_writes_is_left(tmp_path: Path) -> None:
    (tmp_path / f".out.{os.getppid()}").write_text("half")
    with fresh_file(tmp_path / "out") as fresh:
        fresh.write_text("whole")
    assert names(tmp_path) == [f".out.{os.getppid()}", "out"]


def test_a_folder_set_aside_by_a_killed_process_gets_its_place_back(
    tmp_path: Path, dead: int
) -> None:
    (tmp_path / f".model.replaced.{dead}").mkdir()
    (tmp_path / f".model.replaced.{dead}" / "kept").write_text("before")
    (tmp_path / f".model.{dead}").mkdir()
    with pytest.raises(ZeroDivisionError), fresh_folder(tmp_path / "model"):
        raise ZeroDivisionError
    assert names(tmp_path) == ["model"]
    assert (tmp_path / "model" / "kept").read_text() == "before"


def test_what_an_earlier_process_of_the_same_number_left_is_swept_away(tmp_path: Path) -> None:
    for left in (f".out.{os.getpid()}.wal", f".out.{os.getpid()}"):
        (tmp_path / left).write_text("half")
    for left in (f".model.{os.getpid()}", f".model.replaced.{os.getpid()}"):
        (tmp_path / left).mkdir()
        (tmp_path / left / "half").write_text("half")
    with fresh_file(tmp_path / "out") as fresh:
        assert not fresh.exists()
        fresh.write_text("whole")
    with fresh_folder(tmp_path / "model") as fresh:
        assert names(fresh) == []
    assert names(tmp_path) == ["model", "out"]


def test_rights_are_those_that_the_umask_leaves(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        with fresh_folder(tmp_path / "folder") as fresh:
            (fresh / "file").write_text("x")
        with fresh_file(tmp_path / "file") as fresh:
            fresh.write_text("x")
    finally:
        os.umask(before)
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


def test_a_folder_is_swept_of_what_killed_writers_left_in_it(tmp_path: Path, dead: int) -> None:
    for left in (f".a.{dead}", f".kept.replaced.{dead}"):
        (tmp_path / left).mkdir()
        (tmp_path / left / "rows").write_text("x")
    (tmp_path / ".hidden").write_text("a user's own")
    sweep_folder(tmp_path)
    assert names(tmp_path) == [".hidden", "kept"]
