"""The staged tables with the roles of their columns, the sources, and the rejected rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from ml.workspace.errors import NotBuilt
from ml.workspace.manifest import models, models_with
from ml.workspace.settings import Workspace
from ml.workspace.sql import quoted
from ml.workspace.texts import one_line

TIME = "event_time"
CUSTOMER = "customer_id"
FRACTIONS = ("DOUBLE", "FLOAT", "DECIMAL", "REAL")
CODES = ("BIGINT", "INTEGER", "SMALLINT", "TINYINT", "VARCHAR", "BOOLEAN", "HUGEINT")

Row = tuple[Any, ...]


@dataclass(frozen=True)
class StagedTable:
    """A staging view `stg_<source>__<table>`: its columns with their types, and its rows."""

    name: str
    columns: Mapping[str, str]
    rows: int
    description: str = ""

    @property
    def relation(self) -> str:
        """The view's quoted name in SQL."""
        return f"staging.{quoted(self.name)}"

    @property
    def source(self) -> str:
        """The name of its source."""
        return self.name.removeprefix("stg_").partition("__")[0]

    @property
    def table(self) -> str:
        """Its name within the source."""
        return self.name.removeprefix("stg_").partition("__")[2]

    @property
    def is_events(self) -> bool:
        """Whether its rows are events with a time each."""
        return self.columns.get(TIME, "").startswith("TIMESTAMP")

    @property
    def months(self) -> str | None:
        """The first column of dates, where rows have no time; None if there is none."""
        dated = [name for name, kind in self.columns.items() if kind == "DATE"]
        return None if self.is_events or not dated else dated[0]

    @property
    def numbers(self) -> tuple[str, ...]:
        """Columns of fractional numbers: what is measured."""
        return tuple(
            name
            for name, kind in self.columns.items()
            if kind.startswith(FRACTIONS) and name not in self.vectors
        )

    @property
    def codes(self) -> tuple[str, ...]:
        """Columns of categories: whole numbers, texts or flags, without ids and geohashes."""
        return tuple(
            name
            for name, kind in self.columns.items()
            if kind in CODES and not name.endswith("_id") and name not in self.cells
        )

    @property
    def vectors(self) -> tuple[str, ...]:
        """Columns that hold a list of numbers."""
        return tuple(name for name, kind in self.columns.items() if kind.endswith("]"))

    @property
    def cells(self) -> tuple[str, ...]:
        """Geohash columns, coarse to fine."""
        return tuple(sorted(name for name in self.columns if name.startswith("geohash_")))


@dataclass(frozen=True)
class SourceStatus:
    """A declared source: whether it has raw files, in which form, how many, and their bytes."""

    name: str
    is_present: bool
    form: str | None
    files: int
    size: int


@dataclass(frozen=True)
class RejectCount:
    """How many rows of one table staging rejected for one reason."""

    table: str
    reason: str
    rows: int


def read_tables(connection: duckdb.DuckDBPyConnection, ws: Workspace) -> tuple[StagedTable, ...]:
    """Return every staging view with its columns and rows: events first, large ones first.

    Raises:
        AlmanacError: nothing was staged yet.
    """
    found = connection.execute(
        "select table_name, list(column_name order by ordinal_position),"
        " list(data_type order by ordinal_position) from information_schema.columns"
        " where table_schema = 'staging' and starts_with(table_name, 'stg_')"
        " group by 1 order by 1"
    ).fetchall()
    if not found:
        raise NotBuilt(f"Nothing is staged in {ws.warehouse}.", "Stage it: dbt build")
    texts = _descriptions(ws)
    tables = [
        StagedTable(name, _data_columns(names, kinds), _rows(connection, name), texts.get(name, ""))
        for name, names, kinds in found
    ]
    return tuple(sorted(tables, key=lambda table: (not table.is_events, table.source, -table.rows)))


def read_sources(connection: duckdb.DuckDBPyConnection) -> tuple[SourceStatus, ...]:
    """Return every declared source, by name."""
    rows = connection.execute(
        "select source, is_present, form, files, bytes from landed.workspace__sources order by 1"
    ).fetchall()
    return tuple(SourceStatus(*row) for row in rows)


def read_rejects(connection: duckdb.DuckDBPyConnection) -> tuple[RejectCount, ...]:
    """Return the numbers of rejected rows by table and reason, most rows first."""
    rows = connection.execute(
        "select model, reason, count(*) from staging.rejects group by 1, 2 order by 1, 3 desc, 2"
    ).fetchall()
    return tuple(RejectCount(*row) for row in rows)


def declared_slices(ws: Workspace, table: StagedTable) -> dict[str, set[str]]:
    """Return the values that families built from `table` declare, as text, by dimension."""
    declared: dict[str, set[str]] = {}
    for node in models_with(ws, "family") if ws.manifest.exists() else ():
        meta = node["config"]["meta"]
        if (meta.get("source"), meta.get("table")) != (table.source, table.table):
            continue
        for dimension, values in (meta.get("grid", {}).get("slices") or {}).items():
            declared.setdefault(dimension, set()).update(map(spec_text, values))
    return declared


def _data_columns(names: Sequence[str], kinds: Sequence[str]) -> dict[str, str]:
    """Return columns and types without those of a row's place in the files (`_file`, `_row`)."""
    return {name: kind for name, kind in zip(names, kinds, strict=True) if not name.startswith("_")}


def spec_text(value: object) -> str:
    """Return a value of a spec as SQL would cast it to text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _rows(connection: duckdb.DuckDBPyConnection, name: str) -> int:
    [(rows,)] = connection.execute(f"select count(*) from staging.{quoted(name)}").fetchall()
    return int(rows)


def _descriptions(ws: Workspace) -> dict[str, str]:
    """Return what dbt says of each staging model; nothing where the manifest is not kept."""
    if not ws.manifest.exists():
        return {}
    return {str(node["alias"]): one_line(node.get("description")) for node in models(ws)}
