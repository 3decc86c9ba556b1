"""Bringing schema `landed` of the warehouse up to date with the raw folder.

`landed.files` records which files were read, so that unchanged files are not read again.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from ml.landing.declarations import SCHEMA
from ml.landing.relations import FILES_TABLE, LandedRelation, plan
from ml.workspace.errors import BadInput
from ml.workspace.settings import Workspace, workspace_at
from ml.workspace.sql import literal, quoted
from ml.workspace.warehouse import open_warehouse


def await_warehouse(path: Path) -> None:
    """Wait until no process holds the warehouse at `path`; return at once if there is none yet.

    Raises:
        AlmanacError: its folder is absent, or another process keeps holding it.
    """
    if not path.parent.is_dir():
        raise BadInput(
            f"No workspace folder at {path.parent}.",
            "Name another in ALMANAC_HOME, or make it with a made-up company: ml simulate",
        )
    if path.exists():
        with open_warehouse(path, read_only=False):
            pass


def land_workspace(
    connection: duckdb.DuckDBPyConnection, home: str, raw: str, project: str
) -> list[str]:
    """Land the workspace at `home` as `land` does; `raw`, if not empty, overrides its settings."""
    return land(connection, Path(project).resolve(), workspace_at(Path(home).resolve(), raw))


def land(connection: duckdb.DuckDBPyConnection, project: Path, workspace: Workspace) -> list[str]:
    """Bring schema `landed` up to date with the raw folder; on any error it stays as it was.

    Args:
        connection: an open warehouse.
        project: the dbt project, whose `models/staging` declares the sources.
        workspace: its raw folder and settings.

    Returns:
        Notes to print: defaults in use, mappings chosen, lines that cannot be read.

    Raises:
        AlmanacError: the raw folder, a declaration, a setting or a file is missing or wrong.
    """
    # A separate cursor keeps the time zone and the temporary tables out of dbt's connection.
    cursor = connection.cursor()
    try:
        cursor.execute("set TimeZone = 'UTC'")
        relations, notes = plan(cursor, project, workspace)
        existing = _existing(cursor)
        changed = _changed(cursor, relations, existing)
        if changed or existing.keys() - {relation.identifier for relation in relations} - {
            FILES_TABLE
        }:
            notes += _replace(cursor, relations, changed, existing)
        return notes
    finally:
        cursor.close()


def _replace(
    cursor: duckdb.DuckDBPyConnection,
    relations: list[LandedRelation],
    changed: list[LandedRelation],
    existing: dict[str, str],
) -> list[str]:
    notes, queries = [], {}
    for relation in changed:
        with _named_errors(relation.identifier):
            queries[relation], found = relation.prepare(cursor)
            notes += found
    kept = {relation.identifier for relation in relations} - {r.identifier for r in changed}
    with _named_errors(SCHEMA), _transaction(cursor):
        cursor.execute(f"create schema if not exists {SCHEMA}")
        for name, kind in existing.items():
            if name not in kept:
                cursor.execute(f"drop {kind} {SCHEMA}.{quoted(name)}")
        for relation, query in queries.items():
            with _named_errors(relation.identifier):
                cursor.execute(
                    f"create {relation.kind} {SCHEMA}.{quoted(relation.identifier)} as {query}"
                )
        _write_files_table(cursor, relations)
    return notes


def _changed(
    cursor: duckdb.DuckDBPyConnection, relations: Iterable[LandedRelation], existing: dict[str, str]
) -> list[LandedRelation]:
    known: dict[tuple[str, str], set[tuple[Any, ...]]] = {}
    if FILES_TABLE in existing:
        for row in cursor.execute(f"from {SCHEMA}.{FILES_TABLE}").fetchall():
            known.setdefault(row[:2], set()).add(row)
    return [
        relation
        for relation in relations
        if relation.identifier not in existing
        or known.get((relation.source, relation.table)) != set(relation.file_rows)
    ]


def _write_files_table(
    cursor: duckdb.DuckDBPyConnection, relations: Iterable[LandedRelation]
) -> None:
    cursor.execute(
        f"create table {SCHEMA}.{FILES_TABLE} (source varchar, table_name varchar, file varchar, "
        "bytes bigint, modified_ns bigint, declaration_hash varchar)"
    )
    rows = [row for relation in relations for row in relation.file_rows]
    values = ", ".join(
        f"({', '.join(literal(v) if isinstance(v, str) else str(v) for v in row)})" for row in rows
    )
    cursor.execute(f"insert into {SCHEMA}.{FILES_TABLE} values {values}")


def _existing(cursor: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Return the relations of schema `landed` in this database, each with `table` or `view`."""
    rows = cursor.execute(
        "select table_name, if(table_type = 'VIEW', 'view', 'table') "
        "from information_schema.tables "
        "where table_catalog = current_database() and table_schema = ?",
        [SCHEMA],
    ).fetchall()
    return dict(rows)


@contextmanager
def _transaction(cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
    cursor.execute("begin")
    try:
        yield
    except BaseException:
        cursor.execute("rollback")
        raise
    cursor.execute("commit")


@contextmanager
def _named_errors(name: str) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise BadInput(
            f"{name} cannot be landed: {error}", "Correct its files or declaration, then: dbt build"
        ) from error
