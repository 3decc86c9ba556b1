"""Tables and views of the warehouse as the stores see them: names, columns and types."""

from dataclasses import dataclass

import duckdb

from ml.config import AlmanacError

DEFAULT_SCHEMA = "main"


@dataclass(frozen=True)
class Relation:
    """A table or view: its name as SQL reads it, and each column's DuckDB type in order."""

    name: str
    sql: str
    columns: dict[str, str]
    has_rowid: bool

    def require(self, column: str) -> str:
        """Return `column`.

        Raises:
            AlmanacError: the relation has no such column.
        """
        if column in self.columns:
            return column
        raise AlmanacError(
            f"{self.name} has no column {column}; it has {', '.join(self.columns)}.\n"
            "Bring both sides in line: dbt build, then feast apply"
        )


def quote(name: str) -> str:
    """Return `name` as a SQL identifier, whatever it holds."""
    return '"' + name.replace('"', '""') + '"'


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
    sql = f"{quote(schema)}.{quote(table)}"
    found = connection.execute(
        "select table_type from information_schema.tables"
        " where table_catalog = current_database() and table_schema = ? and table_name = ?",
        [schema, table],
    ).fetchall()
    if not found:
        raise AlmanacError(f"The warehouse has no relation {relation}.\nBuild it: dbt build")
    columns = {row[0]: row[1] for row in connection.execute(f"describe {sql}").fetchall()}
    # A column of that name would hide the row number that DuckDB gives every table.
    hidden = any(column.lower() == "rowid" for column in columns)
    return Relation(relation, sql, columns, found[0][0] == "BASE TABLE" and not hidden)
