"""What Spark's Python workers do; the driver only names these functions."""

import pickle
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, groupby
from operator import itemgetter
from typing import Any

import pyarrow as pa
from pyspark import Accumulator, AccumulatorParam, TaskContext

from ml.lake.engines.answers import Failure, answer_of, done, packed
from ml.lake.engines.batches import BUCKET, ORDER, checked, runs, written_schema
from ml.workspace.errors import BadInput

Write = Callable[[int, Iterator[pa.RecordBatch]], Any]
ANSWERS = pa.schema([(BUCKET, pa.int32()), ("answer", pa.binary())])


class Failures(AccumulatorParam[list[bytes]]):
    """Failures of tasks, pickled: the driver learns of each while other tasks still run."""

    def zero(self, value: list[bytes]) -> list[bytes]:
        """Return no failures."""
        return []

    def addInPlace(self, value1: list[bytes], value2: list[bytes]) -> list[bytes]:  # noqa: N802
        """Add failures to those known."""
        value1.extend(value2)
        return value1


@dataclass(frozen=True)
class Call:
    """How a task is called, and where its failure is told.

    Attributes:
        failures: where the driver looks for failures.
        attempts: how often Spark tries a task.
        duckdb: the driver's version of DuckDB; in another, values could differ.
    """

    failures: Accumulator[list[bytes]]
    attempts: int
    duckdb: str

    def __call__(self, task: bytes) -> bytes:
        """Return the packed answer of a pickled task."""
        return packed(self.answer(partial(done, task)))

    def answer(self, call: Callable[[], Any]) -> Any:  # noqa: ANN401
        """Return what `call` returns, or its Failure, which the driver is told.

        Raises:
            Exception: `call` raised it, no person can mend it, and Spark will try again.
        """
        answer = answer_of(lambda: self._checked(call))
        if isinstance(answer, Failure):
            if not answer.is_for_a_person and _attempt() < self.attempts:
                raise answer.error
            self.failures.add([packed(answer)])
        return answer

    def _checked(self, call: Callable[[], Any]) -> Any:  # noqa: ANN401
        check_duckdb(self.duckdb)
        return call()


def check_duckdb(expected: str) -> None:
    """Check that this worker has the driver's version of DuckDB.

    Raises:
        BadInput: it has another, or none.
    """
    try:
        from duckdb import __version__ as found
    except ImportError:
        found = "none"
    if found != expected:
        raise BadInput(
            f"The executor on {platform.node()} has DuckDB {found}, this process has {expected}: "
            "values could differ.",
            f"Install duckdb=={expected} in the Python of the executors, or name another Python by "
            "PYSPARK_PYTHON, then run the command again.",
        )


def read(
    numbers: Iterable[pa.RecordBatch],
    call: Call,
    sources: Sequence[bytes],
    schema: pa.Schema,
    buckets: int,
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of the sources of the numbers; after a failure a row without file a bucket.

    The failure goes with the rows to every bucket, so that none is written without all its rows.
    """
    for batch in numbers:
        for number in batch.column(0).to_pylist():
            rows = checked(partial(done, sources[number]), schema, buckets)
            while (piece := call.answer(partial(next, rows, None))) is not None:
                if isinstance(piece, Failure):
                    yield _without_file(schema, buckets)
                    return
                yield piece


def write_buckets(
    batches: Iterable[pa.RecordBatch], call: Call, write: bytes, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    """Yield a row a bucket: the bucket and the packed answer of `write`, which streams its rows."""
    kept = written_schema(schema)
    for bucket, pieces in groupby(runs(batches), key=itemgetter(0)):
        rows = (piece for _, piece in pieces)
        first = next(rows)
        if first.column(ORDER[0])[0].as_py() is None:
            continue
        written = (piece.select(kept.names).cast(kept) for piece in chain([first], rows))
        answer = call.answer(partial(_written, write, bucket, written))
        yield pa.record_batch([[bucket], [packed(answer)]], schema=ANSWERS)
        if isinstance(answer, Failure):
            return


def _written(write: bytes, bucket: int, rows: Iterator[pa.RecordBatch]) -> Any:  # noqa: ANN401
    return pickle.loads(write)(bucket, rows)


def _without_file(schema: pa.Schema, buckets: int) -> pa.RecordBatch:
    columns = [
        pa.array(range(buckets), field.type)
        if field.name == BUCKET
        else pa.nulls(buckets, field.type)
        for field in schema
    ]
    return pa.record_batch(columns, names=schema.names)


def _attempt() -> int:
    """Return which attempt of its task this is, from 1."""
    context = TaskContext.get()
    return context.attemptNumber() + 1 if context else 1
