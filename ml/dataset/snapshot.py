"""What a training set was read from: a digest of each relation's months, and of their code.

Tables that carry month versions (decision 3) are not read whole: customer, moment and version are
enough. A version says which records and which spec a month was made of, but not by which macros and
SQL, so the code of every model above the relations is part of the snapshot.
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
OURS = ("model.almanac.", "seed.almanac.", "macro.almanac.")
MEMORY = "1GB"


class Read(NamedTuple):
    """A relation as SQL names it, its column of moments, and how long before a label it counts."""

    relation: str
    timestamp: str
    ttl: timedelta | None


class Month(NamedTuple):
    """How many rows a month has, and a digest of them that does not depend on their order."""

    rows: int
    digest: str


@dataclass(frozen=True)
class Snapshot:
    """Each relation's months (`2022-12`), and each model's and macro's checksum by its dbt id."""

    relations: Mapping[str, Mapping[str, Month]]
    code: Mapping[str, str]


def snapshot(ws: Workspace, labels: Read, views: Sequence[Read]) -> Snapshot:
    """Return the snapshot of the label rows and of the rows of the views that they may see.

    Raises:
        AlmanacError: the warehouse, the manifest or a relation is missing.
    """
    with open_warehouse(ws.warehouse) as connection:
        # What was read would stay, beside a training set that takes most of the memory.
        connection.execute(f"set memory_limit = '{MEMORY}'")
        bounds = _bounds(connection, labels)
        months = {labels.relation: _months(connection, labels, None)}
        months |= {read.relation: _months(connection, read, bounds) for read in views}
    return Snapshot(months, dict(_code(read_manifest(ws), list(months))))


def _bounds(connection: duckdb.DuckDBPyConnection, labels: Read) -> tuple[datetime, datetime]:
    moment = labels.timestamp
    found = connection.execute(f"select min({moment}), max({moment}) from {labels.relation}")
    first, last = found.fetchall()[0]
    if first is None:
        raise NotBuilt(f"{labels.relation} has no rows.", "Build it: dbt build")
    return first, last


def _months(
    connection: duckdb.DuckDBPyConnection, read: Read, bounds: tuple[datetime, datetime] | None
) -> dict[str, Month]:
    try:
        columns = [row[0] for row in connection.execute(f"describe {read.relation}").fetchall()]
    except duckdb.CatalogException as error:
        raise NotBuilt(
            f"The warehouse has no relation {read.relation}.", "Build it: dbt build"
        ) from error
    if VERSION in columns:
        columns = ["customer_id", read.timestamp, VERSION]
    hashed = ", ".join(quoted(column) for column in columns)
    where, given = _within(read, bounds)
    # A sum, and not a xor, in which a row that is there twice would vanish.
    found = connection.execute(
        f"select strftime({read.timestamp}, '%Y-%m') as month, count(*), "
        f"sum(hash({hashed}))::varchar from {read.relation} where {where} group by 1 order by 1",
        given,
    )
    return {str(month): Month(rows, digest) for month, rows, digest in found.fetchall()}


def _within(read: Read, bounds: tuple[datetime, datetime] | None) -> tuple[str, list[datetime]]:
    """Return the condition for the rows that some label could see: neither too late nor too old."""
    if bounds is None:
        return "true", []
    first, last = bounds
    if not read.ttl:
        return f"{read.timestamp} <= ?", [last]
    return f"{read.timestamp} between ? and ?", [first - read.ttl, last]


def _code(manifest: Manifest, relations: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield every model, seed and macro that the relations are made by, with its checksum."""
    known = {**manifest["nodes"], **manifest["macros"]}
    made = (
        key for key, node in known.items() if "alias" in node and quoted_name(node) in relations
    )
    seen: set[str] = set()
    due = sorted(made)
    while due:
        key = due.pop()
        node = known.get(key)
        if key in seen or node is None or not key.startswith(OURS):
            continue
        seen.add(key)
        needed = node.get("depends_on", {})
        due += [*needed.get("nodes", []), *needed.get("macros", [])]
    yield from ((key, _checksum(known[key])) for key in sorted(seen))


def _checksum(node: Node) -> str:
    text = node.get("macro_sql") or str(node.get("checksum", {}).get("checksum", ""))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
