"""Tables, views and queries of the warehouse: their names, columns and types."""

from dataclasses import dataclass

import duckdb

from ml.workspace.errors import NotBuilt
from ml.workspace.sql import quoted
from ml.workspace.suggest import similar
from ml.workspace.warehouse import VECTORS

DEFAULT_SCHEMA = "main"
# Up to so many columns, an error message lists all of them.
FEW = 12
# The number that DuckDB gives every row of a table.
ROWID = "rowid"


@dataclass(frozen=True)
class Relation:
    """A table, view or query: its name as SQL reads it, and each column's DuckDB type in order.

    A wide family is a view with a column per feature over a table with one vector per row. `rows`
    is then that table, and `positions` maps a column to its element of the vector, from 1. Where
    `has_rowid`, the column `rowid` numbers its rows.
    """

    name: str
    sql: str
    columns: dict[str, str]
    has_rowid: bool
    rows: str
    positions: dict[str, int]
    rowid: str = ROWID

    def require(self, column: str) -> str:
        """Return `column`.

        Raises:
            AlmanacError: the relation has no such column.
        """
        if column in self.columns:
            return column
        there = f"it has {', '.join(self.columns)}"
        if len(self.columns) > FEW:
            near = similar(column, self.columns, 3)
            there = f"of its {len(self.columns)} columns the nearest are {', '.join(near)}"
        raise NotBuilt(
            f"{self.name} has no column {column}; {there}.",
            "Correct the name, or bring both sides in line: dbt build, then feast apply",
        )

    def value(self, column: str, alias: str) -> str:
        """Return the SQL of `column` in a row of `rows` that goes by `alias`."""
        if column in self.positions:
            return f"nullif({alias}.vector[{self.positions[column]}], 'nan'::float)"
        return f"{alias}.{quoted(column)}"


def split_name(relation: str) -> tuple[str, str]:
    """Return the schema and the table that `relation` (`schema.table` or `table`) names."""
    schema, dot, table = relation.partition(".")
    return (schema, table) if dot else (DEFAULT_SCHEMA, schema)


def read_relation(connection: duckdb.DuckDBPyConnection, relation: str) -> Relation:
    """Return the table or view called `relation` (`schema.table`) in the warehouse.

    Raises:
        AlmanacError: the warehouse holds no such relation.
    """
    schema, table = split_name(relation)
    sql = f"{quoted(schema)}.{quoted(table)}"
    kind = _kind(connection, schema, table)
    if not kind:
        raise NotBuilt(f"The warehouse has no relation {relation}.", "Build it: dbt build")
    columns = _columns(connection, sql)
    below = f"{quoted(schema)}.{quoted(table + VECTORS)}"
    kind_below = _kind(connection, schema, table + VECTORS)
    if kind == "VIEW" and kind_below:
        own = _columns(connection, below)
        named = [column for column in columns if column not in own]
        positions = {column: place for place, column in enumerate(named, start=1)}
        # Of a lake the vectors are a view as well, over its files.
        return Relation(relation, sql, columns, kind_below == "BASE TABLE", below, positions)
    # A column of that name would hide the row number that DuckDB gives every table.
    hidden = any(column.lower() == ROWID for column in columns)
    return Relation(relation, sql, columns, kind == "BASE TABLE" and not hidden, sql, {})


def read_query(connection: duckdb.DuckDBPyConnection, name: str, query: str) -> Relation:
    """Return what `query`, called `name` in messages, gives as a relation.

    Raises:
        AlmanacError: the warehouse cannot run it.
    """
    sql = in_brackets(query)
    try:
        return Relation(name, sql, _columns(connection, f"from {sql}"), False, sql, {})
    except duckdb.Error as error:
        raise NotBuilt(
            f"The query of {name} fails in the warehouse: {error}",
            "Correct it; if a relation is missing, build it: dbt build",
        ) from error


def in_brackets(query: str) -> str:
    """Return `query` as SQL reads it after `from`."""
    # A comment at its end must not hide the bracket.
    return f"(\n{query.strip().rstrip(';')}\n)"


def exists(connection: duckdb.DuckDBPyConnection, relation: str) -> bool:
    """Return whether the warehouse holds a table or view called `relation` (`schema.table`)."""
    return _kind(connection, *split_name(relation)) is not None


def _kind(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> str | None:
    found = connection.execute(
        "select table_type from information_schema.tables"
        " where table_catalog = current_database() and table_schema = ? and table_name = ?",
        [schema, table],
    ).fetchall()
    return found[0][0] if found else None


def _columns(connection: duckdb.DuckDBPyConnection, sql: str) -> dict[str, str]:
    return {row[0]: row[1] for row in connection.execute(f"describe {sql}").fetchall()}
