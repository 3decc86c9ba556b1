"""Proves that no feature uses later data: later rows are changed, and no earlier value may differ.

A workspace's raw files are copied with every row at or after an instant corrupted, features are
built from the copy in a fresh warehouse, and every value known at the instant is compared with the
workspace's own. Comparing with the workspace's own warehouse, grown by increments, costs one build
instead of two and finds stale values too. Only where something differs are the uncorrupted files
built as well: what differs from that build is stale, what differs in spite of it leaks.
"""

import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb

from ml.features.leakage.corrupted_copy import (
    CorruptionJob,
    RawProof,
    corrupted_copy,
    refuse_changed,
)
from ml.features.leakage.differences import (
    AuditedFamily,
    FeatureDifference,
    RelationProof,
    compare,
    export,
)
from ml.features.leakage.instants import checked_instant, default_instant
from ml.features.leakage.proof import FeatureVerdict, Proof, write_proof
from ml.features.leakage.raw_tables import RawTable, read_tables
from ml.features.leakage.rebuild import build_models
from ml.workspace.errors import NotBuilt
from ml.workspace.manifest import models, read_manifest, relation
from ml.workspace.progress import Progress
from ml.workspace.settings import Workspace, dbt_project
from ml.workspace.sql import quoted_relation
from ml.workspace.warehouse import open_warehouse

PACKAGES = ("almanac", "duckdb", "dbt-core", "dbt-duckdb")


def audit_leakage(ws: Workspace, at: datetime | None = None, keep: bool = False) -> Proof:
    """Audit every feature of a built workspace and keep the proof in `audit/` of it.

    Args:
        ws: a workspace whose warehouse is up to date.
        at: the instant (UTC); by default the first of the last complete month.
        keep: whether the corrupted copy and its warehouse stay.

    Returns:
        The proof: a verdict a feature.

    Raises:
        AlmanacError: no warehouse, no such instant, raw files changed since, or dbt failed.
    """
    project, manifest = dbt_project(), read_manifest(ws)
    with open_warehouse(ws.warehouse) as connection:
        refuse_changed(connection, ws)
        families = _families(connection, ws)
        tables = read_tables(connection, manifest, ws, project)
        known = _feature_instants(connection, families)
        instant = checked_instant(at, tables, known) if at else default_instant(tables, known)
        copy = emptied_folder(ws.home / "audit" / f".leakage-{instant:%Y-%m-%d}")
        try:
            raw = corrupted_copy(CorruptionJob(connection, ws, instant, copy), tables)
            connection.close()
            relations, stale = _compare_with_copy(ws, project, families, instant, copy)
        finally:
            if not keep:
                shutil.rmtree(copy, ignore_errors=True)
    proof = Proof(
        at=instant,
        made=datetime.now(UTC),
        versions={name: version(name) for name in PACKAGES},
        raw_files=tuple(sorted(raw, key=lambda each: each.file)),
        relations=tuple(relations),
        features=tuple(_features(relations, stale)),
        blind_sources=tuple(_blind_sources(tables, raw, families, relations)),
    )
    write_proof(proof, ws.home)
    return proof


