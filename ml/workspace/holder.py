"""Who holds what others must not touch: a process that names itself in a file.

It is dead where that can be known: a process of the same start of the same kernel, seen in the same
space of process numbers, whose number is free or belongs to a process that began at another time.
Of other hosts, containers and earlier starts nobody here can know it.
"""

import json
import os
import shutil
import socket
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from ml.workspace.faults import writing

# The file of a folder that says who holds it.
HOLDER = "holder.json"
# Seconds after which a folder goes, though nobody knows whether its holder is dead.
LEFT_BEHIND = 7 * 24 * 3600


@dataclass(frozen=True)
class Holder:
    """Who holds a lock or a folder.

    Attributes:
        host: the host's name.
        pid: the number of the process.
        since: from when on, in UTC.
        began: when the process began, in ticks since its kernel's start.
        space: the kernel's start, and the space that process numbers are counted in.
    """

    host: str
    pid: int
    since: str
    began: str | None
    space: str

    @property
    def text(self) -> str:
        """The holder as the text of its file."""
        return json.dumps(asdict(self))


def held_folder(parent: Path, prefix: str = "tmp") -> Path:
    """Return a new folder below `parent`, which stays until it is removed or this process ends.

    What dead processes left there goes.

    Raises:
        AlmanacError: the disk refuses.
    """
    remove_left(parent)
    with writing(parent):
        parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        (made / HOLDER).write_text(this_process().text, encoding="utf-8")
    return made


def remove_left(parent: Path) -> None:
    """Remove the folders below `parent` whose holder is dead."""
    for folder in parent.iterdir() if parent.exists() else ():
        if _is_left(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _is_left(folder: Path) -> bool:
    holder = holder_of(folder / HOLDER)
    try:
        age = time.time() - folder.stat().st_mtime
    except FileNotFoundError:
        # Another process removed it just now.
        return False
    return is_dead(holder) or age > LEFT_BEHIND


def holder_of(path: Path) -> Holder | None:
    """Return whom the file names; None where it is absent or does not say it."""
    try:
        return Holder(**json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):
        return None


def is_dead(holder: Holder | None) -> bool:
    """Return whether the holder is a process of this kernel that has ended; False if unknown."""
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


def this_process() -> Holder:
    """Return this process as a holder, from now on."""
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
