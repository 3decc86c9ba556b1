"""The dbt project as the manifest of its last build tells it; nothing else reads the file."""

import hashlib
import json
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from ml.workspace.errors import NotBuilt
from ml.workspace.settings import Workspace, dbt_project
from ml.workspace.sql import quoted_relation

# So long after its last change a file that is no manifest may still be being written.
WRITING_SECONDS = 3.0
# Beside `nodes`: what else a manifest lists by its id, each of them in a part of its own.
PARTS = ("sources", "macros", "groups", "exposures", "metrics", "semantic_models", "saved_queries")
Node = Mapping[str, Any]
Manifest = Mapping[str, Mapping[str, Node]]


def read_manifest(ws: Workspace) -> Manifest:
    """Return the manifest's `nodes` and PARTS, the things in each by their id in dbt.

    Raises:
        NotBuilt: there is no manifest, or it cannot be read.
    """
    while True:
        try:
            stat = ws.manifest.stat()
            return _read(ws.manifest, stat.st_mtime_ns, stat.st_size)
        except FileNotFoundError as error:
            raise NotBuilt(
                f"No dbt manifest at {ws.manifest}.", "Build it first: dbt build"
            ) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            # dbt writes it in place: half of it is there while a build begins.
            if time.time() - stat.st_mtime > WRITING_SECONDS:
                raise NotBuilt(
                    f"{ws.manifest} is not a dbt manifest: {error!r}", "Rebuild it: dbt build"
                ) from error
            time.sleep(0.1)


# A command asks several times for a file of several MB; time and size tell one build's from others.
@lru_cache(maxsize=1)
def _read(path: Path, _modified_ns: int, _size: int) -> Manifest:
    content = json.loads(path.read_text(encoding="utf-8"))
    parts = {name: dict(content.get(name, {}).items()) for name in PARTS}
    return {"nodes": dict(content["nodes"].items()), **parts}


def models(ws: Workspace) -> list[Node]:
    """Return dbt's models by their id; raises as `read_manifest`."""
    every = sorted(read_manifest(ws)["nodes"].items())
    return [node for _, node in every if node.get("resource_type") == "model"]


def models_with(ws: Workspace, key: str) -> list[Node]:
    """Return the models that declare `key` in their `meta`, by their id.

    Raises:
        NotBuilt: there is no manifest, or it cannot be read.
    """
    return [node for node in models(ws) if key in meta(node)]


def relations(ws: Workspace) -> dict[str, Node]:
    """Return models, seeds, snapshots and sources by their relation, `schema.name`.

    Raises:
        NotBuilt: there is no manifest, or it cannot be read.
    """
    manifest = read_manifest(ws)
    every = (*manifest["nodes"].values(), *manifest["sources"].values())
    kinds = ("model", "seed", "snapshot", "source")
    return {relation(node): node for node in every if node.get("resource_type") in kinds}


def manifest_hash(ws: Workspace) -> str:
    """Return the SHA-256 of the models' own checksums: what was built, not when."""
    checksums = {
        key: node.get("checksum", {}).get("checksum", "")
        for key, node in read_manifest(ws)["nodes"].items()
    }
    return hashlib.sha256(json.dumps(checksums, sort_keys=True).encode()).hexdigest()


def relation(node: Node) -> str:
    """Return the `schema.name` of a manifest node."""
    return f"{node['schema']}.{node.get('identifier') or node['alias']}"


def quoted_name(node: Node) -> str:
    """Return the `"schema"."name"` of a manifest node."""
    return quoted_relation(relation(node))


def compiled(ws: Workspace, node: Node) -> str:
    """Return a model's SQL as dbt compiled it last, in whichever command that was.

    Raises:
        NotBuilt: it was never compiled in this target folder.
    """
    kept = ws.manifest.parent / "compiled" / node["package_name"] / node["original_file_path"]
    code = node.get("compiled_code") or _text(kept)
    if not code:
        raise NotBuilt(
            f"{node['name']} is not compiled in {ws.manifest.parent}.", "Run: dbt compile"
        )
    return str(code)


def package_folder(node: Node) -> Path:
    """Return the folder of the node's dbt package: the project's own, or one that it imports."""
    project = dbt_project()
    imported = project / "dbt_packages" / node["package_name"]
    return imported if imported.is_dir() else project


def parents(nodes: Mapping[str, Node], node: Node) -> list[str]:
    """Return the relations that a node depends on, by name."""
    needed = node.get("depends_on", {}).get("nodes", [])
    return sorted(name for name, each in nodes.items() if each["unique_id"] in needed)


def meta(node: Node) -> Mapping[str, Any]:
    """Return what the node's YAML says below `config.meta`."""
    found: Mapping[str, Any] = node["config"].get("meta") or {}
    return found


def owners(ws: Workspace) -> dict[str, str]:
    """Return the owner of each dbt group, name or e-mail address, by the group's name.

    Raises:
        NotBuilt: there is no manifest, or it cannot be read.
    """
    groups = read_manifest(ws)["groups"].values()
    return {
        str(group["name"]): str(group["owner"].get("name") or group["owner"].get("email"))
        for group in groups
    }


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
