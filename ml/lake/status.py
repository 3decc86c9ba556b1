"""`ml lake status`: what the lake holds, by its last snapshot."""

from dataclasses import dataclass
from pathlib import Path

from ml.lake import snapshot as snapshots
from ml.lake.entry import BUCKET
from ml.lake.settings import lake_settings
from ml.lake.tables import files_at, table_folder
from ml.workspace.settings import Workspace


@dataclass(frozen=True)
class TableStatus:
    """A table: its version, rows, files and bytes; `largest` are the rows of its largest bucket."""

    relation: str
    version: int
    rows: int
    files: int
    bytes: int
    largest: int


@dataclass(frozen=True)
class LakeStatus:
    """The lake's folder, what built it, and its tables."""

    path: Path
    engine: str
    build: str
    buckets: int
    duckdb: str
    tables: tuple[TableStatus, ...]


def lake_status(ws: Workspace) -> LakeStatus:
    """Return what the last snapshot of the workspace's lake holds.

    Raises:
        AlmanacError: there is no lake yet, or it is damaged.
    """
    settings = lake_settings(ws)
    snapshot = snapshots.built(settings.path)
    tables = []
    for relation, state in sorted(snapshot.tables.items()):
        files = files_at(table_folder(settings.path, relation), state.version)
        by_bucket: dict[int, int] = {}
        for file in files:
            bucket = file.partition.get(BUCKET, 0)
            by_bucket[bucket] = by_bucket.get(bucket, 0) + file.rows
        tables.append(
            TableStatus(
                relation,
                state.version,
                sum(by_bucket.values()),
                len(files),
                sum(file.bytes for file in files),
                max(by_bucket.values(), default=0),
            )
        )
    return LakeStatus(
        settings.path,
        settings.engine,
        snapshot.build,
        snapshot.buckets,
        snapshot.duckdb,
        tuple(tables),
    )
