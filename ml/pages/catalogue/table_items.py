"""Tables: dbt's models, seeds and landed tables, with columns, neighbours and SQL."""

from collections.abc import Mapping

import duckdb

from ml.features.catalogue.queries import read_columns
from ml.pages.catalogue.dbt_graph import DbtGraph
from ml.pages.catalogue.items import Item, Items
from ml.workspace.errors import AlmanacError
from ml.workspace.manifest import Node, compiled, relation
from ml.workspace.settings import Workspace
from ml.workspace.texts import one_line


def table_items(ws: Workspace, connection: duckdb.DuckDBPyConnection, graph: DbtGraph) -> Items:
    """Return what dbt knows of and the warehouse has, by relation; those of `marts` are marts."""
    types = read_columns(connection)
    return Items(
        [
            _table(ws, graph, node, types[name])
            for name, node in sorted(graph.relations().items())
            if name in types
        ]
    )


def _table(ws: Workspace, graph: DbtGraph, node: Node, types: Mapping[str, str]) -> Item:
    name = relation(node)
    kind = str(node["resource_type"])
    described = {key.lower(): each for key, each in node.get("columns", {}).items()}
    return Item(
        kind="mart" if node["schema"] == "marts" else "table",
        name=name,
        words=one_line(node.get("description")),
        group=f"table/{name}",
        tags=(str(node["schema"]), kind, *list(types)[:60]),
        facts={
            "layer": node["schema"],
            "type": kind,
            "stored": node["config"].get("materialized"),
            "declared": f"dbt_project/{node['original_file_path']}",
            "columns": [
                [column, held, one_line(described.get(column.lower(), {}).get("description"))]
                for column, held in types.items()
            ],
            "reads": graph.read_by(node),
            "read_by": graph.readers(node),
            "outside": graph.outside(str(node["unique_id"])),
            "sql": _sql(ws, node),
        },
    )


def _sql(ws: Workspace, node: Node) -> str:
    if node["resource_type"] != "model":
        return ""
    if node.get("language") == "python":
        return str(node.get("raw_code", ""))
    try:
        return compiled(ws, node)
    except AlmanacError as error:
        return f"-- {error}"
