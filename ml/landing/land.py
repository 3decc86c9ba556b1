"""Bringing schema `landed` of the warehouse up to date with the raw folder.

`landed.files` records which files were read, so that unchanged files are not read again.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from ml.landing import decimals, times
from ml.landing.decimals import POINT
from ml.landing.declarations import SCHEMA
from ml.landing.relations import FILES_TABLE, LandedRelation, Plan, Prepared, plan
from ml.landing.workspace_tables import LAKE
from ml.workspace.errors import BadInput
from ml.workspace.faults import refused
from ml.workspace.settings import Workspace, workspace_at
from ml.workspace.sql import quoted
from ml.workspace.texts import few
from ml.workspace.warehouse import open_warehouse, transaction

FileRow = tuple[Any, ...]
FILES_COLUMNS = {
    "source": "varchar",
    "table_name": "varchar",
    "file": "varchar",
    "bytes": "bigint",
    "modified_ns": "bigint",
    "changed_ns": "bigint",
    "declaration_hash": "varchar",
    # The last instant (UTC) that the file can know of: its time of change, or when it was landed.
    "knows_until": "timestamp",
    "decimal_sign": "varchar",
}
# The SQL macros with which dbt reads text.
MACROS = (times.DEFINITION, decimals.DEFINITION)
# So many files that no source takes are named.
MANY = 10
# So many of the columns decide whether a file must be read again.
READ_FROM = 7


class Warned(str):
    """A note on data that is missed; it is printed even where dbt is quiet."""


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
    """Land the workspace at `home` as `land` does; `raw`, if not empty, overrides its settings.

    Of a lake nothing is landed: its warehouse shows what `ml lake build` landed.
    """
    workspace = workspace_at(Path(home).resolve(), raw)
    if LAKE in workspace.settings:
        return []
    return land(connection, Path(project).resolve(), workspace)


def land(connection: duckdb.DuckDBPyConnection, project: Path, workspace: Workspace) -> list[str]:
    """Bring schema `landed` up to date with the raw folder; on any error it stays as it was.

    Args:
        connection: an open warehouse.
        project: the dbt project, whose `models/staging` declares the sources.
        workspace: its raw folder and settings.

    Returns:
        Notes to print: defaults in use, mappings chosen, lines that cannot be read. Those of type
        `Warned` are about data that is missed: print them even where notes are not wanted.

    Raises:
        AlmanacError: the raw folder, a declaration, a setting or a file is missing or wrong.
    """
    # A separate cursor keeps the time zone and the temporary tables out of dbt's connection.
    cursor = connection.cursor()
    try:
        cursor.execute("set TimeZone = 'UTC'")
        planned = plan(cursor, project, workspace)
        relations = planned.relations
        existing = _existing(cursor)
        notes = planned.notes + _warnings(cursor, planned, existing)
        known = _known(cursor, existing)
        changed = _changed(relations, existing, known)
        if changed or existing.keys() - {relation.identifier for relation in relations} - {
            FILES_TABLE
        }:
            notes += _replace(cursor, relations, changed, existing, known)
        return notes
    finally:
        cursor.close()


def not_landed(
    connection: duckdb.DuckDBPyConnection, project: Path, workspace: Workspace
) -> list[str]:
    """Return the relations, by name, that the next build would land anew; none where all is so.

    Raises:
        AlmanacError: as `land`.
    """
    cursor = connection.cursor()
    try:
        relations = plan(cursor, project, workspace).relations
        existing = _existing(cursor)
        changed = _changed(relations, existing, _known(cursor, existing))
        return [relation.identifier for relation in changed]
    finally:
        cursor.close()


def _warnings(
    cursor: duckdb.DuckDBPyConnection, planned: Plan, existing: Mapping[str, str]
) -> list[str]:
    notes: list[str] = []
    if planned.unknown:
        listed = few(planned.unknown, MANY)
        notes.append(
            Warned(
                f"No source takes {listed}. Its rows are in no table; docs/workspaces.md says "
                "which files a source takes, and how a mapping reads others."
            )
        )
    if "workspace__sources" in existing:
        listed_before = cursor.execute(
            f"select source from {SCHEMA}.workspace__sources where is_present order by source"
        ).fetchall()
        notes += [
            Warned(
                f"{source} had files at the last build and has none now: its rows, features, "
                "labels and customers leave the warehouse with this build. If that is not meant, "
                "put the files back, then: dbt build"
            )
            for (source,) in listed_before
            if source not in planned.present
        ]
    return notes


def _replace(
    cursor: duckdb.DuckDBPyConnection,
    relations: list[LandedRelation],
    changed: list[LandedRelation],
    existing: dict[str, str],
    known: list[FileRow],
) -> list[str]:
    prepared: dict[LandedRelation, Prepared] = {}
    for relation in changed:
        with _named_errors(relation.identifier):
            prepared[relation] = relation.prepare(cursor, relation.files)
    kept = {relation.identifier for relation in relations} - {r.identifier for r in changed}
    with _named_errors(SCHEMA), transaction(cursor):
        cursor.execute(f"create schema if not exists {SCHEMA}")
        for definition in MACROS:
            cursor.execute(definition)
        for name, kind in existing.items():
            if name not in kept:
                cursor.execute(f"drop {kind} {SCHEMA}.{quoted(name)}")
        for relation, made in prepared.items():
            with _named_errors(relation.identifier):
                cursor.execute(
                    f"create {relation.kind} {SCHEMA}.{quoted(relation.identifier)} as "
                    f"select * from ({made.query}) where {relation.kept}"
                )
        _write_files_table(cursor, relations, prepared, known)
    return [note for made in prepared.values() for note in made.notes]


def _known(cursor: duckdb.DuckDBPyConnection, existing: Mapping[str, str]) -> list[FileRow]:
    """Return the rows of `landed.files`; none where it is absent or of an earlier version."""
    if FILES_TABLE not in existing:
        return []
    listed = cursor.execute(f"from {SCHEMA}.{FILES_TABLE}")
    if [column[0] for column in listed.description or []] != list(FILES_COLUMNS):
        return []
    return [tuple(row) for row in listed.fetchall()]


def _changed(
    relations: Iterable[LandedRelation], existing: Mapping[str, str], known: Iterable[FileRow]
) -> list[LandedRelation]:
    before: dict[FileRow, set[FileRow]] = {}
    for row in known:
        before.setdefault(row[:2], set()).add(row[:READ_FROM])
    return [
        relation
        for relation in relations
        if relation.identifier not in existing
        or before.get((relation.source, relation.table)) != set(relation.file_rows)
    ]


def _write_files_table(
    cursor: duckdb.DuckDBPyConnection,
    relations: Iterable[LandedRelation],
    prepared: Mapping[LandedRelation, Prepared],
    known: Iterable[FileRow],
) -> None:
    columns = ", ".join(f"{name} {kind}" for name, kind in FILES_COLUMNS.items())
    cursor.execute(f"create table {SCHEMA}.{FILES_TABLE} ({columns})")
    before = {row[:READ_FROM]: row for row in known}
    now = datetime.now(UTC).replace(tzinfo=None)
    rows = []
    for relation in relations:
        for row in relation.file_rows:
            if relation in prepared:
                modified = datetime.fromtimestamp(row[4] / 1e9, UTC).replace(tzinfo=None)
                rows.append((*row, max(now, modified), prepared[relation].signs.get(row[2], POINT)))
            else:
                rows.append(before[row])
    marks = ", ".join("?" * len(FILES_COLUMNS))
    cursor.executemany(f"insert into {SCHEMA}.{FILES_TABLE} values ({marks})", rows)


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
def _named_errors(name: str) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise refused(error) or BadInput(
            f"{name} cannot be landed: {error}", "Correct its files or declaration, then: dbt build"
        ) from error
