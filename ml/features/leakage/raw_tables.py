"""The raw tables of a workspace: which column is the time, which the customer, which files.

No source is treated by name. The declaration of a table (`_<source>.yml`, in dbt's manifest) gives
its types; landed and staged values show which column is the time and which the customer.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from ml.features.leakage.time_sql import is_time, landed_time
from ml.landing.delimited import META
from ml.landing.mapped_query import ColumnMapping
from ml.landing.mappings import mapping_named
from ml.workspace.errors import NotBuilt
from ml.workspace.manifest import Manifest
from ml.workspace.settings import Workspace
from ml.workspace.sql import literal, quoted, quoted_relation

SAMPLE_ROWS, SAMPLE_VALUES = 5000, 500
TIME, CUSTOMER = "event_time", "customer_id"


@dataclass(frozen=True)
class RawTable:
    """One table of schema `landed` that has raw files.

    Attributes:
        source: its source.
        name: its name within the source.
        identifier: its name in schema `landed`.
        format: how its files are written: csv, parquet, mapping.
        arrays: whether a file has one row a customer, with arrays of events.
        names: each declared column's names in files.
        time: the column of the time of a row; None where there is none.
        instant: SQL of that time in UTC.
        is_period: whether the time is a date that stands for a period: the audit changes the values
            of such rows, but neither removes nor moves them.
        kept_columns: columns that identify a row or its customer, or that landing adds, which the
            audit never changes.
        snapshot: for tables without time, the first instant of the month that all rows describe.
        span: the first and the last time.
        files: its files below the raw folder.
        mapping: the mapping that the files were read through, if any.
    """

    source: str
    name: str
    identifier: str
    format: str
    arrays: bool
    names: Mapping[str, tuple[str, ...]]
    time: str | None
    instant: str
    is_period: bool
    kept_columns: tuple[str, ...]
    snapshot: datetime | None
    span: tuple[datetime, datetime] | None
    files: tuple[str, ...]
    mapping: ColumnMapping | None

    @property
    def landed(self) -> str:
        """The relation in the warehouse."""
        return f"landed.{quoted(self.identifier)}"

    @property
    def is_dated(self) -> bool:
        """Whether its rows are events with a time of their own."""
        return self.time is not None and not self.is_period


@dataclass(frozen=True)
class WarehouseReader:
    """What raw tables are read from: the warehouse, the manifest, the settings, the forms."""

    connection: duckdb.DuckDBPyConnection
    manifest: Manifest
    ws: Workspace
    project: Path
    forms: Mapping[str, str | None]


def read_tables(
    connection: duckdb.DuckDBPyConnection, manifest: Manifest, ws: Workspace, project: Path
) -> list[RawTable]:
    """Return every raw table of the workspace that has files, by source and name.

    Raises:
        AlmanacError: the warehouse holds no landed files.
    """
    listed = "select source, table_name, file from landed.files where file <> '' order by all"
    try:
        rows = connection.execute(listed).fetchall()
        forms = connection.execute("select source, form from landed.workspace__sources").fetchall()
    except duckdb.CatalogException as error:
        raise NotBuilt(f"{ws.warehouse} holds no raw files.", "Build it: dbt build") from error
    files: dict[tuple[str, str], list[str]] = {}
    for source, name, file in rows:
        files.setdefault((source, name), []).append(file)
    nodes = {(node["source_name"], node["name"]): node for node in manifest["sources"].values()}
    reader = WarehouseReader(connection, manifest, ws, project, dict(forms))
    return [
        _table(reader, nodes[key], tuple(found))
        for key, found in files.items()
        if key in nodes and "format" in nodes[key]["config"]["meta"]
    ]


def _table(reader: WarehouseReader, node: Mapping[str, Any], files: tuple[str, ...]) -> RawTable:
    connection, meta, source = reader.connection, node["config"]["meta"], node["source_name"]
    landed, form = f"landed.{quoted(node['identifier'])}", reader.forms.get(source)
    kinds = _kinds(connection, landed)
    staged = _staged(reader, node["unique_id"])
    time = _time(connection, landed, kinds, staged)
    instant = landed_time(quoted(time), kinds[time]) if time else ""
    customer = _customer(connection, landed, kinds, staged, source)
    fixed = [
        name
        for name, column in node["columns"].items()
        if _meta(column).get("from_path") or _meta(column).get("generated")
    ]
    keys = [] if time else _keys(connection, landed, kinds, customer)
    is_mapped = form is not None and meta["format"] == "mapping"
    return RawTable(
        source=source,
        name=node["name"],
        identifier=node["identifier"],
        format=meta["format"],
        arrays=(meta.get("forms") or {}).get(form) == "arrays" and form in meta.get("files", ()),
        names={n: (n, *_meta(column).get("aliases", ())) for n, column in node["columns"].items()},
        time=time,
        instant=instant,
        is_period=bool(time) and kinds[str(time)] == "DATE",
        kept_columns=tuple(dict.fromkeys([*customer, *keys, *fixed])),
        snapshot=_snapshot(connection, source),
        span=_span(connection, landed, instant) if time else None,
        files=files,
        mapping=mapping_named(str(form), source, reader.project, reader.ws) if is_mapped else None,
    )


def _meta(column: Mapping[str, Any]) -> Mapping[str, Any]:
    meta: Mapping[str, Any] = (column.get("config") or {}).get("meta") or {}
    return meta


def _kinds(connection: duckdb.DuckDBPyConnection, name: str) -> dict[str, str]:
    rows = connection.execute(f"describe select * from {name}").fetchall()
    return {row[0]: row[1] for row in rows if row[0] not in META}


def _staged(reader: WarehouseReader, unique_id: str) -> tuple[str, dict[str, str]] | None:
    """The staging model that reads a source's table, with its columns."""
    for node in reader.manifest["nodes"].values():
        reads = (node.get("depends_on") or {}).get("nodes") or []
        staging = str(node.get("path", "")).replace("\\", "/").startswith("staging/")
        if node["resource_type"] == "model" and staging and unique_id in reads:
            name = quoted_relation(f"{node['schema']}.{node['alias']}")
            try:
                return name, _kinds(reader.connection, name)
            except duckdb.CatalogException:
                return None
    return None


