"""The dbt project as its manifest tells it: which model or source makes which relation."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml.workspace.errors import AlmanacError
from ml.workspace.settings import Workspace

Node = Mapping[str, Any]


def read_manifest(ws: Workspace) -> dict[str, Node]:
    """Return the manifest's models, seeds and sources by their relation, `schema.name`.

    Raises:
        AlmanacError: there is no manifest, or it cannot be read.
    """
    try:
        manifest = json.loads(ws.manifest.read_text(encoding="utf-8"))
        every = [*manifest["nodes"].values(), *manifest["sources"].values()]
        kinds = ("model", "seed", "snapshot", "source")
        return {relation(node): node for node in every if node["resource_type"] in kinds}
    except FileNotFoundError as error:
        raise AlmanacError(
            f"No dbt manifest at {ws.manifest}.\nBuild it first: dbt build"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise AlmanacError(
            f"{ws.manifest} is not a manifest: {error!r}\nWrite it again: dbt build"
        ) from error


def relation(node: Node) -> str:
    """Return the `schema.name` of a manifest node."""
    return f"{node['schema']}.{node.get('identifier') or node['alias']}"


def compiled(ws: Workspace, node: Node) -> str:
    """Return a model's SQL as dbt compiled it last, in whichever command that was.

    Raises:
        AlmanacError: it was never compiled in this target folder.
    """
    kept = ws.manifest.parent / "compiled" / node["package_name"] / node["original_file_path"]
    code = node.get("compiled_code") or _text(kept)
    if not code:
        raise AlmanacError(
            f"{node['name']} is not compiled in {ws.manifest.parent}.\nRun: dbt compile"
        )
    return str(code)


def parents(nodes: Mapping[str, Node], node: Node) -> list[str]:
    """Return the relations that a node depends on, by name."""
    needed = node.get("depends_on", {}).get("nodes", [])
    return sorted(name for name, each in nodes.items() if each["unique_id"] in needed)


def meta(node: Node) -> Mapping[str, Any]:
    """Return what the node's YAML says below `config.meta`."""
    found: Mapping[str, Any] = node["config"].get("meta") or {}
    return found


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
