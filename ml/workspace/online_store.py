"""What is wrong with the file of a SQLite online store, in words and with what helps."""

from pathlib import Path

from ml.workspace.errors import AlmanacError, NotBuilt
from ml.workspace.faults import Refused, refused

# SQLite's names of the errors of a file that is not as it wrote it.
DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")


def store_fault(error: Exception, path: Path, done: str = "written") -> AlmanacError | None:
    """Return what is wrong with the file of the online store, if that is why; else None.

    Args:
        error: what SQLite or the system raised.
        path: the online store.
        done: what could not be done with it.
    """
    if getattr(error, "sqlite_errorname", "").startswith(DAMAGED):
        return NotBuilt(
            f"The online store {path} is damaged: {error}.",
            "All that it holds is in the warehouse. Remove it, then publish anew: "
            f"rm -f {path} {path}-wal {path}-shm && ml materialize",
        )
    found = refused(error, path, done)
    if found and done == "written":
        return Refused(found.what, f"What was published before is still there. {found.next}")
    return found
