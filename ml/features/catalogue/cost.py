"""What each family costs: rows and bytes in the warehouse, seconds of the last build."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from ml.features.catalogue.lookup import CatalogueFeature
from ml.workspace.manifest import Node, meta, parents, relations
from ml.workspace.settings import Workspace
from ml.workspace.sql import literal, quoted
from ml.workspace.warehouse import VECTORS, open_warehouse


@dataclass(frozen=True)
class FamilyCost:
    """The cost of one family; seconds are None where the last dbt command did not build it.

    Bytes are whole blocks of the warehouse file that hold its columns, so small tables look larger
    than they are.
    """

    family: str
    features: int
    rows: int
    bytes: int
    seconds: float | None
    partial: str | None
    partial_seconds: float | None

    @property
    def bytes_per_row(self) -> float | None:
        """Bytes a customer-month; None without rows."""
        return self.bytes / self.rows if self.rows else None


def costs(ws: Workspace, features: Sequence[CatalogueFeature]) -> tuple[FamilyCost, ...]:
    """Return what each family of `features` costs, by name.

    Raises:
        AlmanacError: there is no warehouse or no manifest.
    """
    nodes = relations(ws)
    seconds = _build_seconds(ws)
    counts = Counter((each.family, each.relation) for each in features)
    found = []
    with open_warehouse(ws.warehouse) as connection:
        for (family, relation), count in sorted(counts.items()):
            node = nodes.get(relation)
            partial = _partial(nodes, node) if node else None
            rows, size = _rows_and_bytes(connection, relation)
            spent = seconds.get(node["unique_id"]) if node else None
            before = seconds.get(partial["unique_id"]) if partial else None
            alias = str(partial["alias"]) if partial else None
            found.append(FamilyCost(family, count, rows, size, spent, alias, before))
    return tuple(found)


def _rows_and_bytes(connection: duckdb.DuckDBPyConnection, relation: str) -> tuple[int, int]:
    """Return rows and bytes of a family's table, or of the table of vectors below its view."""
    schema, family = relation.split(".")
    found = connection.execute(
        "select table_name from duckdb_tables() where database_name = current_database() "
        "and schema_name = ? and table_name in (?, ?)",
        [schema, family, family + VECTORS],
    ).fetchall()
    rows, blocks = 0, 0
    for (table,) in found:
        name = f"{quoted(schema)}.{quoted(table)}"
        rows += _scalar(connection, f"select count(*) from {name}")
        # A column's segment lies in one block and, where it is long, in additional blocks.
        blocks += _scalar(
            connection,
            "select count(distinct block) from (select unnest([block_id] || additional_block_ids) "
            f"as block from pragma_storage_info({literal(name)})) where block >= 0",
        )
    size = _scalar(connection, "select any_value(block_size) from pragma_database_size()")
    return rows, blocks * size


def _scalar(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = connection.execute(sql).fetchone()
    return int(row[0]) if row and row[0] is not None else 0


def _partial(nodes: Mapping[str, Node], family: Node) -> Node | None:
    """Return the partial aggregate that a family is built from: the named one, or its source's."""
    named = str(meta(family).get("partial") or f"int_{meta(family).get('source')}_")
    known = (nodes[each] for each in parents(nodes, family))
    return next((node for node in known if str(node["name"]).startswith(named)), None)


def _build_seconds(ws: Workspace) -> dict[str, float]:
    """Return the seconds of each model that the last dbt command built, by its id."""
    path = ws.manifest.with_name("run_results.json")
    if not path.exists():
        return {}
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
        if results["args"].get("which") not in ("build", "run"):
            return {}
        return {
            each["unique_id"]: float(each["execution_time"])
            for each in results["results"]
            if each["status"] == "success"
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        # Another command is writing it: the seconds are simply not known.
        return {}
