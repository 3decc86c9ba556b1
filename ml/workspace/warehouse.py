"""Opening the warehouse, read-only by default; waits while another process holds it."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import duckdb
from tqdm import tqdm

from ml.workspace.errors import Held, NotBuilt
from ml.workspace.faults import refused, writing
from ml.workspace.files import fresh_file
from ml.workspace.sql import literal, quoted

T = TypeVar("T")

PATIENCE_SECONDS = 60.0
# Suffix of the table of vectors under the view of a wide family.
VECTORS = "__vectors"
# What DuckDB says of a file that is not as it wrote it.
DAMAGED = (
    "Corrupt database file",
    "Could not read enough bytes from file",
    "not a valid DuckDB database file",
)
KEEP_SCORES = (
    "Put its last copy in its place, and keep this file: the scores since the last `ml publish` "
    "are in it alone.\nWithout a copy, build a new workspace over the same raw files: "
    "ALMANAC_HOME=<new folder> ALMANAC_RAW=<raw folder> dbt build"
)


@contextmanager
def open_warehouse(
    path: Path, *, read_only: bool = True, patience: float = PATIENCE_SECONDS
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a UTC connection to the warehouse at `path` and close it afterwards.

    Raises:
        AlmanacError: no warehouse there, it is damaged, the system refuses to read or write it, or
            another process held it for `patience` seconds.
    """
    if not path.exists():
        raise NotBuilt(f"No warehouse at {path}.", "Build it first: dbt build")
    # Who only reads writes too, beside it, what memory does not hold.
    written = path.with_name(f"{path.name}.tmp") if read_only else path
    with _damage_named(path):
        connection = _patiently(
            lambda: duckdb.connect(str(path), read_only=read_only), path, patience
        )
        try:
            with writing(written):
                connection.execute("set TimeZone = 'UTC'")
                yield connection
        finally:
            connection.close()


@contextmanager
def attached(
    connection: duckdb.DuckDBPyConnection, path: Path, name: str, patience: float = PATIENCE_SECONDS
) -> Iterator[None]:
    """Have the DuckDB file at `path` as the database `name` of a connection meanwhile, to be read.

    Raises:
        AlmanacError: as `open_warehouse`.
    """
    statement = f"attach {literal(path)} as {quoted(name)} (read_only)"
    with _damage_named(path):
        _patiently(lambda: connection.execute(statement), path, patience)
    try:
        yield
    finally:
        connection.execute(f"detach {quoted(name)}")


def make_warehouse(path: Path) -> None:
    """Make an empty warehouse at `path` where there is none, all of it at once."""
    if not path.exists():
        with fresh_file(path) as temporary:
            duckdb.connect(str(temporary)).close()


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        if any(words in str(error) for words in DAMAGED):
            raise NotBuilt(f"{path} is damaged: {error}", KEEP_SCORES) from error
        raise


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commit what is done meanwhile, all of it or, after an error, nothing."""
    connection.execute("begin")
    try:
        yield
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


def _patiently(open_it: Callable[[], T], path: Path, patience: float) -> T:
    """Return what opens the file at `path`, again and again while another process holds it."""
    deadline = time.monotonic() + patience
    announced = False
    while True:
        try:
            return open_it()
        except duckdb.IOException as error:
            if "Could not set lock" not in str(error):
                raise refused(error, path, "opened") or error from error
            if time.monotonic() >= deadline:
                raise Held(
                    f"{path} is held by another process: {error}",
                    "Wait for it (a dbt build?) or stop it, then run the command again.",
                ) from error
            if not announced:
                tqdm.write(f"Waiting for {path}: another process holds it.", file=sys.stderr)
                announced = True
            time.sleep(0.2)
