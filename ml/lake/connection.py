"""DuckDB inside a task: one thread, a memory limit, and a folder of its own to spill into."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from ml.workspace.errors import BadInput
from ml.workspace.faults import writing


@contextmanager
def task_connection(
    memory: str = "", scratch: Path | None = None, *, keep_order: bool = True
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a UTC connection to an empty database in memory, for one task.

    Args:
        memory: what DuckDB may hold, as `4GB`; by default its own share of the machine's.
        scratch: the folder below which it spills what is more, if it may; made where it is missing.
        keep_order: whether rows without an `order by` come in the order of their source.

    Raises:
        AlmanacError: the work needs more memory, though it spills, or the disk refuses.
    """
    settings: dict[str, str | bool | int | float | list[str]] = {
        "threads": 1,
        "preserve_insertion_order": keep_order,
    }
    spill = None
    if memory:
        settings["memory_limit"] = memory
    if scratch is not None:
        scratch.mkdir(parents=True, exist_ok=True)
        spill = tempfile.mkdtemp(prefix="spill-", dir=scratch)
        settings["temp_directory"] = spill
    try:
        with _refusals(memory, scratch), duckdb.connect(":memory:", config=settings) as connection:
            # In a process without a script DuckDB takes itself for a terminal's.
            connection.execute("set TimeZone = 'UTC'; set enable_progress_bar = false")
            yield connection
    finally:
        if spill is not None:
            shutil.rmtree(spill, ignore_errors=True)


@contextmanager
def _refusals(memory: str, scratch: Path | None) -> Iterator[None]:
    """Name what DuckDB lacks: memory, or room on the disk that it spills to."""
    try:
        with writing(scratch or Path(tempfile.gettempdir())):
            yield
    except duckdb.OutOfMemoryException as error:
        raise BadInput(
            f"A bucket does not fit {memory or 'the memory'}, though DuckDB spills to disk: "
            f"{str(error).splitlines()[0]}",
            "Set a larger bucket_memory below `lake:` in workspace.yml, then run the command "
            "again. More buckets need less each, but only a new lake can have them.",
        ) from error
