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

import json
import os
import shlex
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from ml.workspace.errors import Held
from ml.workspace.faults import writing
from ml.workspace.files import locked

LOCK = "build.lock"


@dataclass(frozen=True)
class Holder:
    """Who holds the lock.

    Attributes:
        host: the host's name.
        pid: the number of the process.
        since: when it took the lock, in UTC.
        began: when the process began, in ticks since its kernel's start.
        space: the kernel's start, and the space that process numbers are counted in.
    """

    host: str
    pid: int
    since: str
    began: str | None
    space: str


@contextmanager
def building(lake: Path) -> Iterator[None]:
    """Hold the lock of a lake while a build commits, cleans and turns its pointer.

    Raises:
        Held: another build holds it; the error says which, since when, and what to do.
        AlmanacError: the disk refuses.
    """
    path = lake / LOCK
    with locked(lake), writing(path):
        if _is_dead(_holder(path)):
            path.unlink()
        mine = _take(path)
    try:
        yield
    finally:
        # A person may have removed it, and another build taken it.
        with locked(lake):
            if _holder(path) == mine:
                path.unlink()


def _take(path: Path) -> Holder:
    mine = _this_process()
    try:
        made = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    except FileExistsError:
        raise _held(path) from None
    try:
        with os.fdopen(made, "w", encoding="utf-8") as file:
            file.write(json.dumps(asdict(mine)))
    except BaseException:
        # A full disk: one that says nothing would stand in the way of every build to come.
        path.unlink()
        raise
    return mine


def _held(path: Path) -> Held:
    holder = _holder(path)
    if holder is None:
        who, gone = "which does not say who it is", "If no build of it runs on any host"
    else:
        who = f"process {holder.pid} on {holder.host}, since {holder.since}"
        gone = f"If {holder.host} runs no such process any more"
    return Held(
        f"Another build writes the lake {path.parent}: {who}.",
        f"Wait for it. {gone}: rm {shlex.quote(str(path))}. Then run the command again.",
    )


def _holder(path: Path) -> Holder | None:
    """Return who holds the lock; None where nobody does, or the file does not say it."""
    try:
        return Holder(**json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _is_dead(holder: Holder | None) -> bool:
    if holder is None or holder.space != _space():
        return False
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        # Another user's, which /proc may hide.
        pass
    return _began(holder.pid) not in (holder.began, None)


def _this_process() -> Holder:
    pid = os.getpid()
    now = datetime.now(UTC).isoformat(sep=" ", timespec="seconds")
    return Holder(socket.gethostname(), pid, now, _began(pid), _space())


def _began(pid: int) -> str | None:
    """Return when a process began; empty where it has ended, None where nothing says it."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name, in brackets, may hold anything; the 22nd field is the 20th after it. A process
    # that has ended stays until its parent has asked for its end.
    state, *fields = text.rpartition(")")[2].split()
    return "" if state == "Z" else fields[18]


def _space() -> str:
    kernel = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    return f"{kernel} {os.readlink('/proc/self/ns/pid')}"
