"""Point-in-time retrieval from a lake: each bucket of customers by itself, in a task.

A task sees the files of its bucket and the entity rows of its customers. It runs what one machine
runs over its warehouse, and leaves its answer in a file, rows in the order of its entity rows. The
driver reads the files a part at a time and puts the rows back in the order that was asked for.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.ipc
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from feature_repo.stores.entities import EVENT_TIMESTAMP
from feature_repo.stores.point_in_time import Lookup
from feature_repo.stores.retrieval import Call, FeatureMatrix, Retrieval
from ml.data.mapped import MatrixMaker, in_memory, mapped
from ml.lake.shown import NUMBERED, ROW, BucketDatabase, ShownLake, shown_lake
from ml.workspace.sql import quoted_relation
from ml.workspace.warehouse import VECTORS

CUSTOMER = "customer_id"
# Rows of a matrix or table that a task has in memory at once.
ROWS_AT_ONCE = 100_000


def by_bucket(
    connection: duckdb.DuckDBPyConnection, asked: Retrieval
) -> "Retrieval | BucketRetrieval":
    """Return how `asked` is answered: of a lake's warehouse by bucket, where customers are keys."""
    lake = shown_lake(connection)
    if lake is None or not asked.lookups:
        return asked
    by_customer = all((CUSTOMER, CUSTOMER) in lookup.keys for lookup in asked.lookups)
    known = lake.has(lookup.relation.name for lookup in asked.lookups)
    return BucketRetrieval(asked, lake) if by_customer and known else asked


@dataclass(frozen=True)
class BucketRetrieval:
    """The entity rows, what to look up for each of them, and the lake that has it."""

    whole: Retrieval
    lake: ShownLake

    def sql(self, connection: duckdb.DuckDBPyConnection) -> str:
        """Return the statements that one machine would run over a warehouse of the same rows."""
        lookups = [
            replace(lookup, relation=replace(lookup.relation, has_rowid=True))
            if self.lake.is_stored(stored_name(lookup))
            else lookup
            for lookup in self.whole.lookups
        ]
        return replace(self.whole, lookups=tuple(lookups)).sql(connection)

    def require_numbers(self) -> None:
        """Check that every feature is a number; raises as `Retrieval.require_numbers`."""
        self.whole.require_numbers()

    def table(self, connection: duckdb.DuckDBPyConnection) -> pa.Table:
        """Return the entity rows, then the features as columns."""
        return next(self.parts(connection, max(1, self.whole.entities.num_rows)))

    def parts(self, connection: duckdb.DuckDBPyConnection, rows: int) -> Iterator[pa.Table]:
        """Return the same in parts of `rows` rows, the last perhaps shorter; one where none are."""
        with self._answers(_as_table) as answers:
            for part, found in answers.parts(self.whole.entities, rows):
                columns = [*part.columns, *found.columns]
                yield pa.table(columns, names=[*part.column_names, *found.column_names])

    def matrix(
        self, connection: duckdb.DuckDBPyConnection, make: MatrixMaker = in_memory
    ) -> FeatureMatrix:
        """Return the entity rows with all features as one matrix, which `make` gives."""
        return next(self.matrices(connection, max(1, self.whole.entities.num_rows), make))

    def matrices(
        self, connection: duckdb.DuckDBPyConnection, rows: int, make: MatrixMaker = in_memory
    ) -> Iterator[FeatureMatrix]:
        """Return the same in parts of `rows` rows, the last perhaps shorter; one where none are."""
        with self._answers(_as_matrix) as answers:
            yield from answers.matrices(self.whole.entities, rows, make)

    def apply(
        self, connection: duckdb.DuckDBPyConnection, rows: int, call: Call
    ) -> Iterator[pa.Table]:
        """Yield what `call` makes of matrices of at most `rows` rows, in no order of these.

        `call` is pickled and runs in the tasks. Its matrices have of the entity rows the customer
        and the moment alone.
        """
        with self._answers(partial(_applied, rows=rows, call=call)) as answers:
            yield from answers.tables()

    @contextmanager
    def _answers(self, answer: "Answer") -> Iterator["Answers"]:
        entities = self.whole.entities
        buckets = self.lake.buckets_of(entities[CUSTOMER])
        needed = [name for lookup in self.whole.lookups for name in _relations(lookup)]
        lookups = tuple(map(self._within, self.whole.lookups))
        keys = {key for lookup in lookups for key in lookup.entity_keys}
        narrow = entities.select([*sorted(keys), EVENT_TIMESTAMP])
        # Without a row there is still a bucket that says of which type its features are.
        places = rows_of(buckets) or {0: np.empty(0, np.int64)}
        databases = self.lake.databases(places.keys(), needed)
        with self.lake.answers() as folder, self.lake.engine(entities.num_rows) as engine:
            tasks = [
                BucketTask(
                    databases[bucket],
                    Retrieval(narrow.take(pa.array(rows)), lookups),
                    answer,
                    folder / str(bucket),
                )
                for bucket, rows in places.items()
            ]
            types = engine.run("features by bucket", tasks)[0]
            files = [task.out for task in tasks]
            yield Answers(files, list(places.values()), types)

    def _within(self, lookup: Lookup) -> Lookup:
        """Return the lookup as a bucket makes it: by the numbers of stored rows."""
        name = stored_name(lookup)
        if not self.lake.is_stored(name):
            return lookup
        rows = quoted_relation(f"{name}{NUMBERED}")
        relation = replace(lookup.relation, rows=rows, has_rowid=True, rowid=ROW)
        return replace(lookup, relation=relation)


