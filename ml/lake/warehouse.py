"""The driver's warehouse of a lake: views over its snapshot, and the models of the whole."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb

from ml.lake.bucket import named_query, view_query
from ml.lake.entry import Entry
from ml.lake.facts import content_of, fingerprint, replace_table
from ml.lake.project import Project, compiled_warehouse
from ml.lake.scope import is_view, needed_by_customers
from ml.lake.settings import LakeSettings
from ml.lake.shown import RELATIONS, SCHEMA, SETTINGS, Shown, write_shown
from ml.lake.stored import table_of
from ml.landing.land import MACROS
from ml.workspace.settings import Workspace
from ml.workspace.sql import quoted, quoted_relation
from ml.workspace.warehouse import attached, make_warehouse, open_warehouse, transaction

# Tables that commands write into; dbt makes them where they are missing, and so does a lake.
KEPT = (
    "scores.scores",
    "intermediate.feature_statistics",
    "intermediate.measured_families",
    "monitoring.champions",
)
REJECTS = "staging.rejects"
COMPLETE = "intermediate.int_complete_months"
# What each family's statistics were measured from.
MEASURED = f"{SCHEMA}.measured"


def write_warehouse(
    ws: Workspace,
    settings: LakeSettings,
    project: Project,
    entries: Mapping[str, Entry],
    features: Mapping[str, tuple[str, ...]],
) -> None:
    """Make the workspace's warehouse show the lake as `entries` have it, all at once.

    Customers' relations are views over the lake's files; facts of the whole are tables, and the
    models of the whole that nothing in a bucket reads are built here. Scores stay.
    """
    make_warehouse(ws.warehouse)
    with (
        open_warehouse(ws.warehouse, read_only=False) as connection,
        attached(connection, compiled_warehouse(ws), "compiled"),
        transaction(connection),
    ):
        connection.execute("create schema if not exists landed")
        for definition in MACROS:
            connection.execute(definition)
        for relation in KEPT:
            _make_kept(connection, relation)
        write_shown(connection, settings, dict(_shown(project, entries, features)))
        shown = {*KEPT, RELATIONS, SETTINGS, MEASURED}
        for relation, kind, query in _relations(project, entries, features):
            _put(connection, relation, kind, query)
            shown.add(relation)
        _drop_others(connection, shown)
        _measure(connection, project, entries)


def write_views(
    path: Path,
    project: Project,
    entries: Mapping[str, Entry],
    features: Mapping[str, tuple[str, ...]],
) -> None:
    """Make a new warehouse with a view of each relation that can be read a bucket at a time."""
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema landed")
        for definition in MACROS:
            connection.execute(definition)
        for relation, shown in _shown(project, entries, features):
            _put(connection, relation, "view", shown.stored.query if shown.stored else shown.query)


def _measure(
    connection: duckdb.DuckDBPyConnection, project: Project, entries: Mapping[str, Entry]
) -> None:
    """Measure the families whose rows, complete months or measures this warehouse has not yet.

    What this build changed says less: a build that was killed may have committed the rows.
    """
    connection.execute(f"create table if not exists {MEASURED} (relation varchar, made_of varchar)")
    known = dict(connection.execute(f"select relation, made_of from {MEASURED}").fetchall())
    complete = content_of(connection, COMPLETE)
    measured = {}
    for relation, statements in project.measures.items():
        model = project.find(relation)
        entry = entries.get(model.rows if model else relation)
        measured[relation] = fingerprint(statements, complete, sorted(entry.files if entry else ()))
        if known.get(relation) != measured[relation]:
            connection.execute(statements)
    columns = {"relation": "VARCHAR", "made_of": "VARCHAR"}
    replace_table(connection, MEASURED, table_of(columns, list(measured.items())))


def _relations(
    project: Project, entries: Mapping[str, Entry], features: Mapping[str, tuple[str, ...]]
) -> Iterator[tuple[str, str, str]]:
    """Yield each relation of the warehouse with `table` or `view` and its query, in order."""
    rejects = []
    for relation, entry in entries.items():
        schema = relation.split(".")[0]
        if schema == "rejects":
            rejects.append(entry.whole.query)
        elif schema != SCHEMA:
            yield relation, "table" if entry.is_fact else "view", entry.whole.query
    if rejects:
        yield REJECTS, "view", " union all ".join(rejects)
    needed = needed_by_customers(project)
    for model in project.models:
        if model.kind == "vectors" and model.rows in entries:
            names = features.get(model.relation, ())
            yield model.relation, "view", named_query(model.rows, names)
        elif is_view(model) and not model.is_whole:
            yield model.relation, "view", view_query(model)
        elif model.is_whole and model.relation not in needed:
            yield model.relation, "view" if model.kind == "view" else "table", model.sql


def _shown(
    project: Project, entries: Mapping[str, Entry], features: Mapping[str, tuple[str, ...]]
) -> Iterator[tuple[str, Shown]]:
    """Yield what can be read a bucket at a time: what is stored, then views in their order."""
    for relation, entry in entries.items():
        if relation.split(".")[0] not in ("rejects", SCHEMA):
            yield relation, Shown(entry.whole, "", ())
    for model in project.models:
        if model.kind == "vectors" and model.rows in entries:
            names = features.get(model.relation, ())
            yield model.relation, Shown(None, named_query(model.rows, names), (model.rows,))
        elif is_view(model) and not model.is_whole:
            yield model.relation, Shown(None, view_query(model), model.reads)


def _make_kept(connection: duckdb.DuckDBPyConnection, relation: str) -> None:
    name = quoted_relation(relation)
    connection.execute(f"create schema if not exists {name.split('.')[0]}")
    connection.execute(f"create table if not exists {name} as from compiled.{name}")


def _drop_others(connection: duckdb.DuckDBPyConnection, shown: set[str]) -> None:
    """Drop what the warehouse showed of models and sources that are no more."""
    schemas = sorted({relation.split(".")[0] for relation in shown})
    found = connection.execute(
        "select table_schema || '.' || table_name, if(table_type = 'VIEW', 'view', 'table') "
        "from information_schema.tables where table_catalog = current_database() "
        "and list_contains(?, table_schema)",
        [schemas],
    ).fetchall()
    for relation, kind in found:
        if relation not in shown:
            connection.execute(f"drop {kind} {quoted_relation(relation)}")


def _put(connection: duckdb.DuckDBPyConnection, relation: str, kind: str, query: str) -> None:
    """Make a relation a table or view of a query's rows, whatever it was before."""
    schema, name = relation.split(".")
    found = connection.execute(
        "select if(table_type = 'VIEW', 'view', 'table') from information_schema.tables "
        "where table_catalog = current_database() and table_schema = ? and table_name = ?",
        [schema, name],
    ).fetchone()
    if found and found[0] != kind:
        connection.execute(f"drop {found[0]} {quoted_relation(relation)}")
    if kind == "table":
        replace_table(connection, relation, query)
        return
    connection.execute(f"create schema if not exists {quoted(schema)}")
    connection.execute(f"create or replace view {quoted_relation(relation)} as {query}")
