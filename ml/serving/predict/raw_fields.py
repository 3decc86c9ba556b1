"""Raw fields that a record may bring by mistake: its features are computed from them first."""

from collections.abc import Collection, Mapping

from ml.workspace.errors import NotBuilt
from ml.workspace.manifest import meta, relations
from ml.workspace.settings import Workspace


def raw_fields(ws: Workspace, families: Collection[str]) -> Mapping[str, str]:
    """Return the raw fields from which these families can be computed on request.

    Returns:
        Each field's name with that of its family; empty where no manifest says so.
    """
    try:
        nodes = relations(ws).values()
    except NotBuilt:
        return {}
    tables = {
        (declared.get("source"), declared.get("table")): str(declared["family"])
        for declared in map(meta, nodes)
        if declared.get("request") and declared.get("family") in families
    }
    return {
        field: tables[node["source_name"], node["name"]]
        for node in nodes
        if node["resource_type"] == "source" and (node["source_name"], node["name"]) in tables
        for field in node["columns"]
    }
