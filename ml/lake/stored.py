"""Rows in Parquet files of the lake, with the DuckDB types that they have in a warehouse."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from ml.lake.column_types import file_type
from ml.workspace.sql import literal, no_glob, quoted

YEAR = "feature_year"
# The folders of its partitions that stand right before the name of a file.
PARTITIONS = re.compile(r"((?:/\w+=\d+)*)/[^/]*$")
# Rows of a row group: a month of a bucket is one or a few.
ROW_GROUP = 20_000


@dataclass(frozen=True)
class Stored:
    """Rows of a relation: absolute paths of Parquet files, and its columns' types in DuckDB."""

    files: tuple[str, ...]
    types: Mapping[str, str]

    @property
    def query(self) -> str:
        """The rows as they are in a warehouse; none where there is no file."""
        return self._rows({})

    def numbered(self, name: str) -> str:
        """Return the same query with a column of this name that tells each row from all others."""
        return self._rows({name: "(file_index::bigint << 40) + file_row_number"})

    def _rows(self, more: Mapping[str, str]) -> str:
        if not self.files:
            types = {**self.types, **dict.fromkeys(more, "BIGINT")}
            nulls = (f"cast(null as {kind}) as {quoted(name)}" for name, kind in types.items())
            return f"select {', '.join(nulls)} where false"
        columns = [cast(name, kind, back=True) for name, kind in self.types.items()]
        columns += [f"{value} as {quoted(name)}" for name, value in more.items()]
        files = ", ".join(literal(no_glob(file)) for file in self.files)
        source = f"read_parquet([{files}], hive_partitioning = false)"
        return f"select {', '.join(columns)} from {source}"


def partition_of(path: str) -> dict[str, int]:
    """Return the values that partition the file's table, from the folders that end its path."""
    found = PARTITIONS.search(path)
    named = (folder.split("=") for folder in found[1].split("/")[1:]) if found else ()
    return {name: int(value) for name, value in named}


def cast(name: str, kind: str, *, back: bool = False) -> str:
    """Return a column as files have it or, `back`, of a file as a warehouse has it."""
    kept = file_type(name, kind)
    if kept == kind:
        return quoted(name)
    return f"cast({quoted(name)} as {kind if back else kept}) as {quoted(name)}"


def types_of(connection: duckdb.DuckDBPyConnection, query: str) -> dict[str, str]:
    """Return the columns of a query with their DuckDB types, in order."""
    return {row[0]: row[1] for row in connection.execute(f"describe {query}").fetchall()}


def write(
    connection: duckdb.DuckDBPyConnection, query: str, types: Mapping[str, str], path: str
) -> int:
    """Write a query's rows, of these columns, to a Parquet file; return how many there are."""
    columns = ", ".join(cast(name, kind) for name, kind in types.items())
    ((rows,),) = connection.execute(
        f"copy (select {columns} from ({query})) to {literal(path)} "
        f"(format parquet, compression zstd, row_group_size {ROW_GROUP})"
    ).fetchall()
    return int(rows)


def table_of(columns: Mapping[str, str], rows: Sequence[Sequence[object]]) -> str:
    """Return a query of few rows, given as Python's values."""
    shown = ", ".join(f"({', '.join(_value(value) for value in row)})" for row in rows)
    names = ", ".join(quoted(name) for name in columns)
    casts = ", ".join(f"cast({quoted(n)} as {kind}) as {quoted(n)}" for n, kind in columns.items())
    if not rows:
        return Stored((), columns).query
    return f"select {casts} from (values {shown}) as rows ({names})"


def _value(value: object) -> str:
    return "null" if value is None else literal(value)
