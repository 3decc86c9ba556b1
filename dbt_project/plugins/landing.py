"""dbt-duckdb plugin: before dbt runs, the raw files of every declared source lie in schema landed.

Parquet files become views, delimited text becomes tables, absent sources become empty relations.
`landed.files` remembers what was read, so that a command after which nothing changed reads nothing.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt.adapters.events.logging import AdapterLogger
from dbt_common.exceptions import DbtRuntimeError
from landing_csv import literal, quoted
from landing_plan import MEMORY, Relation, plan
from landing_sources import SCHEMA

from ml.workspace.errors import AlmanacError
from ml.workspace.settings import Workspace, workspace_at
from ml.workspace.warehouse import open_warehouse

LOGGER = AdapterLogger("Almanac")


class Plugin(BasePlugin):
    """Lands the workspace's raw files whenever dbt opens the warehouse."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Take `home`, `raw` and `project`; relative ones start at the current folder."""
        self._config = plugin_config
        self._told: set[str] = set()

    def update_connection_config(self, creds: DuckDBCredentials, config: dict[str, Any]) -> None:
        """Wait for whoever holds the warehouse, and say so: dbt's own retries are silent."""
        try:
            _await_warehouse(Path(creds.path))
        except AlmanacError as error:
            raise DbtRuntimeError(str(error)) from error

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Bring schema `landed` up to date, or stop dbt with one message."""
        try:
            notes = land(conn, _project(self._config), _workspace(self._config))
        except (AlmanacError, OSError) as error:
            raise DbtRuntimeError(str(error)) from error
        for note in notes:
            # dbt opens the warehouse several times a command.
            if note not in self._told:
                LOGGER.info(note)
                self._told.add(note)


def land(connection: duckdb.DuckDBPyConnection, project: Path, workspace: Workspace) -> list[str]:
    """Bring schema `landed` up to date with the raw folder; on any error it stays as it was.

    Args:
        connection: an open warehouse.
        project: the dbt project, whose `models/staging` declares the sources.
        workspace: its raw folder and settings.

    Returns:
        Lines worth telling: what was assumed, what was read, what was broken.

    Raises:
        AlmanacError: the raw folder, a declaration, a setting or a file is not as it must be.
    """
    # A cursor of its own keeps the time zone and the temporary tables from dbt's connection.
    cursor = connection.cursor()
    try:
        cursor.execute("set TimeZone = 'UTC'")
        relations, notes = plan(cursor, project, workspace)
        existing = _existing(cursor)
        changed = _changed(cursor, relations, existing)
        if changed or existing.keys() - {relation.identifier for relation in relations} - {MEMORY}:
            notes += _renew(cursor, relations, changed, existing)
        return notes
    finally:
        cursor.close()


def _renew(
    cursor: duckdb.DuckDBPyConnection,
    relations: list[Relation],
    changed: list[Relation],
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
        _remember(cursor, relations)
    return notes


def _changed(
    cursor: duckdb.DuckDBPyConnection, relations: Iterable[Relation], existing: dict[str, str]
) -> list[Relation]:
    known: dict[tuple[str, str], set[tuple[Any, ...]]] = {}
    if MEMORY in existing:
        for row in cursor.execute(f"from {SCHEMA}.{MEMORY}").fetchall():
            known.setdefault(row[:2], set()).add(row)
    return [
        relation
        for relation in relations
        if relation.identifier not in existing
        or known.get((relation.source, relation.table)) != set(relation.memory)
    ]


def _remember(cursor: duckdb.DuckDBPyConnection, relations: Iterable[Relation]) -> None:
    cursor.execute(
        f"create table {SCHEMA}.{MEMORY} (source varchar, table_name varchar, file varchar, "
        "bytes bigint, modified_ns bigint, declaration_hash varchar)"
    )
    rows = [row for relation in relations for row in relation.memory]
    values = ", ".join(
        f"({', '.join(literal(v) if isinstance(v, str) else str(v) for v in row)})" for row in rows
    )
    cursor.execute(f"insert into {SCHEMA}.{MEMORY} values {values}")


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
        raise AlmanacError(
            f"{name} cannot be landed: {error}\nCorrect its files or declaration, then: dbt build"
        ) from error


def _await_warehouse(path: Path) -> None:
    if not path.parent.is_dir():
        raise AlmanacError(
            f"No workspace folder at {path.parent}.\n"
            "Name another in ALMANAC_HOME, or make it with a made-up company: ml simulate"
        )
    if path.exists():
        with open_warehouse(path, read_only=False):
            pass


def _workspace(config: dict[str, Any]) -> Workspace:
    return workspace_at(Path(config.get("home") or "data").resolve(), config.get("raw") or "")


def _project(config: dict[str, Any]) -> Path:
    return Path(config.get("project") or Path(__file__).parent.parent).resolve()
