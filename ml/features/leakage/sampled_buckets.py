"""The audit of a lake: sampled buckets of it, whose landed rows from an instant on are corrupted.

A lake may have more customers than one machine builds. So the lake's own build runs over a few
buckets, as if their customers were all. Facts of the whole are made anew of these customers: what
leaks through them shows as it would in the lake, though their values are not the lake's.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ml.features.leakage.corrupted_copy import (
    CorruptionJob,
    RawProof,
    after,
    sha256,
    why_corrupted,
    why_untouched,
)
from ml.features.leakage.corrupted_parquet import rewrite
from ml.features.leakage.proof import Sample
from ml.features.leakage.raw_tables import RawTable
from ml.lake.entry import Entry
from ml.lake.sample import SampledLake, sample_lake
from ml.lake.stored import Stored
from ml.landing.declarations import SCHEMA
from ml.workspace.progress import Progress
from ml.workspace.settings import Workspace


class SampledBuckets:
    """Buckets of a lake, to be audited.

    Args:
        lake: the lake with these buckets.
        warehouse: shows what the lake itself holds of them.
    """

    def __init__(self, lake: SampledLake, warehouse: Path) -> None:
        self.warehouse = warehouse
        self._lake = lake
        self._corrupted: dict[str, Entry] = {}

    def corrupt(self, job: CorruptionJob, tables: Sequence[RawTable]) -> list[RawProof]:
        """Write the files of landed rows that have some at or after the instant, with other values.

        Returns:
            One entry a file of the lake.
        """
        self._corrupted = self._lake.landed
        read = [(table, self._corrupted[f"{SCHEMA}.{table.identifier}"]) for table in tables]
        proofs = []
        for table, entry in Progress(read, desc="corrupting landed rows", leave=False):
            files = []
            for file in entry.files:
                place = Path(file).relative_to(self._lake.settings.path)
                proof = _file(job, table, place, Stored((file,), entry.types))
                files.append(str(job.home / place) if proof.corrupted else file)
                proofs.append(proof)
            entry.files = files
        return proofs

    def build(self, folder: Path, _models: Sequence[str], *, corrupted: bool) -> Path:
        """Build the buckets, as a lake of their customers alone; return a warehouse of it."""
        return self._lake.build(folder, self._corrupted if corrupted else self._lake.landed)

    def build_as_own(self, folder: Path) -> Path:
        """Build the uncorrupted rows with the lake's own facts of the whole."""
        return self._lake.build(folder, self._lake.landed, facts_of_lake=True)

    def sample(self, families: Sequence[str]) -> Sample:
        """Return what the proof says of the sample; `families` as there."""
        return Sample(
            buckets=self._lake.buckets,
            of=self._lake.of,
            facts=tuple(self._lake.facts_of_customers),
            families=tuple(families),
            absent=tuple(name.removeprefix(f"{SCHEMA}.") for name in self._lake.absent),
        )


@contextmanager
def sampled_buckets(ws: Workspace, count: int) -> Iterator[SampledBuckets]:
    """Yield so many buckets of the workspace's lake.

    Raises:
        AlmanacError: there is no lake yet, or dbt cannot compile the project.
    """
    lake = sample_lake(ws, count)
    with tempfile.TemporaryDirectory(prefix="almanac-audit-") as folder:
        warehouse = Path(folder) / "warehouse.duckdb"
        lake.show(warehouse)
        yield SampledBuckets(lake, warehouse)


def _file(job: CorruptionJob, table: RawTable, place: Path, rows: Stored) -> RawProof:
    """Corrupt one file of the lake, which lies at `place` in it and is to lie there in the copy."""
    source, target = Path(rows.files[0]), job.home / place
    [(total, corrupted)] = job.connection.execute(
        f"select count(*), count(*) filter ({after(table, job.at)}) from ({rows.query})"
    ).fetchall()
    if corrupted:
        rewrite(job.connection, table, job.at, source, target, is_landed=True)
    value = sha256(source)
    return RawProof(
        file=place.as_posix(),
        source=table.source,
        table=table.name,
        rows=total,
        corrupted=corrupted,
        sha256=value,
        sha256_in_copy=sha256(target) if corrupted else value,
        treatment=(
            f"corrupted: {why_corrupted(table)}"
            if corrupted
            else f"copied: {why_untouched(table, job.at)}"
        ),
    )
