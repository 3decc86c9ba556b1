"""Facts of the whole: what buckets return is added up, and the project's SQL of the whole runs."""

import hashlib
import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb

from ml.lake.bucket import Months
from ml.lake.project import DECLARED, Model, Project, Totals
from ml.lake.stored import Stored, types_of
from ml.workspace.manifest import package_folder
from ml.workspace.sql import quoted, quoted_relation
from ml.workspace.warehouse import attached


def merged(totals: Totals, parts: Sequence[str], types: Mapping[str, str]) -> str:
    """Return the query of the whole's rows: those of the buckets' files, added up by their keys."""
    rows = Stored(tuple(parts), types).query
    measures = totals.measures
    columns = ", ".join(
        f"cast({measures[name]}({quoted(name)}) as {kind}) as {quoted(name)}"
        if name in measures
        else quoted(name)
        for name, kind in types.items()
    )
    return f"select {columns} from ({rows}) group by {', '.join(map(quoted, totals.by))}"


def replace_table(connection: duckdb.DuckDBPyConnection, relation: str, query: str) -> None:
    """Make a query's rows the table of this name, which may be read by the query."""
    name = quoted_relation(relation)
    connection.execute(f"create schema if not exists {name.split('.')[0]}")
    connection.execute(f"create or replace temp table computed as {query}")
    connection.execute(f"create or replace table {name} as from computed")
    connection.execute("drop table computed")


def content_of(connection: duckdb.DuckDBPyConnection, relation: str) -> str:
    """Return a hash of a table's columns and rows, in whichever order these are."""
    name = quoted_relation(relation)
    rows = connection.execute(
        f"select count(*), sum(hash(rows))::varchar from {name} as rows"
    ).fetchall()
    return fingerprint(sorted(types_of(connection, f"from {name}").items()), rows)


def fingerprint(*parts: object) -> str:
    """Return a hash of these values."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def months_of(connection: duckdb.DuckDBPyConnection, model: Model) -> Months:
    """Return the months that a model's rows must be of, each with its version, in order."""
    relation = model.rows
    connection.execute(f"create schema if not exists {quoted_relation(relation).split('.')[0]}")
    # The query tells what changed as well, from what is built: here nothing is.
    connection.execute(
        f"create or replace temp view built as select null::date as {quoted(model.month or '')}, "
        "null::ubigint as month_version where false"
    )
    query = model.months_query.replace(
        ".".join(f'"{part}"' for part in ("warehouse", *relation.split("."))), "temp.built"
    )
    return tuple(connection.execute(f"from ({query}) order by feature_month").fetchall())


def files_of(connection: duckdb.DuckDBPyConnection, model: Model) -> tuple[tuple[str, int], ...]:
    """Return the raw files that a model of event files must have read, each with its stamp."""
    return tuple(connection.execute(f"from ({model.files_query}) order by file").fetchall())


def feature_names(
    connection: duckdb.DuckDBPyConnection, project: Project
) -> dict[str, tuple[str, ...]]:
    """Return which features each family's vectors hold, in order, by the catalogue."""
    declared = project.find(DECLARED)
    if declared is None:
        return {}
    rows = connection.execute(
        f"select relation, list(name order by position) from ({declared.sql}) group by relation"
    ).fetchall()
    return {relation: tuple(names) for relation, names in rows}


def run_python(
    connection: duckdb.DuckDBPyConnection, project: Project, model: Model, is_built: bool
) -> None:
    """Run a Python model of the project, which adds rows to what is built.

    It gets what dbt would give it: `ref`, `source`, `config` and `this`.
    """
    node = project.python[model.relation]
    path = package_folder(node) / node["original_file_path"]
    spec = importlib.util.spec_from_file_location(node["name"], path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python module")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    dbt = SimpleNamespace(
        config=_Config(node["config"].get("meta") or {}),
        ref=lambda name: connection.sql(f"from {_by_name(project, name)}"),
        source=lambda schema, table: connection.sql(f"from landed.{quoted(f'{schema}__{table}')}"),
        is_incremental=is_built,
        this=quoted_relation(model.relation),
    )
    added: Any = module.model(dbt, connection)
    if isinstance(added, duckdb.DuckDBPyRelation):
        added = added.to_arrow_table()
    connection.register("added", added)
    if is_built:
        connection.execute(f"insert into {quoted_relation(model.relation)} by name from added")
    else:
        replace_table(connection, model.relation, "from added")
    connection.unregister("added")


class _Config:
    """The `config` of a Python model: it is called for settings of dbt, and asked for `meta`."""

    def __init__(self, meta: Mapping[str, Any]) -> None:
        self._meta = meta

    def __call__(self, **_settings: object) -> None:
        """Take dbt's own settings, which say how its adapter keeps the rows."""

    def get(self, name: str) -> Mapping[str, Any] | None:
        return self._meta if name == "meta" else None


def _by_name(project: Project, name: str) -> str:
    return next(
        quoted_relation(m.relation) for m in project.models if m.relation.endswith(f".{name}")
    )


def copy_tables(connection: duckdb.DuckDBPyConnection, path: Path, tables: Sequence[str]) -> None:
    """Take tables that another DuckDB file has, those of them that are there.

    Raises:
        AlmanacError: another process keeps holding the file, or it is damaged.
    """
    if not path.exists():
        return
    with attached(connection, path, "other"):
        found = connection.execute(
            "select schema_name || '.' || table_name from duckdb_tables() "
            "where database_name = 'other'"
        ).fetchall()
        for (table,) in found:
            if table in tables:
                replace_table(connection, table, f"from other.{quoted_relation(table)}")
