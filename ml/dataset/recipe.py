"""A training set's manifest: how its rows are made, and the id derived from that."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ml.data.feature import Feature
from ml.dataset.snapshot import MonthDigest, Snapshot, SnapshotSource, snapshot
from ml.registry.artifact import package_versions
from ml.workspace.baseline import Baseline
from ml.workspace.manifest import manifest_hash
from ml.workspace.settings import Workspace
from ml.workspace.targets import Target

DIGITS = 10


@dataclass(frozen=True)
class Contents:
    """A kept training set's file: the number of rows and of positives, and its SHA-256."""

    rows: int
    positives: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """How a training set is made.

    Target, spine, features, SQL and snapshot determine the id; other fields are informative.
    `contents` is None where the rows are not kept; `forgotten` counts the rows that were removed
    from them since, of customers who were forgotten.
    """

    target: Target
    spine: str
    features: tuple[Feature, ...]
    sql: str
    snapshot: Snapshot
    manifest_hash: str
    packages: Mapping[str, str]
    contents: Contents | None = None
    forgotten: int = 0

    @property
    def id(self) -> str:
        """The training set's id: the target's name and a hash of all that determines the rows."""
        features, read = [asdict(feature) for feature in self.features], asdict(self.snapshot)
        parts = [self._declared(), self.spine, features, self.sql, read]
        whole = json.dumps(parts, sort_keys=True, ensure_ascii=False)
        return f"{self.target.name}-{hashlib.sha256(whole.encode()).hexdigest()[:DIGITS]}"

    def _declared(self) -> dict[str, Any]:
        # What is counted and chosen stands in the spine; descriptions change no rows.
        left_out = ("rows", "positives", "description", "families", "condition", "customers")
        return {key: value for key, value in asdict(self.target).items() if key not in left_out}


def describe(ws: Workspace, target: Target) -> Manifest:
    """Return the manifest of the target's training set as of now; no features are read.

    Raises:
        AlmanacError: the warehouse, a relation or the feature service is missing.
    """
    # Feast takes seconds to import; only what reads features pays for it.
    from ml import store

    spine = target.label_sql
    recipe = store.training_recipe(ws, target.name, spine)
    labels = SnapshotSource(target.relation, "event_timestamp", None, target.where or "true")
    views = [SnapshotSource(each.relation, each.timestamp, each.ttl) for each in recipe.sources]
    return Manifest(
        target=target,
        spine=spine,
        features=tuple(Feature(f.name, str(f.dtype), f.view) for f in recipe.features),
        sql=recipe.sql,
        snapshot=snapshot(ws, labels, views),
        manifest_hash=manifest_hash(ws),
        packages=package_versions(),
    )


def to_json(manifest: Manifest) -> dict[str, Any]:
    """Return the manifest as JSON-like values, the id first."""
    return {"id": manifest.id} | asdict(manifest)


def from_json(value: Mapping[str, Any]) -> Manifest:
    """Return the manifest from the values of `to_json`."""
    target, contents = value["target"], value["contents"]
    baseline = target["baseline"]
    declared = target | {
        "families": tuple(target["families"]),
        "baseline": Baseline(**baseline) if baseline else None,
    }
    relations = {
        name: {month: MonthDigest(*found) for month, found in months.items()}
        for name, months in value["snapshot"]["relations"].items()
    }
    return Manifest(
        target=Target(**declared),
        spine=value["spine"],
        features=tuple(Feature(**feature) for feature in value["features"]),
        sql=value["sql"],
        snapshot=Snapshot(relations, value["snapshot"]["code"]),
        manifest_hash=value["manifest_hash"],
        packages=value["packages"],
        contents=Contents(**contents) if contents else None,
        forgotten=value.get("forgotten", 0),
    )
