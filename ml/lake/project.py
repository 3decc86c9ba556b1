"""The dbt project as a lake runs it: its compiled models, in the order in which they are built."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ml.lake.dbt_run import run_dbt
from ml.workspace.files import write_text
from ml.workspace.settings import Workspace, dbt_folders, dbt_project

# What the SQL of a model says up to here reads facts of the whole, and no customer's rows.
MONTHS_END = "/* months to be built */"
FILES_END = "/* files there are */"
VECTORS = "__vectors"
# Folders of what dbt and Python write beside the project's own files.
WRITTEN = {"target", "logs", "dbt_packages", "__pycache__"}
DECLARED = "intermediate.int_declared_features"
# The hash of the project that dbt compiled, beside what it compiled.
COMPILED = "project.sha256"


@dataclass(frozen=True)
class Totals:
    """How the rows that buckets return of a model become rows of the whole."""

    by: tuple[str, ...]
    sum: tuple[str, ...] = ()
    max: tuple[str, ...] = ()
    min: tuple[str, ...] = ()

    @property
    def measures(self) -> dict[str, str]:
        """Its columns beside the keys, each with the aggregate that merges it."""
        named = {"sum": self.sum, "max": self.max, "min": self.min}
        return {column: how for how, columns in named.items() for column in columns}


@dataclass(frozen=True)
class Model:
    """A dbt model: `relation` is its `schema.name`, `reads` are relations.

    `place` is its position in the order in which models are built. `month` is the column by whose
    values a model is built month by month, if it is; `totals` says how the buckets' rows add up,
    if the whole needs them.
    """

    relation: str
    kind: str
    sql: str
    is_whole: bool
    reads: tuple[str, ...]
    place: int
    totals: Totals | None = None
    month: str | None = None

    @property
    def rows(self) -> str:
        """The relation that holds its rows: below the view of a wide family, its vectors."""
        return f"{self.relation}{VECTORS}" if self.kind == "vectors" else self.relation

    @property
    def months_query(self) -> str:
        """The query of `feature_month, month_version` that its rows must be of."""
        return f"{self.sql.split(MONTHS_END)[0]} select feature_month, month_version from versions"

    @property
    def files_query(self) -> str | None:
        """The query of `file, stamp` that its rows must be of; None where it has no files."""
        before, mark, _ = self.sql.partition(FILES_END)
        return f"{before} select file, stamp from stamps" if mark else None


@dataclass(frozen=True)
class Project:
    """The models in an order in which each follows those that it reads, sources and seeds.

    `python` are the manifest's nodes of models that are Python; `measures` the statements that
    measure a family's features, by its relation.
    """

    models: tuple[Model, ...]
    sources: Mapping[str, Mapping[str, Any]]
    seeds: tuple[str, ...]
    python: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    measures: Mapping[str, str] = field(default_factory=dict)

    def find(self, relation: str) -> Model | None:
        """Return the model of a relation; None for sources and seeds."""
        return self._by_relation.get(relation)

    @cached_property
    def _by_relation(self) -> dict[str, Model]:
        return {model.relation: model for model in self.models}


def compile_project(ws: Workspace) -> Project:
    """Return the dbt project, compiled for buckets; compiled again only where a file changed.

    Raises:
        NotBuilt: dbt cannot compile it; the message carries dbt's own.
    """
    target = ws.home / "lake_target"
    project = dbt_project()
    digest = _digest(project)
    kept = target / COMPILED
    if not (kept.exists() and kept.read_text(encoding="utf-8").strip() == digest):
        target.mkdir(parents=True, exist_ok=True)
        # Seeds are loaded as dbt loads them; the driver takes them from there.
        for what in ("seed", "compile"):
            run_dbt(ws.home, target, "lake", [what], "Correct what it names, then: ml lake build")
        write_text(kept, f"{digest}\n")
    manifest = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    return _project(manifest, target)


def describe_project(ws: Workspace) -> None:
    """Make the manifest that Feast and the other commands read; again where the project changed.

    Raises:
        NotBuilt: dbt cannot compile the project.
    """
    digest = (ws.home / "lake_target" / COMPILED).read_text(encoding="utf-8")
    manifest = ws.manifest
    # A dbt that was killed leaves half a manifest, and no note of what it compiled.
    kept = manifest.with_name(f"lake_{COMPILED}")
    if not (manifest.exists() and kept.exists() and kept.read_text(encoding="utf-8") == digest):
        run_dbt(ws.home, manifest.parent, "local", ["compile"], "Run it again: ml lake build")
        write_text(kept, digest)


def compiled_warehouse(ws: Workspace) -> Path:
    """Return the DuckDB file that has the seeds, and the tables that dbt makes before it builds."""
    return ws.home / "lake_target" / "warehouse.duckdb"


def _project(manifest: Mapping[str, Any], target: Path) -> Project:
    nodes = manifest["nodes"]
    names = {key: _relation(node) for key, node in (nodes | manifest["sources"]).items()}
    found: dict[str, Model] = {}
    python = {}

    def visit(key: str) -> None:
        node = nodes.get(key)
        if node is None or node["resource_type"] != "model" or names[key] in found:
            return
        for parent in node["depends_on"]["nodes"]:
            visit(parent)
        found[names[key]] = _model(node, names, target, len(found))
        if node["language"] == "python":
            python[names[key]] = node

    for key in sorted(nodes):
        visit(key)
    return Project(
        tuple(found.values()),
        {names[key]: source for key, source in sorted(manifest["sources"].items())},
        tuple(n for key, n in names.items() if key.startswith("seed.")),
        python,
        _measures(target),
    )


def _measures(target: Path) -> dict[str, str]:
    found = {}
    for path in target.glob("compiled/*/analyses/measure_families.sql"):
        _, *statements = path.read_text(encoding="utf-8").split("/* family ")
        for each in statements:
            relation, _, statement = each.partition(" */")
            found[relation] = statement
    return found


def _model(node: Mapping[str, Any], names: Mapping[str, str], target: Path, place: int) -> Model:
    config = node["config"]
    meta = config.get("meta") or {}
    sql = ""
    if node["language"] == "sql":
        path = target / "compiled" / node["package_name"] / node["original_file_path"]
        sql = path.read_text(encoding="utf-8").strip()
    is_incremental = config["materialized"] == "incremental"
    month = config.get("unique_key") if is_incremental else "feature_month"
    totals = meta.get("totals")
    return Model(
        relation=_relation(node),
        kind=config["materialized"],
        sql=sql,
        is_whole=meta.get("scope") == "whole",
        reads=tuple(sorted(names[key] for key in node["depends_on"]["nodes"] if key in names)),
        place=place,
        totals=Totals(**{how: tuple(columns) for how, columns in totals.items()})
        if totals
        else None,
        month=str(month) if MONTHS_END in sql else None,
    )


def _relation(node: Mapping[str, Any]) -> str:
    return f"{node['schema']}.{node.get('identifier') or node.get('alias') or node['name']}"


def _digest(project: Path) -> str:
    """Return a hash of the files of project and packages, but for what dbt and Python write."""
    read = hashlib.sha256()
    for folder in dbt_folders(project):
        for path in sorted(folder.rglob("*")):
            place = path.relative_to(folder)
            if path.is_file() and not WRITTEN.intersection(place.parts):
                read.update(str(place).encode() + b"\0" + path.read_bytes() + b"\0")
    return read.hexdigest()
