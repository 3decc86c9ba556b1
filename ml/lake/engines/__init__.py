"""Engines run the tasks of a lake: the cores of one machine, or Spark.

Spark reads, exchanges, schedules and tries again; DuckDB computes inside the tasks of either.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

import pyarrow as pa

from ml.lake.engines.batches import Source
from ml.lake.settings import LakeSettings
from ml.workspace import extras
from ml.workspace.errors import BadInput

if TYPE_CHECKING:
    from ml.lake.engines.spark import Spark

T = TypeVar("T")

__all__ = ["Engine", "Source", "engine_of", "spark_of"]


class Engine(Protocol):
    """Runs picklable callables elsewhere; a context manager that leaves nothing running."""

    def run(self, words: str, tasks: Sequence[Callable[[], T]]) -> list[T]:
        """Return what the tasks return, in their order.

        A task whose process dies is tried again: what it writes must not depend on that.

        Args:
            words: what the work is, for the progress and for errors.
            tasks: picklable callables of modules that executors can import; what they return is
                pickled too.

        Raises:
            AlmanacError: a task raised it, or lost its process four times.
            Exception: a task raised it; its cause is the traceback of the task's process.
        """
        ...

    def exchange(  # noqa: PLR0913
        self,
        words: str,
        sources: Sequence[Source],
        schema: pa.Schema,
        *,
        buckets: int,
        write: Callable[[int, Iterator[pa.RecordBatch]], T],
        scratch: Path,
    ) -> list[T]:
        """Bring rows to their buckets; return what `write` returns for each, in their order.

        Args:
            words: what the work is, for the progress and for errors.
            sources: picklable callables that yield record batches with the columns of `schema`.
            schema: the columns of all sources, among them `bucket` (int32, from 0 to below
                `buckets`), `_file` (string) and `_row` (int64), none of the three ever null.
            buckets: how many buckets there are.
            write: called once for each bucket that has rows, and again where its process died,
                with the bucket and its rows, in batches without `bucket`, all of them in the
                order of `_file` (by its bytes) and `_row`. It need not read them to the end.
            scratch: a folder for files that are removed at the end; the same on all machines.

        Raises:
            TypeError: `schema` lacks one of the three, or has types that an exchange may change.
            AlmanacError: as `run`.
            Exception: as `run`.
        """
        ...

    def close(self) -> None:
        """End every process of the engine."""
        ...

    def __enter__(self) -> Self:
        """Return the engine."""
        ...

    def __exit__(self, *error: object) -> None:
        """Close the engine."""
        ...


def engine_of(settings: LakeSettings) -> Engine:
    """Return the engine that the settings of a lake name, started.

    Raises:
        BadInput: pyspark or Java is missing, or the master does not answer.
    """
    if settings.engine == "spark":
        return spark_of(settings.master)
    from ml.lake.engines.processes import Processes

    return Processes(settings.bucket_memory)


def spark_of(master: str) -> "Spark":
    """Return the engine Spark, started; `master` is in its own words, empty for its settings'.

    Raises:
        BadInput: pyspark or Java is missing, or the master does not answer.
    """
    try:
        import pyspark  # noqa: F401
    except ModuleNotFoundError as error:
        raise BadInput(
            "The engine spark needs pyspark, which is not installed.",
            extras.advice("spark"),
        ) from error
    from ml.lake.engines.spark import Spark

    return Spark(master)
