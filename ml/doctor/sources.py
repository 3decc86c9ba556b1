"""Checks of what a build starts from: workspace.yml, raw files, extras and the dbt project."""

import hashlib
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import duckdb

from ml.doctor.check import Finding, broken, fine, warning
from ml.lake.settings import SECTION as LAKE
from ml.lake.settings import lake_settings
from ml.landing.relations import plan
from ml.registry.listing import entries
from ml.service import keys
from ml.serving.pseudonyms import key_of
from ml.workspace import extras
from ml.workspace.manifest import Node, models
from ml.workspace.monitoring import monitoring_settings
from ml.workspace.publishing import publish_settings
from ml.workspace.responses import responses, target_nodes
from ml.workspace.settings import DBT_PROJECT, Workspace, dbt_folders, dbt_project
from ml.workspace.texts import few

# Where the code says what a build makes, beside the models themselves.
DECLARED = ("models/**/*.yml", "macros/**/*.sql", "seeds/*", "dbt_project.yml")


def build(ws: Workspace) -> str:
    """Return the command that builds the workspace."""
    return "ml lake build" if LAKE in ws.settings else "dbt build"


def settings(ws: Workspace) -> Finding:
    """Read every section of workspace.yml; the sections of sources are read with the raw files."""
    monitoring_settings(ws)
    publish_settings(ws)
    responses(ws)
    key_of(ws)
    if LAKE in ws.settings:
        lake_settings(ws)
    if ws.manifest.exists():
        target_nodes(ws)
    named = ", ".join(map(str, ws.settings))
    return fine(f"sections: {named}" if named else "all settings are defaults")


def raw_files(ws: Workspace) -> Finding:
    """Say which sources have files, and which files no source takes, as landing finds them."""
    with duckdb.connect() as connection:
        planned = plan(connection, dbt_project(), ws)
    what = f"{ws.raw}: {', '.join(sorted(planned.present))}"
    if planned.unknown:
        named = ", ".join(planned.unknown[:3])
        return warning(f"{what}; no source takes {named}", "Describe it: docs/workspaces.md")
    return fine(what)


def optional_packages(ws: Workspace) -> Finding:
    """Name the extras that this workspace uses and that are not installed."""
    needed = list(_extras(ws))
    for extra, package, why in needed:
        if find_spec(package) is None:
            return broken(f"{why} needs {package}", extras.advice(extra))
    if "spark" in {extra for extra, _, _ in needed}:
        from ml.lake.engines.session import check_java

        check_java()
    used = ", ".join(dict.fromkeys(extra for extra, _, _ in needed))
    return fine(f"in use: {used}" if used else "none is needed here")


def manifest(ws: Workspace) -> Finding:
    """Compare the dbt manifest with the models' files as they are now."""
    linked = dbt_project() / "dbt_packages" / "almanac"
    if linked.is_symlink() and linked.resolve() != DBT_PROJECT.resolve():
        # A project in a new environment: dbt would build the models of the one before.
        return warning(f"{linked} links to {linked.resolve()}, not to {DBT_PROJECT}", "dbt deps")
    if not ws.manifest.exists():
        return warning(f"nothing is built: no {ws.manifest}", build(ws))
    known = models(ws)
    read = {str(node.get("original_file_path")) for node in known}
    built = ws.manifest.stat().st_mtime
    folders = dbt_folders(dbt_project())
    changed = [str(node["name"]) for node in known if _is_changed(folders, node)]
    for folder in folders:
        written = (str(path.relative_to(folder)) for path in sorted(folder.glob("models/**/*.sql")))
        changed += [path for path in written if path not in read]
        for pattern in DECLARED:
            paths = [path for path in folder.glob(pattern) if path.stat().st_mtime > built]
            changed += [str(path.relative_to(folder)) for path in sorted(paths)]
    if changed:
        return warning(f"changed since the last build: {few(changed, 3)}", build(ws))
    return fine(f"{len(known)} models, as in the code")


def _is_changed(folders: Sequence[Path], node: Node) -> bool:
    """Return whether a model's file is another than dbt read; dbt hashes it without its margins."""
    checksum = node.get("checksum") or {}
    if "original_file_path" not in node or checksum.get("name") != "sha256":
        return False
    paths = (folder / str(node["original_file_path"]) for folder in folders)
    path = next((path for path in paths if path.exists()), None)
    if path is None:
        return True
    text = path.read_text(encoding="utf-8").strip()
    return hashlib.sha256(text.encode()).hexdigest() != str(checksum["checksum"])


def _extras(ws: Workspace) -> Iterator[tuple[str, str, str]]:
    """Yield the extras that the workspace uses: name, package, and what uses it."""
    if LAKE in ws.settings:
        yield "lake", "deltalake", "`lake:` in workspace.yml"
        if lake_settings(ws).engine == "spark":
            yield "spark", "pyspark", "the engine spark in workspace.yml"
    if (ws.home / "mlflow.db").exists():
        yield "mlflow", "mlflow", f"{ws.home / 'mlflow.db'}"
    if (ws.home / keys.FILE).exists():
        yield "serve", "fastapi", "ml serve, which has keys here,"
    for entry in entries(ws)[0]:
        families = {entry.card.family, *(member.family for member in entry.card.members)}
        if entry.is_champion and "xgboost" in families:
            yield "xgboost", "xgboost", f"the champion {entry.card.model_id}"
