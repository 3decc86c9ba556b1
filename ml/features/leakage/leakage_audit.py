"""Proves that no feature uses later data: later rows are changed, and no earlier value may differ.

A workspace's raw files are copied with every row at or after an instant corrupted, features are
built from the copy in a fresh warehouse, and every value known at the instant is compared with the
workspace's own. Comparing with the workspace's own warehouse, grown by increments, costs one build
instead of two and finds stale values too. Only where something differs are the uncorrupted files
built as well: what differs from that build is stale, what differs in spite of it leaks.

Of a lake, this is done with the customers of sampled buckets (`sampled_buckets`).
"""

import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

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
from ml.features.leakage.proof import FeatureVerdict, Proof, Sample, write_proof
from ml.features.leakage.raw_tables import RawTable, read_tables
from ml.features.leakage.rebuild import build_models
from ml.lake import check_installed
from ml.landing.workspace_tables import LAKE
from ml.workspace.errors import BadInput, NotBuilt
from ml.workspace.manifest import models, read_manifest, relation
from ml.workspace.progress import Progress
from ml.workspace.settings import Workspace, dbt_project
from ml.workspace.sql import quoted_relation
from ml.workspace.warehouse import open_warehouse

PACKAGES = ("almanac", "duckdb", "dbt-core", "dbt-duckdb")


class Audited(Protocol):
    """What is audited: a workspace, or sampled buckets of one that is a lake.

    `warehouse` shows the workspace's own rows and values.
    """

    warehouse: Path

    def corrupt(self, job: CorruptionJob, tables: Sequence[RawTable]) -> list[RawProof]:
        """Write what was known before the job's instant, and other rows from then on."""
        ...

    def build(self, folder: Path, models: Sequence[str], *, corrupted: bool) -> Path:
        """Build `models` of the corrupted or the uncorrupted rows; return their warehouse."""
        ...

    def build_as_own(self, folder: Path) -> Path | None:
        """Build the uncorrupted rows as the own values were built; None where `build` does so."""
        ...

    def sample(self, families: Sequence[str]) -> Sample | None:
        """Return what is audited of a lake; `families` have values of the sample's own."""
        ...


class WholeWorkspace:
    """A workspace on one machine: copies of its raw files are corrupted, and dbt builds them."""

    def __init__(self, ws: Workspace) -> None:
        self.warehouse = ws.warehouse
        self._ws, self._project = ws, dbt_project()
        self._copy = Path()

    def corrupt(self, job: CorruptionJob, tables: Sequence[RawTable]) -> list[RawProof]:
        """Write the copy of settings and raw files."""
        self._copy = job.home
        return corrupted_copy(job, tables)

    def build(self, folder: Path, models: Sequence[str], *, corrupted: bool) -> Path:
        """Build `models` by dbt."""
        if corrupted:
            raw, what = folder / "raw", "features of the corrupted copy"
        else:
            raw, what = self._ws.raw, "features of the uncorrupted files"
            shutil.copyfile(self._copy / "workspace.yml", folder / "workspace.yml")
        return build_models(self._project, folder, raw, models, what)

    def build_as_own(self, _folder: Path) -> None:
        """Return None: the own values come from a build like any other."""

    def sample(self, _families: Sequence[str]) -> None:
        """Return None: all is audited."""


@dataclass(frozen=True)
class Compared:
    """The relations beside those of the copy.

    `stale` are features whose own values are not what the raw rows give. The values of `families`
    are others than the own ones, in builds that have other facts of the whole.
    """

    relations: list[RelationProof]
    stale: Collection[str] = ()
    families: tuple[str, ...] = ()


def audit_leakage(
    ws: Workspace, at: datetime | None = None, keep: bool = False, buckets: int | None = None
) -> Proof:
    """Audit every feature of a built workspace and keep the proof in `audit/` of it.

    Args:
        ws: a workspace whose warehouse is up to date.
        at: the instant (UTC); by default the first of the last complete month.
        keep: whether the corrupted copy and its warehouse stay.
        buckets: how many buckets of a lake are audited; by default one.

    Returns:
        The proof: a verdict a feature.

    Raises:
        AlmanacError: no warehouse, no such instant, raw files changed since, dbt failed, or
            buckets of what is no lake.
    """
    if buckets is not None and LAKE not in ws.settings:
        raise BadInput(
            f"{ws.home / 'workspace.yml'} names no lake, so there are no buckets.",
            "Audit the whole workspace: ml audit leakage",
        )
    manifest, families = read_manifest(ws), _families(ws)
    with _audited(ws, buckets) as audited, open_warehouse(audited.warehouse) as connection:
        tables = read_tables(connection, manifest, ws, dbt_project())
        known = _feature_instants(connection, families)
        instant = checked_instant(at, tables, known) if at else default_instant(tables, known)
        copy = emptied_folder(ws.home / "audit" / f".leakage-{instant:%Y-%m-%d}")
        try:
            raw = audited.corrupt(CorruptionJob(connection, ws, instant, copy), tables)
            connection.close()
            compared = _compare_with_copy(audited, families, instant, copy)
            sample = audited.sample(compared.families)
        finally:
            if not keep:
                shutil.rmtree(copy, ignore_errors=True)
    relations = compared.relations
    proof = Proof(
        at=instant,
        made=datetime.now(UTC),
        versions={name: version(name) for name in PACKAGES},
        raw_files=tuple(sorted(raw, key=lambda each: each.file)),
        relations=tuple(relations),
        features=tuple(_features(relations, compared.stale)),
        blind_sources=tuple(_blind_sources(tables, raw, families, relations)),
        sample=sample,
    )
    write_proof(proof, ws.home)
    return proof


