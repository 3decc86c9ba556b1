"""Files and folders that are there whole or not at all, and pointers that turn in one step."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def fresh_file(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to, which takes its place when all went well.

    A reader never sees half of it: until then the old file stands, and after an error too.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield temporary
        put(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def fresh_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder beside `folder`, which takes its name and place when all went well.

    A reader never sees half of it: until then the old folder stands, and after an error too.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        temporary.chmod(0o755)
        yield temporary
        replaced = _set_aside(folder) if folder.exists() else None
        put(temporary, folder)
        if replaced:
            shutil.rmtree(replaced)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


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
    aside = Path(tempfile.mkdtemp(prefix=".replaced.", dir=folder.parent))
    put(folder, aside)
    return aside