def rows_of(buckets: NDArray[np.int32]) -> dict[int, NDArray[np.int64]]:
    """Return the rows of each bucket, by number and in order."""
    order = np.argsort(buckets, kind="stable")
    found, starts = np.unique(buckets[order], return_index=True)
    return dict(zip(found.tolist(), np.split(order, starts[1:]), strict=True)) if len(found) else {}


def stored_name(lookup: Lookup) -> str:
    """Return the relation, as `schema.table`, of which a lookup fetches rows."""
    relation = lookup.relation
    return f"{relation.name}{VECTORS}" if relation.positions else relation.name


def _relations(lookup: Lookup) -> tuple[str, str]:
    return lookup.relation.name, stored_name(lookup)


Answer = Callable[[Retrieval, duckdb.DuckDBPyConnection, Path], dict[str, pa.DataType]]


@dataclass(frozen=True)
class BucketTask:
    """A task: answers for the customers of one bucket. It is pickled; calling it runs it.

    `out` is the file of its answer, below a folder that the driver sees too.
    """

    database: BucketDatabase
    asked: Retrieval
    answer: Answer
    out: Path

    def __call__(self) -> dict[str, pa.DataType]:
        """Write the answer; return the features' Arrow types by name."""
        with self.database.opened(self.out.parent) as connection:
            return self.answer(self.asked, connection, self.out)


def _as_matrix(
    asked: Retrieval, connection: duckdb.DuckDBPyConnection, out: Path
) -> dict[str, pa.DataType]:
    return _matrix(asked, connection, out)[0]


def _matrix(
    asked: Retrieval, connection: duckdb.DuckDBPyConnection, out: Path
) -> tuple[dict[str, pa.DataType], NDArray[np.float32]]:
    """Return the types, and the matrix in the memory of the file `out`."""
    shape = (asked.entities.num_rows, len(asked.names))
    if not all(shape):
        # A file of no bytes has no memory; nobody reads it.
        values = np.empty(shape, np.float32)
        return asked.fill(connection, values), values
    matrix = mapped(out, shape)
    types = asked.fill(connection, matrix)
    matrix.flush()
    return types, matrix


def _as_table(
    asked: Retrieval, connection: duckdb.DuckDBPyConnection, out: Path
) -> dict[str, pa.DataType]:
    names = asked.names
    parts = (part.select(names) for part in asked.parts(connection, ROWS_AT_ONCE))
    return _written(parts, out)


def _applied(
    asked: Retrieval,
    connection: duckdb.DuckDBPyConnection,
    out: Path,
    *,
    rows: int,
    call: Call,
) -> dict[str, pa.DataType]:
    kept = out.with_suffix(".matrix")
    types, values = _matrix(asked, connection, kept)
    parts = (
        call(FeatureMatrix(asked.entities.slice(start, rows), types, values[start : start + rows]))
        for start in range(0, max(1, len(values)), rows)
    )
    # Tasks run beside each other, one a core.
    with threadpool_limits(1):
        _written(parts, out)
    kept.unlink(missing_ok=True)
    return types


def _written(parts: Iterator[pa.Table], out: Path) -> dict[str, pa.DataType]:
    """Write tables of one schema to an Arrow file; return its types by column."""
    first = next(parts)
    with pa.ipc.new_file(str(out), first.schema) as file:
        for part in (first, *parts):
            file.write_table(part)
    return {field.name: field.type for field in first.schema}


@dataclass(frozen=True)
class Answers:
    """The files that buckets wrote, and for each its entity rows by number, in order."""

    files: Sequence[Path]
    places: Sequence[NDArray[np.int64]]
    types: dict[str, pa.DataType]

    def matrices(self, entities: pa.Table, rows: int, make: MatrixMaker) -> Iterator[FeatureMatrix]:
        """Yield the matrices of `rows` entity rows each, the last perhaps shorter."""
        found = [np.load(file, mmap_mode="r") if len(p) else None for file, p in self._pairs()]
        for start in range(0, max(1, entities.num_rows), rows):
            part = entities.slice(start, rows)
            values = make((part.num_rows, len(self.types)))
            for matrix, places in zip(found, self.places, strict=True):
                low, high = np.searchsorted(places, (start, start + part.num_rows))
                if matrix is not None:
                    values[places[low:high] - start] = matrix[low:high]
            yield FeatureMatrix(part, self.types, values)

    def parts(self, entities: pa.Table, rows: int) -> Iterator[tuple[pa.Table, pa.Table]]:
        """Yield `rows` entity rows and their features as columns, the last perhaps shorter."""
        found = list(self.tables())
        for start in range(0, max(1, entities.num_rows), rows):
            part = entities.slice(start, rows)
            pieces, numbers = [], []
            for table, places in zip(found, self.places, strict=True):
                low, high = np.searchsorted(places, (start, start + part.num_rows))
                pieces.append(table.slice(low, high - low))
                numbers.append(places[low:high])
            whole, order = pa.concat_tables(pieces), pa.array(np.argsort(np.concatenate(numbers)))
            # A column at a time: beside the buckets' rows in their files, memory holds one copy.
            columns = [column.combine_chunks().take(order) for column in whole.columns]
            yield part, pa.table(columns, schema=whole.schema)

    def tables(self) -> Iterator[pa.Table]:
        """Yield each bucket's table."""
        for file in self.files:
            with pa.memory_map(str(file)) as mapped:
                yield pa.ipc.open_file(mapped).read_all()

    def _pairs(self) -> Iterator[tuple[Path, NDArray[np.int64]]]:
        return zip(self.files, self.places, strict=True)
