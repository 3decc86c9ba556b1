"""Opening the warehouse, read-only by default; waits while another process holds it."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
from tqdm import tqdm

from ml.workspace.errors import AlmanacError, Held, NotBuilt

PATIENCE_SECONDS = 60.0
# Suffix of the table of vectors under the view of a wide family.
VECTORS = "__vectors"


@contextmanager
def open_warehouse(
    path: Path, *, read_only: bool = True, patience: float = PATIENCE_SECONDS
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a UTC connection to the warehouse at `path` and close it afterwards.

    Raises:
        AlmanacError: no warehouse there, or another process held it for `patience` seconds.
    """
    if not path.exists():
        raise NotBuilt(f"No warehouse at {path}.", "Build it first: dbt build")
    connection = _connect(path, read_only, patience)
    try:
        connection.execute("set TimeZone = 'UTC'")
        yield connection
    finally:
        connection.close()


def _unreadable(path: Path, error: duckdb.Error) -> AlmanacError:
    what = f"{path} cannot be opened as a warehouse: {error}"
    if not os.access(path, os.R_OK | os.W_OK) or "Permission denied" in str(error):
        return Held(what, f"Let this user read and write it: chmod u+rw {path}")
    return NotBuilt(
        what,
        "Put a copy of it from before in its place. The rest can be built anew (dbt build), but "
        "the scores that `ml score` appended are in this file alone, so keep it.",
    )


def _connect(path: Path, read_only: bool, patience: float) -> duckdb.DuckDBPyConnection:
    deadline = time.monotonic() + patience
    announced = False
    while True:
        try:
            return duckdb.connect(str(path), read_only=read_only)
        except duckdb.IOException as error:
            if "Could not set lock" not in str(error):
                raise _unreadable(path, error) from error
            if time.monotonic() >= deadline:
                raise Held(
                    f"{path} is held by another process: {error}",
                    "Wait for it (a dbt build?) or stop it, then run the command again.",
                ) from error
            if not announced:
                tqdm.write(f"Waiting for {path}: another process holds it.", file=sys.stderr)
                announced = True
            time.sleep(0.2)
