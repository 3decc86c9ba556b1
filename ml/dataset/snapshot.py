"""A snapshot of what a training set reads: a digest per month of each relation, and of the code.

Of tables with month versions (decision 3) only customer, timestamp and version are hashed. A
version covers the records and the spec that a month was computed from, but not macros and SQL, so
the checksums of all models upstream of the relations are part of the snapshot.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import duckdb

from ml.workspace.errors import NotBuilt
from ml.workspace.manifest import Manifest, Node, quoted_name, read_manifest
from ml.workspace.settings import Workspace
from ml.workspace.sql import quoted
from ml.workspace.warehouse import open_warehouse

VERSION = "month_version"
CODE = ("model.", "seed.", "macro.")
DBT_PACKAGES = ("dbt", "dbt_duckdb")
MEMORY = "1GB"


class SnapshotSource(NamedTuple):
    """A relation as SQL, its timestamp column, its time to live (None: no limit), its rows' SQL."""

    relation: str
    timestamp: str
    ttl: timedelta | None
    condition: str = "true"


class MonthDigest(NamedTuple):
    """A month's number of rows, and a digest of them that does not depend on their order."""

    rows: int
    digest: str


@dataclass(frozen=True)
class Snapshot:
    """Each relation's months (`2022-12`), and each model's and macro's checksum by its dbt id."""

    relations: Mapping[str, Mapping[str, MonthDigest]]
    code: Mapping[str, str]


def snapshot(ws: Workspace, labels: SnapshotSource, views: Sequence[SnapshotSource]) -> Snapshot:
    """Return the snapshot of the label rows and of the feature rows that can serve them.

    Raises:
        AlmanacError: the warehouse, the manifest or a relation is missing.
    """
    with open_warehouse(ws.warehouse) as connection:
        # Otherwise DuckDB's cache stays beside a training set that takes most of the memory.
        connection.execute(f"set memory_limit = '{MEMORY}'")
        bounds = _bounds(connection, labels)
        months = {labels.relation: _months(connection, labels, None)}
        months |= {source.relation: _months(connection, source, bounds) for source in views}
    return Snapshot(months, dict(_code(read_manifest(ws), list(months))))


def _bounds(
    connection: duckdb.DuckDBPyConnection, labels: SnapshotSource
) -> tuple[datetime, datetime]:
    moment = labels.timestamp
    found = connection.execute(
        f"select min({moment}), max({moment}) from {labels.relation} where {labels.condition}"
    )
    first, last = found.fetchall()[0]
    if first is None:
        raise NotBuilt(f"{labels.relation} has no rows.", "Build it: dbt build")
    return first, last


def _months(
    connection: duckdb.DuckDBPyConnection,
    source: SnapshotSource,
    bounds: tuple[datetime, datetime] | None,
) -> dict[str, MonthDigest]:
    try:
        columns = [row[0] for row in connection.execute(f"describe {source.relation}").fetchall()]
    except duckdb.CatalogException as error:
        raise NotBuilt(
            f"The warehouse has no relation {source.relation}.", "Build it: dbt build"
        ) from error
    if VERSION in columns:
        columns = ["customer_id", source.timestamp, VERSION]
    hashed = ", ".join(quoted(column) for column in columns)
    where, parameters = _visible(source, bounds)
    # A sum and not an xor: in an xor, duplicate rows would cancel out.
    found = connection.execute(
        f"select strftime({source.timestamp}, '%Y-%m') as month, count(*), "
        f"sum(hash({hashed}))::varchar from {source.relation} where {where} group by 1 order by 1",
        parameters,
    )
    return {str(month): MonthDigest(rows, digest) for month, rows, digest in found.fetchall()}


def _visible(
    source: SnapshotSource, bounds: tuple[datetime, datetime] | None
) -> tuple[str, list[datetime]]:
    """Return the condition for rows that can serve a label: neither too late nor too old."""
    if bounds is None:
        return source.condition, []
    first, last = bounds
    if not source.ttl:
        return f"{source.timestamp} <= ?", [last]
    return f"{source.timestamp} between ? and ?", [first - source.ttl, last]


def _code(manifest: Manifest, relations: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield every model, seed and macro upstream of the relations, with its checksum."""
    known = {**manifest["nodes"], **manifest["macros"]}
    roots = (
        key for key, node in known.items() if "alias" in node and quoted_name(node) in relations
    )
    seen: set[str] = set()
    pending = sorted(roots)
    while pending:
        key = pending.pop()
        node = known.get(key)
        if key in seen or node is None or not _is_own(key):
            continue
        seen.add(key)
        needed = node.get("depends_on", {})
        pending += [*needed.get("nodes", []), *needed.get("macros", [])]
    yield from ((key, _checksum(known[key])) for key in sorted(seen))


def _is_own(key: str) -> bool:
    return key.startswith(CODE) and key.split(".")[1] not in DBT_PACKAGES


def _checksum(node: Node) -> str:
    text = node.get("macro_sql") or str(node.get("checksum", {}).get("checksum", ""))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
