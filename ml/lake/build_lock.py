"""One build of a lake at a time, on one host or on several that share its folder.

The lock is a file that says who holds it, made only where there is none (`O_EXCL`), which shared
folders keep to as well; `flock` they may not pass on to other hosts. It serves here only to let
processes of one host look and take over one after another.

A kill leaves the file. Whoever comes next takes it over where it can know that the holder is
dead: a process of the same start of the same kernel, seen in the same space of process numbers,
whose number is free or belongs to a process that began at another time. Of other hosts, containers
and earlier starts nobody here can know that, and a sign of life that stops does not say it either:
a process that is only halted would go on to write. So a person decides, and removes the file.
"""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ml.workspace.errors import Held
from ml.workspace.faults import writing
from ml.workspace.files import locked
from ml.workspace.holder import Holder, holder_of, is_dead, this_process

LOCK = "build.lock"


@contextmanager
def building(lake: Path) -> Iterator[None]:
    """Hold the lock of a lake while a build commits, cleans and turns its pointer.

    Raises:
        Held: another build holds it; the error says which, since when, and what to do.
        AlmanacError: the disk refuses.
    """
    path = lake / LOCK
    with locked(lake), writing(path):
        if is_dead(holder_of(path)):
            path.unlink()
        mine = _take(path)
    try:
        yield
    finally:
        # A person may have removed it, and another build taken it.
        with locked(lake):
            if holder_of(path) == mine:
                path.unlink()


def _take(path: Path) -> Holder:
    mine = this_process()
    try:
        made = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    except FileExistsError:
        raise _held(path) from None
    try:
        with os.fdopen(made, "w", encoding="utf-8") as file:
            file.write(mine.text)
    except BaseException:
        # A full disk: one that says nothing would stand in the way of every build to come.
        path.unlink()
        raise
    return mine


def _held(path: Path) -> Held:
    holder = holder_of(path)
    if holder is None:
        who, gone = "which does not say who it is", "If no build of it runs on any host"
    else:
        who = f"process {holder.pid} on {holder.host}, since {holder.since}"
        gone = f"If {holder.host} runs no such process any more"
    return Held(
        f"Another build writes the lake {path.parent}: {who}.",
        f"Wait for it. {gone}: rm {shlex.quote(str(path))}. Then run the command again.",
    )
