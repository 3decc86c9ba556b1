"""The families that can be computed on request, with their SQL, from the dbt manifest."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from ml.workspace.manifest import Node, compiled, meta, parents, relations
from ml.workspace.settings import Workspace

# Columns that landing adds to those of a file.
LANDING_COLUMNS = {"_file": "varchar", "_row": "bigint", "_error": "varchar", "_line": "varchar"}


@dataclass(frozen=True)
class RequestFamily:
    """A family that can be computed on request; it needs neither the manifest nor the warehouse.

    `tables` has the columns of the relations that the SQL reads, `models` the SQL of those built
    from them, in order; `raw` and `staged` the relations of the record before and after cleaning.
    """

    name: str
    description: str
    key: str
    fields: tuple[str, ...]
    raw: str
    staged: str
    tables: Mapping[str, Mapping[str, str]]
    models: Mapping[str, str]
    features: tuple[str, ...]

    @property
    def relation(self) -> str:
        """The relation of the features."""
        return list(self.models)[-1]

    def to_text(self) -> str:
        """Return the family as one line of text, which `from_text` reads."""
        return json.dumps(asdict(self), ensure_ascii=True)

    @staticmethod
    def from_text(text: str) -> "RequestFamily":
        """Return the family that `to_text` gave."""
        value = json.loads(text)
        pairs = {name: tuple(value[name]) for name in ("fields", "features")}
        return RequestFamily(**(value | pairs))


def request_families(ws: Workspace) -> list[RequestFamily]:
    """Return the families that can be computed on request, by name.

    Raises:
        AlmanacError: the manifest is missing, or one of their models was never compiled.
    """
    nodes = relations(ws)
    wanted = [name for name, node in sorted(nodes.items()) if meta(node).get("request")]
    return [_family(ws, nodes, name) for name in wanted]


def _family(ws: Workspace, nodes: Mapping[str, Node], name: str) -> RequestFamily:
    node = nodes[name]
    declared = meta(node)
    upstream = _upstream_sql(ws, nodes, name)
    key = str(declared["request"]["key"])
    raw = _source_node(nodes, declared["source"], declared["table"])
    known_later = [c for c, d in raw["columns"].items() if d["config"]["meta"].get("optional")]
    staged = [r for r in upstream if nodes[r]["config"].get("materialized") == "staged"]
    return RequestFamily(
        name=str(declared["family"]),
        description=str(node["description"]),
        key=key,
        fields=tuple(c for c in raw["columns"] if c != key and c not in known_later),
        raw=raw["relation_name"],
        staged=nodes[staged[0]]["relation_name"],
        tables={
            nodes[r]["relation_name"]: _columns(nodes[r])
            | (LANDING_COLUMNS if nodes[r] is raw else {})
            for r, sql in upstream.items()
            if not sql
        },
        models={nodes[r]["relation_name"]: sql for r, sql in upstream.items() if sql},
        features=tuple(feature["name"] for feature in declared["features"]),
    )


def _upstream_sql(ws: Workspace, nodes: Mapping[str, Node], name: str) -> dict[str, str]:
    """Return the SQL of a relation and of all it reads, in order of reading; empty for sources."""
    if nodes[name]["resource_type"] != "model":
        return {name: ""}
    sql = compiled(ws, nodes[name]).strip()
    found: dict[str, str] = {}
    for parent in parents(nodes, nodes[name]):
        # Hooks and macros make dbt list more than the statement reads.
        if nodes[parent]["relation_name"] in sql:
            found |= _upstream_sql(ws, nodes, parent)
    return found | {name: sql}


def _source_node(nodes: Mapping[str, Node], source: str, table: str) -> Node:
    return next(
        node
        for node in nodes.values()
        if node["resource_type"] == "source"
        and (node["source_name"], node["name"]) == (source, table)
    )


def _columns(node: Node) -> dict[str, str]:
    return {name: str(c["data_type"]) for name, c in node["columns"].items()}