@contextmanager
def _audited(ws: Workspace, buckets: int | None) -> Iterator[Audited]:
    if LAKE in ws.settings:
        check_installed()
        from ml.features.leakage.sampled_buckets import sampled_buckets

        with sampled_buckets(ws, buckets or 1) as sampled:
            yield sampled
        return
    with open_warehouse(ws.warehouse) as connection:
        refuse_changed(connection, ws)
    yield WholeWorkspace(ws)


def emptied_folder(path: Path) -> Path:
    """Return `path` as an empty folder; what an interrupted audit left in it is removed."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def _compare_with_copy(
    audited: Audited, families: Sequence[AuditedFamily], at: datetime, copy: Path
) -> Compared:
    """Compare what the workspace has with the copy; where they differ, two fresh builds as well."""
    models = sorted({family.model for family in families})
    warehouse = audited.build(copy, models, corrupted=True)
    export(warehouse, families, copy / "features")
    own = _compare_families(audited.warehouse, families, copy / "features", at)
    if not any(_differs(each) for each in own):
        return Compared(own)
    fresh = emptied_folder(copy / "uncorrupted")
    warehouse = audited.build(fresh, models, corrupted=False)
    clean = _compare_families(warehouse, families, copy / "features", at)
    pairs = list(zip(own, clean, strict=True))
    apart = {one.relation: _apart(one, other) for one, other in pairs}
    asked = [family for family in families if apart[family.relation]]
    stale = set().union(*apart.values())
    if stale and (as_own := audited.build_as_own(emptied_folder(copy / "own"))):
        export(as_own, asked, copy / "own" / "features")
        again = _compare_families(audited.warehouse, asked, copy / "own" / "features", at)
        stale &= {n for each in again for n, found in each.differences.items() if found.before}
    others = [
        one.family
        for one, other in pairs
        if apart[one.relation] - stale or (one.is_uneven and not other.is_uneven)
    ]
    # Rows that are there on one side only, and what leaks, are those of fresh builds.
    relations = [_merge_stale(one, other, stale) for one, other in pairs]
    return Compared(relations, stale, tuple(sorted(set(others))))


def _apart(own: RelationProof, clean: RelationProof) -> set[str]:
    """The features that differ from the copy, but do not where both were built afresh."""
    return {
        name
        for name, found in own.differences.items()
        if found.before and not clean.differences[name].before
    }


def _merge_stale(own: RelationProof, clean: RelationProof, stale: set[str]) -> RelationProof:
    found = {n: own.differences[n] if n in stale else each for n, each in clean.differences.items()}
    return RelationProof(**{**vars(clean), "differences": found})


def _compare_families(
    warehouse: Path, families: Sequence[AuditedFamily], folder: Path, at: datetime
) -> list[RelationProof]:
    comparison = compare(warehouse, families, folder, at)
    return list(Progress(comparison, total=len(families), desc="comparing features", leave=False))


def _differs(found: RelationProof) -> bool:
    return found.is_uneven or any(each.before for each in found.differences.values())


def _families(ws: Workspace) -> list[AuditedFamily]:
    """The relations that the workspace's catalogue lists.

    Raises:
        AlmanacError: there is no catalogue, or no feature in it.
    """
    try:
        with open_warehouse(ws.warehouse) as connection:
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


def _features(relations: Sequence[RelationProof], stale: Collection[str]) -> list[FeatureVerdict]:
    return [
        FeatureVerdict(name, each.family, each.relation, _verdict(name, found, stale), found)
        for each in relations
        for name, found in each.differences.items()
    ]


def _verdict(name: str, found: FeatureDifference, stale: Collection[str]) -> str:
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
