"""Files and folders that are there whole or not at all, and pointers that turn in one step."""

import fcntl
import glob
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ml.workspace.faults import writing


@contextmanager
def fresh_file(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to, which takes its place when all went well.

    A reader never sees half of it: until then the old file stands, and after an error too. What
    killed processes left of theirs is swept away. The file has the rights that the umask leaves.

    Raises:
        AlmanacError: the disk is full or read-only, a limit is reached, or rights are missing.
    """
    temporary = _beside(path)
    with writing(path):
        sweep(path)
        try:
            yield temporary
            put(temporary, path)
        finally:
            # Libraries add files of their own, as DuckDB its log.
            for left in _named_like(temporary):
                left.unlink(missing_ok=True)


@contextmanager
def fresh_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder beside `folder`, which takes its name and place when all went well.

    A reader never sees half of it: until then the old folder stands, and after an error too. What
    killed processes left of theirs is swept away. The folder has the rights that the umask leaves.

    Raises:
        AlmanacError: as `fresh_file`.
    """
    temporary = _beside(folder)
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        temporary.mkdir()
        try:
            yield temporary
            replaced = _set_aside(folder) if folder.exists() else None
            put(temporary, folder)
            if replaced:
                shutil.rmtree(replaced)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def sweep(place: Path) -> None:
    """Remove what killed processes left beside `place`, a file or folder, while they wrote it.

    A folder that one had set aside, and not yet replaced, gets its place back. What bears this
    process's own number is an earlier one's: containers give the same numbers again.
    """
    for left in place.parent.glob(f".{glob.escape(place.name)}.*"):
        owner = re.match(rf"\.{re.escape(place.name)}\.(replaced\.)?(\d+)", left.name)
        if owner is None or _is_alive_beside_us(int(owner[2])):
            continue
        if owner[1] and not place.exists():
            put(left, place)
        elif left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def sweep_folder(folder: Path) -> None:
    """Remove what killed processes left in `folder`, whatever they wrote there; as `sweep` does."""
    for left in folder.glob(".*"):
        if named := re.match(r"\.(.+?)\.(replaced\.)?\d+", left.name):
            sweep(folder / named[1])


@contextmanager
def locked(folder: Path) -> Iterator[int]:
    """Hold the lock of `folder`, for which others wait; the system frees it after a kill.

    It is held by the file number that this yields: a process that is given it (`pass_fds`) holds
    the lock as well, until it ends.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
    finally:
        os.close(lock)


def put(fresh: Path, place: Path) -> None:
    """Give a file or folder the name `place` in one step; a file or empty folder there goes."""
    os.replace(fresh, place)


def write_text(path: Path, text: str) -> None:
    """Write `text`; a reader sees the old file or the new one, never half of it."""
    with fresh_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> None:
    """Write `value` as JSON that people can read, as `write_text` writes."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, f"{text}\n")


def remove_folder(folder: Path) -> None:
    """Remove the folder, which is gone in one step for whoever looks."""
    shutil.rmtree(_set_aside(folder))


def point(pointer: Path, name: str) -> None:
    """Make the file `pointer` name a folder beside it, in one step."""
    write_text(pointer, f"{name}\n")


def pointed(pointer: Path) -> Path:
    """Return the folder that `pointer` names."""
    return pointer.parent / pointer.read_text(encoding="utf-8").strip()


def _set_aside(folder: Path) -> Path:
    aside = folder.with_name(f".{folder.name}.replaced.{os.getpid()}")
    put(folder, aside)
    return aside


def _beside(place: Path) -> Path:
    return place.with_name(f".{place.name}.{os.getpid()}")


def _named_like(temporary: Path) -> list[Path]:
    return [temporary, *temporary.parent.glob(f"{glob.escape(temporary.name)}.*")]


def _is_alive_beside_us(process: int) -> bool:
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
