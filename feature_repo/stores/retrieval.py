"""Point-in-time retrieval: entity rows are matched once, then values are scattered by row number.

Views whose rows agree in number, keys and timestamps, as families over one spine do, share a match.
Matched rows are then fetched in any order and written to the position of their entity row, into
memory allocated beforehand: nothing wide is sorted, and vectors stay 32-bit floats throughout.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from feature_repo.stores.duckdb_kinds import is_number
from feature_repo.stores.entities import bounds, join_rows
from feature_repo.stores.placing import place_floats, placed
from feature_repo.stores.point_in_time import (
    ENTITIES,
    Bounds,
    Lookup,
    copy_sql,
    fetch_sql,
    fingerprint_sql,
    match_sql,
)
from feature_repo.stores.relations import ROWID, read_relation
from ml.data.mapped import MatrixMaker, in_memory
from ml.workspace.errors import BadInput, NotBuilt
from ml.workspace.sql import quoted

# Batches of this size are small enough for the allocator to reuse their memory.
ROWS_PER_FETCH = 20_000
# Up to so many entity rows per key, comparing all pairs is as fast as the sort of an ASOF join.
FEW_ROWS_PER_KEY = 32
# Memory that DuckDB needs during a fetch, in bytes: per thread for the join, per thread and column
# for its blocks, and per row of a match.
BYTES_PER_THREAD, BYTES_PER_COLUMN, BYTES_PER_ROW = 16 * 2**20, 2**20, 64


class FeatureMatrix(NamedTuple):
    """Entity rows with their features as one matrix.

    `rows` holds the entity rows as they were given, `types` each feature's Arrow type by name, in
    order, and `values` a row an entity row and a column a feature: float32, NaN where there is no
    value, whatever the type was.
    """

    rows: pa.Table
    types: dict[str, pa.DataType]
    values: NDArray[np.float32]


Call = Callable[[FeatureMatrix], pa.Table]


@dataclass(frozen=True)
class Retrieval:
    """The entity rows and what to look up for each of them."""

    entities: pa.Table
    lookups: tuple[Lookup, ...]

    def sql(self, connection: duckdb.DuckDBPyConnection) -> str:
        """Return the statements that look each view up by itself, in order.

        Views that turn out to have the same rows share the first one's match.
        """
        limits, statements = bounds(self.entities), list[str]()
        shared = self.register(connection)
        for i, asked in enumerate(self.lookups):
            copy, numbered = copy_sql(asked, f"copy_{i}", limits)
            statements += [] if asked.relation.has_rowid else [copy]
            lookup = asked if asked.relation.has_rowid else numbered
            is_shared = shared[lookup.entity_keys]
            statements.append(match_sql(lookup, f"match_{i}", limits, is_shared))
            statements.append(fetch_sql(lookup, f"match_{i}", limits, 0, self.entities.num_rows))
        return ";\n".join(statements)

    def register(self, connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, ...], bool]:
        """Register `entity_rows`, the entity columns that joins need, with the connection.

        Returns:
            By the keys of each lookup, whether many entity rows share their values.
        """
        keys = dict.fromkeys(lookup.entity_keys for lookup in self.lookups)
        connection.register(ENTITIES, join_rows(self.entities, [*itertools.chain(*keys)]))
        return {each: _keys_are_shared(connection, each) for each in keys}

    def table(self, connection: duckdb.DuckDBPyConnection) -> pa.Table:
        """Return the entity rows, then the features as columns."""
        return next(self.parts(connection, max(1, self.entities.num_rows)))

    def parts(self, connection: duckdb.DuckDBPyConnection, rows: int) -> Iterator[pa.Table]:
        """Return the same in parts of `rows` rows, the last perhaps shorter; one where none are."""
        matched = match(connection, self)
        for start in range(0, max(1, self.entities.num_rows), rows):
            part = self.entities.slice(start, rows)
            features = feature_columns(connection, matched, start, start + part.num_rows)
            columns = [*part.columns, *features.values()]
            yield pa.table(columns, names=[*part.column_names, *features])

    def matrix(
        self, connection: duckdb.DuckDBPyConnection, make: MatrixMaker = in_memory
    ) -> FeatureMatrix:
        """Return the entity rows with all features as one matrix, which `make` gives."""
        return next(self.matrices(connection, max(1, self.entities.num_rows), make))

    def matrices(
        self, connection: duckdb.DuckDBPyConnection, rows: int, make: MatrixMaker = in_memory
    ) -> Iterator[FeatureMatrix]:
        """Return the same in parts of `rows` rows, the last perhaps shorter; one where none are."""
        matched = match(connection, self)
        for start in range(0, max(1, self.entities.num_rows), rows):
            part = self.entities.slice(start, rows)
            values = make((part.num_rows, len(self.names)))
            types = _fill(connection, matched, start, values)
            yield FeatureMatrix(part, dict(zip(self.names, types, strict=True)), values)

    def apply(
        self,
        connection: duckdb.DuckDBPyConnection,
        rows: int,
        call: Call,
    ) -> Iterator[pa.Table]:
        """Yield what `call` makes of the matrices, in their order."""
        for matrix in self.matrices(connection, rows):
            yield call(matrix)

    @property
    def names(self) -> list[str]:
        """The features' names, in order."""
        return [name for lookup in self.lookups for _, name in lookup.features]

    def fill(
        self, connection: duckdb.DuckDBPyConnection, values: NDArray[np.float32]
    ) -> dict[str, pa.DataType]:
        """Write all features into `values`, which holds NaN; return their types by name.

        `values` has a row an entity row and a column a feature; it may be a file's memory.
        """
        types = _fill(connection, match(connection, self), 0, values)
        return dict(zip(self.names, types, strict=True))

    def require_numbers(self) -> None:
        """Check that every feature is a number, so that a matrix can hold it.

        Raises:
            AlmanacError: one is not.
        """
        for lookup in self.lookups:
            for column, name in lookup.features:
                kind = lookup.relation.columns[column]
                if not is_number(kind):
                    raise BadInput(
                        f"A matrix holds numbers only, and {name} is {kind}.",
                        "Use to_arrow or to_df, or ask without it.",
                    )


