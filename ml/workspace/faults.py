"""Why the system refused a file, in words and with what helps, whichever library met it.

Python, Arrow and DuckDB repeat the system's words in errors of their own; SQLite has its own words.
"""

import errno
import os
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ml.workspace.errors import AlmanacError, Held, NotBuilt


class Fault(NamedTuple):
    """What errors say of it, what it is, and what to do before the command is run again."""

    words: tuple[str, ...]
    what: str
    next: str


FREE = "Free space on its disk"
FAULTS = (
    # DuckDB spills to no more than the room there is, and has words of its own for the end of it.
    Fault(
        (os.strerror(errno.ENOSPC), "disk is full", "max_temp_directory_size"),
        "the disk is full",
        FREE,
    ),
    Fault((os.strerror(errno.EDQUOT),), "this user's share of the disk is used up", FREE),
    Fault(
        (os.strerror(errno.EFBIG),),
        "it would be larger than a file may be here",
        f"{FREE}, or raise the limit (ulimit -f)",
    ),
    Fault((os.strerror(errno.EROFS),), "the disk is read-only", "Mount it so that it takes files"),
    Fault(
        (os.strerror(errno.EACCES), os.strerror(errno.EPERM), "readonly database"),
        "this user has no right to",
        "Let this user read and write it: chmod u+rwX {place}",
    ),
    Fault(
        (os.strerror(errno.EISDIR),),
        "a folder of this name is in its place",
        "Move the folder away",
    ),
    Fault(
        (os.strerror(errno.ENOTDIR), os.strerror(errno.EEXIST)),
        "a file is in the place of its folder",
        "Move the file away",
    ),
    # SQLite's words for what it cannot tell apart.
    Fault(
        ("disk I/O error",),
        "the disk is full or failing, or it would be larger than a file may be here",
        f"{FREE}, or raise the limit (ulimit -f)",
    ),
    Fault(
        ("unable to open database file",),
        "it is no file, or this user may not write its folder",
        "Let this user write there: chmod u+rwX {place}",
    ),
)

# What DuckDB says of a Parquet file that is gone, or not as it was written; and how those of a
# lake are named: <lake>/tables/<schema>/<table>/<column>=<number>/<hash>.parquet.
DAMAGED_PARQUET = (
    "No files found that match the pattern",
    "No magic bytes found",
    "too small to be a Parquet file",
    "Failed to read file",
    os.strerror(errno.ENOENT),
)
LAKE_FILE = re.compile(r"(/[^\n]*?)/tables/[^/\n]+/[^/\n]+/(?:\w+=\d+/)*[0-9a-f]{32}\.parquet")


class Refused(Held):
    """The system refuses to read or write a file: a full disk, a limit, the rights of the file."""


def fault_of(error: BaseException | None) -> Fault | None:
    """Return why the system refused a file, from an error or those that it came of; else None."""
    while error is not None:
        for fault in FAULTS:
            if any(words in str(error) for words in fault.words):
                return fault
        error = error.__cause__ or error.__context__
    return None


def refused(
    error: BaseException, path: Path | None = None, done: str = "written"
) -> AlmanacError | None:
    """Return the error as one of a person, where a file was refused or a lake lost it; else None.

    Args:
        error: what was raised.
        path: the file or folder; by default the one that the error names, if any.
        done: what could not be done with it.
    """
    fault = fault_of(error)
    if fault is None:
        return _lost_by_lake(error)
    named = path or getattr(error, "filename", None)
    what = f"{named} cannot be {done}: {fault.what}." if named else f"{error}: {fault.what}."
    place = _place(Path(named)) if named else "<the file>"
    return Refused(what, f"{fault.next.format(place=place)}, then run the command again.")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Name `path`, its fault and what helps where the system refuses what is written meanwhile.

    Raises:
        AlmanacError: the disk is full or read-only, a limit is reached, rights are missing, or a
            file of a lake that is read meanwhile is missing or damaged.
    """
    try:
        yield
    except Exception as error:
        # What is written inside a folder has its turn first; the outermost place is what counts.
        if isinstance(error, AlmanacError) and not isinstance(error, Refused):
            raise
        found = refused(error, path)
        if found is None:
            raise
        raise found from error


def rebuild(lake: Path) -> str:
    """Return what builds a lake from nothing."""
    return f"rm -r {shlex.quote(str(lake))}, then: ml lake build"


def lost_file(lake: Path, file: Path) -> NotBuilt:
    """Return the error of a file of a lake that is not as it was written."""
    return NotBuilt(
        f"A file of the lake {lake} is missing or damaged: {file}",
        f"Build the lake again: {rebuild(lake)}",
    )


def _lost_by_lake(error: BaseException | None) -> NotBuilt | None:
    """Return the error that a file of a lake is missing or damaged, if that is what it says."""
    while error is not None:
        text = str(error)
        found = LAKE_FILE.search(text)
        if found and any(words in text for words in DAMAGED_PARQUET):
            return lost_file(Path(found[1]), Path(found[0]))
        error = error.__cause__ or error.__context__
    return None


def _place(path: Path) -> Path:
    """Return what lacks a right: the file, or the folder where it cannot be made."""
    return path if path.exists() and not os.access(path, os.R_OK | os.W_OK) else path.parent
