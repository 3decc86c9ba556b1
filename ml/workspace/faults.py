"""Why the system refused a file, in words and with what helps, whichever library met it.

Python, Arrow and DuckDB repeat the system's words in errors of their own; SQLite has its own words.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ml.workspace.errors import AlmanacError, Held


class Fault(NamedTuple):
    """What errors say of it, what it is, and what to do before the command is run again."""

    words: tuple[str, ...]
    what: str
    next: str


FREE = "Free space on its disk"
FAULTS = (
    Fault((os.strerror(errno.ENOSPC), "disk is full"), "the disk is full", FREE),
    Fault((os.strerror(errno.EDQUOT),), "this user's share of the disk is used up", FREE),
    Fault(
        (os.strerror(errno.EFBIG), "max_temp_directory_size"),
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
) -> Refused | None:
    """Return the error as one of a person, where the system refused a file; else None.

    Args:
        error: what was raised.
        path: the file or folder; by default the one that the error names, if any.
        done: what could not be done with it.
    """
    fault = fault_of(error)
    if fault is None:
        return None
    named = path or getattr(error, "filename", None)
    what = f"{named} cannot be {done}: {fault.what}." if named else f"{error}: {fault.what}."
    place = _place(Path(named)) if named else "<the file>"
    return Refused(what, f"{fault.next.format(place=place)}, then run the command again.")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Name `path`, its fault and what helps where the system refuses what is written meanwhile.

    Raises:
        AlmanacError: the disk is full or read-only, a limit is reached, or rights are missing.
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


def _place(path: Path) -> Path:
    """Return what lacks a right: the file, or the folder where it cannot be made."""
    return path if path.exists() and not os.access(path, os.R_OK | os.W_OK) else path.parent