@dataclass(frozen=True)
class Matched:
    """A lookup, and the temporary table that says which of its rows serves which entity row."""

    lookup: Lookup
    match: str
    limits: Bounds

    def fetch(
        self, connection: duckdb.DuckDBPyConnection, start: int, stop: int
    ) -> pa.RecordBatchReader:
        """Return what was matched to the entity rows from `start` to before `stop`, unordered."""
        query = connection.sql(fetch_sql(self.lookup, self.match, self.limits, start, stop))
        return query.to_arrow_reader(ROWS_PER_FETCH)


def _fill(
    connection: duckdb.DuckDBPyConnection,
    matched: Sequence[Matched],
    start: int,
    values: NDArray[np.float32],
) -> list[pa.DataType]:
    """Write the features of the entity rows from `start` on into `values`; return their types."""
    types: list[pa.DataType] = []
    for each in matched:
        sources = each.lookup.sources
        block = values[:, len(types) : len(types) + len(sources)]
        found = each.fetch(connection, start, start + len(values))
        types += place_floats(found, sources, block)
    return types


def match(connection: duckdb.DuckDBPyConnection, asked: Retrieval) -> list[Matched]:
    """Match every entity row with its feature rows, once for all lookups that agree.

    Raises:
        AlmanacError: a relation has other columns than it had when the features were asked for.
    """
    limits = bounds(asked.entities)
    shared = asked.register(connection)
    lookups = [_numbered(connection, each, i, limits) for i, each in enumerate(asked.lookups)]
    matched: list[Matched] = []
    tables: dict[object, str] = {}
    for lookup, same in zip(lookups, _sameness(connection, lookups), strict=True):
        if same not in tables:
            tables[same] = f"match_{len(tables)}"
            is_shared = shared[lookup.entity_keys]
            connection.execute(match_sql(lookup, tables[same], limits, is_shared))
        matched.append(Matched(lookup, tables[same], limits))
    _limit_memory(connection, asked)
    return matched


def _keys_are_shared(connection: duckdb.DuckDBPyConnection, keys: Sequence[str]) -> bool:
    names = ", ".join(map(quoted, keys))
    sql = f"select count(*) as n from {ENTITIES} group by grouping sets (({names}))"
    return bool(
        connection.execute(f"select max(n) > {FEW_ROWS_PER_KEY} from ({sql})").fetchall()[0][0]
    )


def _limit_memory(connection: duckdb.DuckDBPyConnection, asked: Retrieval) -> None:
    """Limit DuckDB's memory to what a fetch needs, so that it reuses buffers.

    First use of memory costs as much as reading into it. No limit is set where views are copied
    into memory, or where the connection also writes (`persist`).
    """
    if not all(lookup.relation.has_rowid for lookup in asked.lookups):
        return
    columns = max((1 + len(lookup.narrow) for lookup in asked.lookups), default=1)
    limits = connection.execute(
        "select least(parse_formatted_bytes(current_setting('memory_limit')),"
        f" {BYTES_PER_ROW * asked.entities.num_rows * len(asked.lookups)}"
        f" + {BYTES_PER_THREAD + BYTES_PER_COLUMN * columns} * current_setting('threads'))"
        " from duckdb_databases() where database_name = current_database() and readonly"
    )
    for (limit,) in limits.fetchall():
        connection.execute(f"set memory_limit = '{limit} B'")


def _numbered(
    connection: duckdb.DuckDBPyConnection, lookup: Lookup, place: int, limits: Bounds
) -> Lookup:
    relation = lookup.relation
    if relation.has_rowid:
        # A build since then may have changed the order of the elements of a vector.
        if relation.rowid == ROWID and read_relation(connection, relation.name) != relation:
            raise NotBuilt(
                f"{relation.name} has changed since its features were asked for.",
                "Bring Feast in line (feast apply), then ask again.",
            )
        return lookup
    statement, numbered = copy_sql(lookup, f"copy_{place}", limits)
    connection.execute(statement)
    return numbered


def _sameness(
    connection: duckdb.DuckDBPyConnection, lookups: Sequence[Lookup]
) -> Iterator[tuple[object, ...]]:
    """Yield for each lookup what its match depends on; lookups with equal values share a match."""
    rules = [
        (each.entity_keys, bool(each.created), each.ttl, each.created_by_then) for each in lookups
    ]
    alike = Counter(rules)
    for lookup, rule in zip(lookups, rules, strict=True):
        if alike[rule] == 1:
            yield rule
        else:
            yield (*rule, *connection.execute(fingerprint_sql(lookup)).fetchall()[0])


def feature_columns(
    connection: duckdb.DuckDBPyConnection, matched: Sequence[Matched], start: int, stop: int
) -> dict[str, pa.ChunkedArray]:
    """Return the features of the entity rows from `start` to before `stop`, by name."""
    columns: dict[str, pa.ChunkedArray] = {}
    for each in matched:
        found = each.fetch(connection, start, stop)
        sources = each.lookup.sources
        values = placed(found, list(dict.fromkeys(sources)), stop - start)
        names = (name for _, name in each.lookup.features)
        columns |= {name: values[source] for name, source in zip(names, sources, strict=True)}
    return columns
