"""`ml publish`: the copy of marts, features, scores and targets that BI tools open."""

from dataclasses import dataclass
from pathlib import Path

import duckdb

from ml import lineage
from ml.serving.pseudonyms import hashed, key_of
from ml.workspace.errors import Held, NotBuilt
from ml.workspace.files import fresh_file
from ml.workspace.settings import Workspace
from ml.workspace.sql import literal, quoted
from ml.workspace.warehouse import VECTORS, open_warehouse

SCHEMAS = ("marts", "features", "scores", "targets")
# Their tables are empty where a source is absent; these are left out.
BY_SOURCE = ("features", "targets")
# What DuckDB 1.x clients (most BI tools) can still open.
STORAGE = "v1.0.0"
ID = "customer_id"


@dataclass(frozen=True)
class Published:
    """The published copy: its path, its size in bytes and its tables' row counts."""

    path: Path
    size: int
    tables: dict[str, int]


def publish(ws: Workspace) -> Published:
    """Write a new copy for BI tools and replace the old file by it; views become tables.

    The vector tables of wide families are left out: their views hold the same values as columns.
    Processes that have the old file open keep reading it until they open the new one. Where
    workspace.yml has a `published_id_key`, customer ids are published as keyed hashes of them.

    Raises:
        AlmanacError: there is nothing to publish, or the copy cannot be written.
    """
    key = key_of(ws)
    with lineage.run("publish") as told:
        try:
            with fresh_file(ws.published) as fresh, open_warehouse(ws.warehouse) as connection:
                tables = _copy(connection, fresh, key)
        except (OSError, duckdb.IOException) as error:
            raise Held(
                f"{ws.published} cannot be written: {error}", "Free the folder, then: ml publish"
            ) from error
        for name in tables if told else ():
            with lineage.run(f"publish.{name}", told) as part:
                if part:
                    part.reads.append(lineage.table(ws, name))
                    part.writes.append(lineage.published(ws, name))
    return Published(ws.published, ws.published.stat().st_size, tables)


def _copy(connection: duckdb.DuckDBPyConnection, path: Path, key: bytes | None) -> dict[str, int]:
    names = connection.execute(
        "select table_schema, table_name from information_schema.tables "
        "where table_catalog = current_database() and list_contains(?, table_schema) "
        "and not ends_with(table_name, ?) order by all",
        [list(SCHEMAS), VECTORS],
    ).fetchall()
    if not any(schema == "marts" for schema, _ in names):
        raise NotBuilt("The warehouse has no marts to publish.", "Build them first: dbt build")
    connection.execute(
        f"attach {literal(path)} as published (read_write, storage_version '{STORAGE}')"
    )
    counts = {
        f"{schema}.{table}": _copy_table(connection, schema, table, key)
        for schema, table in names
        if schema not in BY_SOURCE or _has_rows(connection, schema, table)
    }
    connection.execute("detach published")
    return counts


def _has_rows(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> bool:
    name = f"{quoted(schema)}.{quoted(table)}"
    return connection.execute(f"select 1 from {name} limit 1").fetchone() is not None


def _copy_table(
    connection: duckdb.DuckDBPyConnection, schema: str, table: str, key: bytes | None
) -> int:
    name = f"{quoted(schema)}.{quoted(table)}"
    columns = [row[0] for row in connection.execute(f"describe {name}").fetchall()]
    selected = f"from {name}"
    if key is not None and ID in columns:
        selected = f"select * replace ({hashed(key, ID)} as {ID}) {selected}"
    connection.execute(f"create schema if not exists published.{quoted(schema)}")
    copied = connection.execute(f"create table published.{name} as {selected}").fetchone()
    return int(copied[0]) if copied else 0