def emptied_folder(path: Path) -> Path:
    """Return `path` as an empty folder; what an interrupted audit left in it is removed."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def _compare_with_copy(
    ws: Workspace, project: Path, families: Sequence[AuditedFamily], at: datetime, copy: Path
) -> tuple[list[RelationProof], set[str]]:
    """The relations of the workspace beside those of the copy, and which features are stale."""
    models = sorted({family.model for family in families})
    warehouse = build_models(project, copy, copy / "raw", models, "features of the corrupted copy")
    export(warehouse, families, copy / "features")
    relations = _compare_families(ws.warehouse, families, copy / "features", at)
    if not any(_differs(each) for each in relations):
        return relations, set()
    fresh = emptied_folder(copy / "uncorrupted")
    settings = copy / "workspace.yml"
    shutil.copyfile(settings, fresh / settings.name)
    warehouse = build_models(project, fresh, ws.raw, models, "features of the uncorrupted files")
    clean = {
        each.relation: each
        for each in _compare_families(warehouse, families, copy / "features", at)
    }
    stale = {
        name
        for each in relations
        for name, found in each.differences.items()
        if found.before and not clean[each.relation].differences[name].before
    }
    # Rows that are there on one side only, and what leaks, are those of fresh builds.
    return [_merge_stale(each, clean[each.relation], stale) for each in relations], stale


def _merge_stale(own: RelationProof, clean: RelationProof, stale: set[str]) -> RelationProof:
    found = {n: own.differences[n] if n in stale else each for n, each in clean.differences.items()}
    return RelationProof(**{**vars(clean), "differences": found})


def _compare_families(
    warehouse: Path, families: Sequence[AuditedFamily], folder: Path, at: datetime
) -> list[RelationProof]:
    comparison = compare(warehouse, families, folder, at)
    return list(Progress(comparison, total=len(families), desc="comparing features", leave=False))


def _differs(found: RelationProof) -> bool:
    rows = found.only_here or found.only_in_copy
    return bool(rows) or any(each.before for each in found.differences.values())


def _families(connection: duckdb.DuckDBPyConnection, ws: Workspace) -> list[AuditedFamily]:
    """The relations that the catalogue lists.

    Raises:
        AlmanacError: there is no catalogue, or no feature in it.
    """
    try:
        rows = connection.execute(
            "select distinct relation, family from marts.dim_features order by all"
        ).fetchall()
    except duckdb.CatalogException as error:
        raise NotBuilt("The warehouse has no marts.dim_features.", "Build it: dbt build") from error
    known = {relation(node): node for node in models(ws)}
    unknown = [name for name, _ in rows if name not in known]
    if unknown or not rows:
        what = f"No model makes {unknown[0]}" if unknown else "The workspace has no features"
        raise NotBuilt(f"{what}.", "Build the workspace: dbt build")
    return [
        AuditedFamily(family, name, known[name]["name"], _source(known[name]))
        for name, family in rows
    ]


def _source(node: Mapping[str, Any]) -> str:
    return str((node["config"].get("meta") or {}).get("source") or "")


def _feature_instants(
    connection: duckdb.DuckDBPyConnection, families: Sequence[AuditedFamily]
) -> list[datetime]:
    """When feature rows became known: every distinct instant.

    Raises:
        AlmanacError: no feature has a row.
    """
    several = " union ".join(
        f"select event_timestamp from {quoted_relation(family.relation)}" for family in families
    )
    found = [row[0] for row in connection.execute(several).fetchall() if row[0] is not None]
    if not found:
        raise NotBuilt("No feature has a row yet.", "Build the workspace: dbt build")
    return sorted(found)


def _features(relations: Sequence[RelationProof], stale: set[str]) -> list[FeatureVerdict]:
    return [
        FeatureVerdict(name, each.family, each.relation, _verdict(name, found, stale), found)
        for each in relations
        for name, found in each.differences.items()
    ]


def _verdict(name: str, found: FeatureDifference, stale: set[str]) -> str:
    if found.before:
        return "stale" if name in stale else "leaks"
    return "clean" if found.after else "blind"


def _blind_sources(
    tables: Sequence[RawTable],
    raw: Sequence[RawProof],
    families: Sequence[AuditedFamily],
    relations: Sequence[RelationProof],
) -> list[str]:
    """The sources with features, none of which shows that later rows were corrupted."""
    shown = {
        each.relation
        for each in relations
        if any(found.before or found.after for found in each.differences.values())
    }
    reached = {family.source for family in families if family.relation in shown}
    expected = {table.source for table in tables if table.is_dated}
    expected |= {each.source for each in raw if each.corrupted}
    return sorted((expected & {family.source for family in families}) - reached)
