"""Writing the published file: what changed since the last time is copied, the rest stays."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from ml import lineage
from ml.serving.pseudonyms import key_of
from ml.serving.publish.tables import Column, Table, definition, table_of
from ml.serving.publish.words import words_of
from ml.workspace.errors import Held, NotBuilt
from ml.workspace.faults import writing
from ml.workspace.files import fresh_file
from ml.workspace.progress import Progress
from ml.workspace.publishing import SCHEMAS, check_tables, publish_settings
from ml.workspace.settings import Workspace
from ml.workspace.sql import literal, quoted, quoted_relation
from ml.workspace.warehouse import VECTORS, open_warehouse, transaction

# Their tables are empty where a source is absent; these are left out.
BY_SOURCE = ("features", "targets")
# What DuckDB 1.x clients (most BI tools) can still open.
STORAGE = "v1.0.0"
DATABASE = "published"
README = "readme"
README_COMMENT = "What is in this file: one row a table."
README_COLUMNS = (
    Column("name", "VARCHAR", "", "The table, with its schema.", True),
    Column("rows", "BIGINT", "", "Number of its rows.", True),
    Column("one_row", "VARCHAR", "", "What one row of it is.", True),
    Column("key", "VARCHAR", "", "The columns that no two rows share.", True),
    Column("description", "VARCHAR", "", "What it holds.", True),
    Column("made", "TIMESTAMP", "", "When it was copied from the warehouse (UTC).", True),
    Column("fingerprint", "VARCHAR", "", "Tells ml publish whether it changed since.", True),
)
# From this share of free room on the file is written anew.
MOST_FREE = 0.25


@dataclass(frozen=True)
class Published:
    """The published copy: its path, its size in bytes and its tables' row counts.

    `kept` are the tables that had not changed and were not copied anew, `left_out` those that
    workspace.yml does not ask for.
    """

    path: Path
    size: int
    tables: dict[str, int]
    kept: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Copied:
    """A table's row of the readme that may differ from one copy to the next."""

    rows: int
    made: datetime
    fingerprint: str


def publish(ws: Workspace, *, anew: bool = False) -> Published:
    """Write the copy for BI tools and replace the old file by it; views become tables.

    Tables that are as they were when the old file was written are taken from it. The vector tables
    of wide families are left out: their views hold the same values as columns. Processes that have
    the old file open keep reading it until they open the new one. Where workspace.yml has a
    `published_id_key`, customer ids are published as keyed hashes of them.

    Args:
        ws: the workspace; `publish` in its settings says which tables.
        anew: take nothing from the old file, in whose free room erased rows may still lie.

    Raises:
        AlmanacError: there is nothing to publish, a setting is wrong, rows break their table's key,
            or the copy cannot be written.
    """
    key = key_of(ws)
    settings = publish_settings(ws)
    with (
        lineage.run("publish") as told,
        writing(ws.published),
        open_warehouse(ws.warehouse) as connection,
    ):
        names = _publishable(connection)
        check_tables(ws, settings, names)
        there = [name for name in names if _is_there(connection, name)]
        chosen = settings.chosen(there)
        words = words_of(ws, connection, chosen)
        tables = [
            table_of(connection, name, words[name], key, primary_keys=settings.primary_keys)
            for name in Progress(chosen, desc="compared", unit="table")
        ]
        old = {} if anew else _last_copy(ws)
        kept = {t.name: old[t.name] for t in tables if _is_as_in(old, t)}
        # What is published no more must not stay in the file's free room.
        if not set(old) <= set(chosen):
            kept = {}
        copied = _write(connection, ws.published, tables, kept)
        for name in chosen if told else ():
            with lineage.run(f"publish.{name}", told) as part:
                if part:
                    part.reads.append(lineage.table(ws, name))
                    part.writes.append(lineage.published(ws, name))
    return Published(
        ws.published,
        ws.published.stat().st_size,
        {name: copied[name].rows for name in chosen},
        tuple(name for name in chosen if kept.get(name) == copied[name]),
        tuple(name for name in there if name not in chosen),
    )


