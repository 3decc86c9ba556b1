"""A copy of a workspace's settings and raw files, with rows from an instant on corrupted."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import yaml

from ml.features.leakage.corrupted_parquet import rewrite as rewrite_parquet
from ml.features.leakage.corrupted_text import rewrite as rewrite_text
from ml.features.leakage.raw_tables import RawTable
from ml.features.leakage.time_sql import timestamp
from ml.workspace.errors import NotBuilt
from ml.workspace.progress import Progress
from ml.workspace.settings import Workspace

CHUNK = 1 << 20


@dataclass(frozen=True)
class CorruptionJob:
    """What to corrupt: a workspace, its open warehouse, the instant (UTC), the copy's folder."""

    connection: duckdb.DuckDBPyConnection
    ws: Workspace
    at: datetime
    home: Path


@dataclass(frozen=True)
class RawProof:
    """What was done to a raw file: rows, corrupted rows, hashes before and after, the reason.

    Of a lake it is a file of landed rows.
    """

    file: str
    source: str
    table: str
    rows: int
    corrupted: int
    sha256: str
    sha256_in_copy: str
    treatment: str


def refuse_changed(connection: duckdb.DuckDBPyConnection, ws: Workspace) -> None:
    """Refuse to go on unless the warehouse was built from the raw files as they are now.

    Raises:
        AlmanacError: a file was changed or taken away after the last build.
    """
    listed = "select distinct file, bytes, modified_ns from landed.files where file <> ''"
    for name, size, changed in connection.execute(listed).fetchall():
        path = ws.raw / name
        stat = path.stat() if path.exists() else None
        if stat is None or (stat.st_size, stat.st_mtime_ns) != (size, changed):
            raise NotBuilt(
                f"{path} is not what the warehouse was built from.",
                "Build the workspace, then audit it: dbt build",
            )


def corrupted_copy(job: CorruptionJob, tables: Sequence[RawTable]) -> list[RawProof]:
    """Write a workspace that equals the job's before its instant and differs from then on.

    Files without anything to corrupt are links to the originals.

    Returns:
        One entry a raw file.
    """
    _write_settings(job)
    known = {file for table in tables for file in table.files}
    listed = (
        "select distinct source, table_name, file from landed.files where file <> '' order by all"
    )
    others = [row for row in job.connection.execute(listed).fetchall() if row[2] not in known]
    proofs = [_linked(job, other, 0, "copied: holds no events") for other in others]
    with Progress(total=len(known), desc="corrupting raw files", leave=False) as bar:
        for table in tables:
            counts = _counts(job, table)
            for file in table.files:
                proofs.append(_file(job, table, file, counts.get(file, (0, 0))))
                bar.update()
    return proofs


def _file(job: CorruptionJob, table: RawTable, file: str, counts: tuple[int, int]) -> RawProof:
    rows, corrupted = counts
    if not corrupted:
        key = (table.source, table.name, file)
        return _linked(job, key, rows, f"copied: {why_untouched(table, job.at)}")
    source, target = job.ws.raw / file, job.home / "raw" / file
    if table.format == "parquet":
        rewrite_parquet(job.connection, table, job.at, source, target)
    else:
        rewrite_text(table, job.at, source, target, _lines(job, table, file))
    return RawProof(
        file=file,
        source=table.source,
        table=table.name,
        rows=rows,
        corrupted=corrupted,
        sha256=sha256(source),
        sha256_in_copy=sha256(target),
        treatment=f"corrupted: {why_corrupted(table)}",
    )


def _linked(job: CorruptionJob, key: tuple[str, str, str], rows: int, treatment: str) -> RawProof:
    source, target = job.ws.raw / key[2], job.home / "raw" / key[2]
    target.parent.mkdir(parents=True, exist_ok=True)
    os.symlink(source, target)
    value = sha256(source)
    return RawProof(key[2], key[0], key[1], rows, 0, value, value, treatment)


def why_corrupted(table: RawTable) -> str:
    """Return why rows of a table are corrupted."""
    return (
        f"{table.time} at or after the instant" if table.time else "its month begins then or later"
    )


def why_untouched(table: RawTable, at: datetime) -> str:
    """Return why no row of a file is corrupted."""
    if table.time:
        return "no row at or after the instant"
    if table.snapshot and table.snapshot < at:
        return f"its month begins on {table.snapshot:%Y-%m-%d}"
    return "not corrupted, for no column of it is a time"


def after(table: RawTable, at: datetime) -> str:
    """Return SQL of whether a landed row is to be corrupted."""
    if table.time:
        return f"coalesce({table.instant} >= {timestamp(at)}, false)"
    return "_error is null" if table.snapshot and table.snapshot >= at else "false"


def _counts(job: CorruptionJob, table: RawTable) -> dict[str, tuple[int, int]]:
    """Each file's rows, and how many of them are to be corrupted."""
    rows = job.connection.execute(
        f"select _file, count(*), count(*) filter ({after(table, job.at)}) "
        f"from {table.landed} group by _file"
    ).fetchall()
    return {file: (total, later) for file, total, later in rows}


def _lines(job: CorruptionJob, table: RawTable, file: str) -> set[int]:
    """The lines on which the rows to be corrupted begin."""
    found = job.connection.execute(
        f"select _row from {table.landed} "
        f"where _file = ? and _error is null and {after(table, job.at)}",
        [file],
    ).fetchnumpy()
    return set(found["_row"].tolist())


def _write_settings(job: CorruptionJob) -> None:
    settings = {name: each for name, each in job.ws.settings.items() if name != "raw"}
    for name, each in settings.items():
        # A mapping's path is relative to the workspace.
        mapping = each.get("mapping") if isinstance(each, dict) else None
        if isinstance(mapping, str) and (job.ws.home / mapping).is_file():
            settings[name] = {**each, "mapping": str(job.ws.home / mapping)}
    (job.home / "raw").mkdir(parents=True)
    text = yaml.safe_dump(settings, allow_unicode=True, sort_keys=False)
    (job.home / "workspace.yml").write_text(text, encoding="utf-8")


def sha256(path: Path) -> str:
    """Return the hash of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
