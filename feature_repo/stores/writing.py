"""Appending rows to tables of the warehouse: feature rows, and logs of served features."""

import duckdb
import pyarrow as pa

from feature_repo.stores.duckdb_kinds import storable
from feature_repo.stores.relations import exists, read_relation, split_name
from ml.workspace.errors import BadInput
from ml.workspace.sql import quoted

NEW_ROWS = "new_rows"


def append(connection: duckdb.DuckDBPyConnection, relation: str, rows: pa.Table) -> None:
    """Append `rows` to the table `relation`, columns by name: all of them or none.

    Raises:
        AlmanacError: there is no such table, or its columns or types are not those of the rows.
    """
    table = read_relation(connection, relation)
    connection.register(NEW_ROWS, rows)
    given = {row[0]: row[1] for row in connection.execute(f"describe {NEW_ROWS}").fetchall()}
    _check(relation, given, table.columns)
    try:
        connection.execute(f"insert into {table.sql} by name from {NEW_ROWS}")
    except duckdb.Error as error:
        raise BadInput(
            f"{relation} does not take the rows: {error}",
            "Nothing was written. "
            "Rows are appended to tables, with values that their columns hold.",
        ) from error


def append_log(
    connection: duckdb.DuckDBPyConnection, relation: str, schema: pa.Schema, rows: pa.Table
) -> None:
    """Append `rows` to the table `relation`, which is made with the columns of `schema` if absent.

    Raises:
        AlmanacError: columns or types of the rows are not those of the table.
    """
    connection.execute("begin")
    if not exists(connection, relation):
        own_schema, table = (quoted(part) for part in split_name(relation))
        connection.register("log", schema.empty_table())
        connection.execute(
            f"create schema if not exists {own_schema};"
            f"create table {own_schema}.{table} as from log"
        )
    append(connection, relation, rows)
    connection.execute("commit")


def _check(relation: str, given: dict[str, str], columns: dict[str, str]) -> None:
    missing = [name for name in columns if name not in given]
    unknown = [name for name in given if name not in columns]
    if missing or unknown:
        raise BadInput(
            f"The rows do not have the columns of {relation}: "
            f"missing {', '.join(missing) or 'none'}, unknown {', '.join(unknown) or 'none'}.",
            "Nothing was written. Give every column of the table and no other.",
        )
    for name, kind in given.items():
        if not storable(kind, columns[name]):
            raise BadInput(
                f"{name} is {kind} in the rows, but {columns[name]} in {relation}.",
                "Nothing was written. Cast the column, then write again.",
            )