def _publishable(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the names of what may be published, `schema.table`."""
    found = connection.execute(
        "select table_schema || '.' || table_name from information_schema.tables "
        "where table_catalog = current_database() and list_contains(?, table_schema) "
        "and not ends_with(table_name, ?) order by all",
        [list(SCHEMAS), VECTORS],
    ).fetchall()
    names = [name for (name,) in found]
    if not any(name.startswith("marts.") for name in names):
        raise NotBuilt("The warehouse has no marts to publish.", "Build them first: dbt build")
    return names


def _is_there(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    if name.split(".", maxsplit=1)[0] not in BY_SOURCE:
        return True
    row = connection.execute(f"select 1 from {quoted_relation(name)} limit 1").fetchone()
    return row is not None


def _last_copy(ws: Workspace) -> dict[str, _Copied]:
    """Return what the old file says of its tables; nothing where it cannot be gone on from."""
    if _log(ws.published).exists():
        return {}
    try:
        with duckdb.connect(str(ws.published), read_only=True) as connection:
            rows = connection.execute(
                f"select name, rows, made, fingerprint from {README}"
            ).fetchall()
    except duckdb.Error:
        return {}
    return {name: _Copied(*row) for name, *row in rows}


def _log(published: Path) -> Path:
    """Return where DuckDB keeps what a process wrote to the file and did not yet put into it."""
    return published.with_name(f"{published.name}.wal")


def _is_as_in(old: Mapping[str, _Copied], table: Table) -> bool:
    return table.name in old and old[table.name].fingerprint == table.fingerprint


def _write(
    connection: duckdb.DuckDBPyConnection,
    published: Path,
    tables: Sequence[Table],
    kept: Mapping[str, _Copied],
) -> dict[str, _Copied]:
    """Make the file hold the tables, and return what the readme says of each."""
    try:
        if len(kept) == len(tables):
            os.utime(published)
            return dict(kept)
        with fresh_file(published) as fresh:
            if kept:
                shutil.copyfile(published, fresh)
            copied, free = _fill(connection, fresh, tables, kept)
            if kept and free > MOST_FREE:
                fresh.unlink()
                copied, _ = _fill(connection, fresh, tables, {})
            # DuckDB would replay into the new file what another process wrote to the old one.
            _log(published).unlink(missing_ok=True)
            return copied
    except (OSError, duckdb.IOException) as error:
        raise Held(
            f"{published} cannot be written: {error}", "Free the folder, then: ml publish"
        ) from error


def _fill(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    tables: Sequence[Table],
    kept: Mapping[str, _Copied],
) -> tuple[dict[str, _Copied], float]:
    """Copy the tables that are not `kept` into the file; return the readme and the free share."""
    connection.execute(
        f"attach {literal(path)} as {DATABASE} (read_write, storage_version '{STORAGE}')"
    )
    try:
        changed = [table for table in tables if table.name not in kept]
        for table in changed:
            schema = quoted(table.name.split(".")[0])
            connection.execute(f"create schema if not exists {DATABASE}.{schema}")
            connection.execute(f"drop table if exists {DATABASE}.{quoted_relation(table.name)}")
        connection.execute(f"checkpoint {DATABASE}")
        copied = dict(kept)
        for table in Progress(changed, desc="copied", unit="table"):
            copied[table.name] = _copy(connection, table)
        _write_readme(connection, tables, copied)
        connection.execute(f"checkpoint {DATABASE}")
        sizes = connection.execute(
            "select free_blocks, total_blocks from pragma_database_size() where database_name = ?",
            [DATABASE],
        ).fetchone()
    finally:
        connection.execute(f"detach {DATABASE}")
    return copied, sizes[0] / max(sizes[1], 1) if sizes else 0.0


def _copy(connection: duckdb.DuckDBPyConnection, table: Table) -> _Copied:
    made = datetime.now(UTC).replace(tzinfo=None)
    try:
        with transaction(connection):
            for statement in table.statements(DATABASE):
                done = connection.execute(statement)
            inserted = done.fetchone()
    except duckdb.ConstraintException as error:
        raise NotBuilt(
            f"Rows of {table.name} break what is said of it: {error}",
            f"See which: dbt test --select {table.name.split('.')[1]}",
        ) from error
    return _Copied(int(inserted[0]) if inserted else 0, made, table.fingerprint)


def _write_readme(
    connection: duckdb.DuckDBPyConnection,
    tables: Sequence[Table],
    copied: Mapping[str, _Copied],
) -> None:
    name = f"{DATABASE}.main.{README}"
    rows = []
    for table in tables:
        words, copy = table.words, copied[table.name]
        about = [words.one_row, ", ".join(words.key), words.description]
        rows.append([table.name, copy.rows, *about, copy.made, copy.fingerprint])
    with transaction(connection):
        connection.execute(f"drop table if exists {name}")
        for statement in definition(name, README_COLUMNS, README_COMMENT):
            connection.execute(statement)
        connection.executemany(f"insert into {name} values (?, ?, ?, ?, ?, ?, ?)", rows)