def _time(
    connection: duckdb.DuckDBPyConnection,
    landed: str,
    kinds: Mapping[str, str],
    staged: tuple[str, dict[str, str]] | None,
) -> str | None:
    """The column that staging takes a row's time from: one of a time type, else one of texts."""
    typed = [name for name, kind in kinds.items() if is_time(kind)]
    texts = [name for name, kind in kinds.items() if kind == "VARCHAR"]
    found = typed or [name for name in texts if _reads_as_time(connection, landed, name)]
    if len(found) < 2 or TIME in found:
        return TIME if TIME in found else next(iter(found), None)
    if staged is None or TIME not in staged[1]:
        return found[0]
    times = f"select {TIME} from {staged[0]}"
    return max(
        found,
        key=lambda name: _share_in(
            connection, landed, landed_time(quoted(name), kinds[name]), f"({times})"
        ),
    )


def _reads_as_time(connection: duckdb.DuckDBPyConnection, landed: str, name: str) -> bool:
    column = quoted(name)
    row = connection.execute(
        f"select count({landed_time(column, 'VARCHAR')}) * 2 > count({column}) "
        f"from (select {column} from {landed} where {column} <> '' limit {SAMPLE_ROWS})"
    ).fetchone()
    return bool(row and row[0])


def _customer(
    connection: duckdb.DuckDBPyConnection,
    landed: str,
    kinds: Mapping[str, str],
    staged: tuple[str, dict[str, str]] | None,
    source: str,
) -> list[str]:
    """The column whose values are staging's customers, or their ids in this source."""
    texts = [name for name, kind in kinds.items() if kind == "VARCHAR"]
    if CUSTOMER in texts or not texts:
        return [CUSTOMER] if texts else []
    if staged is None or CUSTOMER not in staged[1]:
        return texts[:1]
    known = (
        f"(select {CUSTOMER} from {staged[0]} union all select source_id "
        f"from landed.workspace__identities where source = {literal(source)})"
    )
    shares = {name: _share_in(connection, landed, f"trim({quoted(name)})", known) for name in texts}
    best = max(texts, key=lambda name: shares[name])
    return [best] if shares[best] > 0 else []


def _share_in(connection: duckdb.DuckDBPyConnection, landed: str, value: str, known: str) -> float:
    """The share of a sample's values that are among those that `known` selects."""
    row = connection.execute(
        f"select coalesce(avg(cast(value in {known} as integer)), 0) from (select distinct value "
        f"from (select {value} as value from {landed} limit {SAMPLE_ROWS}) "
        f"where value is not null limit {SAMPLE_VALUES})"
    ).fetchone()
    return float(row[0]) if row else 0.0


def _keys(
    connection: duckdb.DuckDBPyConnection,
    landed: str,
    kinds: Mapping[str, str],
    customer: Iterable[str],
) -> list[str]:
    """Columns of text that distinguish the rows of one customer, such as a period."""
    customer_column = next(iter(customer), None)
    texts = [name for name, kind in kinds.items() if kind == "VARCHAR" and name != customer_column]
    if customer_column is None:
        return []
    return [
        name
        for name in texts
        if _distinguishes_rows(connection, landed, quoted(customer_column), quoted(name))
    ]


def _distinguishes_rows(
    connection: duckdb.DuckDBPyConnection, landed: str, customer_column: str, column: str
) -> bool:
    row = connection.execute(
        f"select count(*) > 1.5 * count(distinct {customer_column}) "
        f"and count(distinct ({customer_column}, {column})) > 0.95 * count(*) "
        f"and count(distinct {column}) * 10 < count(*) from {landed} where _error is null"
    ).fetchone()
    return bool(row and row[0])


def _snapshot(connection: duckdb.DuckDBPyConnection, source: str) -> datetime | None:
    """The first instant of the month that an undated source describes, by the settings."""
    row = connection.execute(
        "select date_trunc('month', try_cast(value as timestamp)) "
        "from landed.workspace__settings where name = ?",
        [f"{source}.snapshot_month"],
    ).fetchone()
    return row[0] if row else None


def _span(
    connection: duckdb.DuckDBPyConnection, landed: str, instant: str
) -> tuple[datetime, datetime] | None:
    row = connection.execute(f"select min({instant}), max({instant}) from {landed}").fetchone()
    return (row[0], row[1]) if row and row[0] is not None else None
