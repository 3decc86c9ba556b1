"""Publishing: marts, features, scores and targets as a file of their own, swapped in whole."""

import os
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ml.workspace.errors import AlmanacError
from ml.workspace.settings import Workspace
from ml.workspace.warehouse import VECTORS, open_warehouse

SCHEMAS = ("marts", "features", "scores", "targets")
# What DuckDB 1.x clients (most BI tools) can still open.
STORAGE = "v1.0.0"


@dataclass(frozen=True)
class Published:
    """The file that was swapped in, its size in bytes and its tables' row counts."""

    path: Path
    size: int
    tables: dict[str, int]


def publish(ws: Workspace) -> Published:
    """Write the workspace's published copy anew and swap it in; views become tables.

    Vectors of wide families are left out, for their views hold the same values by name.
    Whoever has the old file open keeps reading it; whoever opens next gets the new one.

    Raises:
        AlmanacError: there is nothing to publish, or the copy cannot be written.
    """
    temporary = ws.published.with_name(f".{ws.published.name}.{os.getpid()}")
    try:
        with open_warehouse(ws.warehouse) as connection:
            tables = _copy(connection, temporary)
        os.replace(temporary, ws.published)
    except (OSError, duckdb.IOException) as error:
        raise AlmanacError(
            f"{ws.published} cannot be written: {error}\nFree the folder, then: ml publish"
        ) from error
    finally:
        for leftover in (temporary, temporary.with_name(f"{temporary.name}.wal")):
            leftover.unlink(missing_ok=True)
    return Published(ws.published, ws.published.stat().st_size, tables)


def _copy(connection: duckdb.DuckDBPyConnection, path: Path) -> dict[str, int]:
    names = connection.execute(
        "select table_schema, table_name from information_schema.tables "
        "where table_catalog = current_database() and list_contains(?, table_schema) "
        "and not ends_with(table_name, ?) order by all",
        [list(SCHEMAS), VECTORS],
    ).fetchall()
    if not any(schema == "marts" for schema, _ in names):
        raise AlmanacError("The warehouse has no marts to publish.\nBuild them first: dbt build")
    quoted = str(path).replace("'", "''")
    connection.execute(f"attach '{quoted}' as published (read_write, storage_version '{STORAGE}')")
    counts = {
        f"{schema}.{table}": _copy_table(connection, schema, table) for schema, table in names
    }
    connection.execute("detach published")
    return counts


def _copy_table(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> int:
    connection.execute(f'create schema if not exists published."{schema}"')
    copied = connection.execute(
        f'create table published."{schema}"."{table}" as from "{schema}"."{table}"'
    ).fetchone()
    return int(copied[0]) if copied else 0
