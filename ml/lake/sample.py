"""Sampled buckets of a lake, built again as a small lake of their customers alone."""

import random
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from ml.lake import snapshot as snapshots
from ml.lake.bucket import prepare
from ml.lake.build import entries_of
from ml.lake.engines import engine_of
from ml.lake.entry import BUCKET, Entry
from ml.lake.facts import feature_names, replace_table
from ml.lake.project import Project, compile_project
from ml.lake.settings import LakeSettings, lake_settings
from ml.lake.stored import partition_of
from ml.lake.warehouse import write_views
from ml.lake.waves import Place, Waves
from ml.landing.declarations import SCHEMA
from ml.workspace.settings import Workspace


@dataclass(frozen=True)
class SampledLake:
    """Buckets of a lake's last snapshot.

    Attributes:
        settings: of the lake.
        project: compiled for buckets.
        buckets: the sampled ones.
        of: how many buckets the lake has.
        entries: every relation, those of customers with the files of these buckets alone.
        absent: landed relations that have rows, but none in these buckets.
    """

    settings: LakeSettings
    project: Project
    buckets: tuple[int, ...]
    of: int
    entries: Mapping[str, Entry]
    absent: tuple[str, ...]

    @property
    def landed(self) -> dict[str, Entry]:
        """The landed rows of these buckets, as what a lake begins with."""
        return {
            name: Entry(entry.types, entry.by, entry.files, entry.fingerprint)
            for name, entry in self.entries.items()
            if not entry.is_fact and name in self.project.sources
        }

    @property
    def facts_of_customers(self) -> list[str]:
        """The facts of the whole that the project makes of customers' rows."""
        return [m.relation for m in self.project.models if self._is_fact(m.relation)]

    def show(self, warehouse: Path) -> None:
        """Make a new warehouse of what the lake itself holds of these buckets."""
        with duckdb.connect(":memory:") as driver:
            prepare(driver)
            names = feature_names(driver, self.project)
        write_views(warehouse, self.project, self.entries, names)

    def build(
        self, folder: Path, landed: Mapping[str, Entry], *, facts_of_lake: bool = False
    ) -> Path:
        """Build the project of landed rows of these buckets, on the cores of this machine.

        Args:
            folder: where the small lake lies.
            landed: the rows, by relation.
            facts_of_lake: whether facts of the whole are those of the lake, which are of all
                customers. By default they are made of these rows, by the project's own models.

        Returns:
            A warehouse that shows what was built.

        Raises:
            AlmanacError: a bucket does not fit its memory, or the disk refuses.
        """
        entries = dict(landed)
        memory = self.settings.bucket_memory
        place = Place(folder / "tables", folder / "scratch", self.of, memory, self.buckets)
        known = self.facts_of_customers if facts_of_lake else []
        given = [name for name in self.entries if name.split(".")[0] == SCHEMA]
        given = [n for n in [*given, *self.project.seeds, *known] if self._is_fact(n)]
        here = replace(self.settings, engine="processes")
        with duckdb.connect(":memory:") as driver, engine_of(here) as engine:
            prepare(driver)
            for name in given:
                replace_table(driver, name, self.entries[name].whole.query)
            waves = Waves(driver, self.project, entries, engine.run, place, known=known)
            for name in given:
                waves.keep(name)
            waves.build()
        shutil.rmtree(place.scratch, ignore_errors=True)
        warehouse = folder / "warehouse.duckdb"
        write_views(warehouse, self.project, entries, waves.features)
        return warehouse

    def _is_fact(self, relation: str) -> bool:
        return relation in self.entries and self.entries[relation].is_fact


def sampled_buckets(buckets: int, count: int, seed: int = 0) -> tuple[int, ...]:
    """Return so many of a lake's buckets, always the same for a seed; all where there are fewer."""
    return tuple(sorted(random.Random(seed).sample(range(buckets), min(count, buckets))))


def sample_lake(ws: Workspace, count: int) -> SampledLake:
    """Return buckets of the last snapshot of the workspace's lake.

    Raises:
        AlmanacError: there is no lake yet, or dbt cannot compile the project.
    """
    settings = lake_settings(ws)
    snapshot = snapshots.built(settings.path)
    project = compile_project(ws)
    entries = entries_of(settings.path, snapshot)
    buckets = sampled_buckets(snapshot.buckets, count)
    absent = []
    for name, entry in entries.items():
        if entry.is_fact:
            continue
        own = [file for file in entry.files if partition_of(file)[BUCKET] in buckets]
        if entry.files and not own and name in project.sources:
            absent.append(name)
        entry.files = own
    return SampledLake(settings, project, buckets, snapshot.buckets, entries, tuple(absent))
