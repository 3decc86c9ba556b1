"""`ml lake build`: lands what changed, builds what changed, and commits all of it at once."""

import shutil
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date
from importlib.metadata import version
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from ml.lake import snapshot as snapshots
from ml.lake.bucket import prepare, rejects_of
from ml.lake.build_lock import building
from ml.lake.column_types import arrow_schema
from ml.lake.engines import engine_of
from ml.lake.entry import Entry
from ml.lake.facts import copy_tables, replace_table
from ml.lake.judged import what_was_read
from ml.lake.project import Project, compile_project, compiled_warehouse, describe_project
from ml.lake.raw import BATCHES, Landing, land_workspace_tables
from ml.lake.settings import LakeSettings, lake_settings
from ml.lake.shown import ANSWERS
from ml.lake.snapshot import Snapshot, TableState
from ml.lake.stored import partition_of, table_of
from ml.lake.tables import WrittenFile, clean, commit, files_at, table_folder
from ml.lake.warehouse import write_warehouse
from ml.lake.waves import FILES, Place, Waves
from ml.landing.declarations import SCHEMA
from ml.landing.relations import LandedRelation, plan
from ml.workspace.errors import AlmanacError
from ml.workspace.holder import remove_left
from ml.workspace.settings import Workspace, dbt_project

MONTHS = "lake.months"
MONTH_COLUMNS = {"relation": "VARCHAR", "feature_month": "DATE", "month_version": "UBIGINT"}


@dataclass(frozen=True)
class Built:
    """What a build did: notes to print, tables that changed, and the most memory of a task."""

    notes: list[str]
    changed: list[str]
    tables: int
    peak_bytes: int


def build_lake(ws: Workspace) -> Built:
    """Bring the workspace's lake up to date with its raw files, specs and settings.

    Raises:
        AlmanacError: a setting, a file or a model is wrong, another build runs, a task failed, or
            the disk refuses. The last snapshot stays readable.
    """
    settings = lake_settings(ws)
    settings.path.mkdir(parents=True, exist_ok=True)
    with building(settings.path), _removed_after_an_error(settings.path):
        before = snapshots.read(settings.path)
        if before is not None:
            snapshots.check(
                settings.path, before, buckets=settings.buckets, duckdb=version("duckdb")
            )
        remove_left(settings.path / ANSWERS)
        project = compile_project(ws)
        entries = entries_of(settings.path, before)
        with (
            _scratch(settings.path) as scratch,
            duckdb.connect(":memory:") as driver,
            engine_of(settings) as engine,
        ):
            place = Place(
                settings.path / "tables", scratch, settings.buckets, settings.bucket_memory
            )
            prepare(driver)
            planned = plan(driver, dbt_project(), ws)
            given = land_workspace_tables(driver, planned.relations)
            copy_tables(driver, compiled_warehouse(ws), project.seeds)
            copy_tables(driver, ws.warehouse, list(project.python))
            waves = Waves(driver, project, entries, engine.run, place)
            for fact in (*given, *project.seeds):
                waves.keep(fact)
            notes = planned.notes + Landing(driver, entries, engine, place).land(planned.relations)
            waves.build()
            notes.append(what_was_read(project, entries))
            _drop_unknown(project, planned.relations, entries)
            _keep_months(driver, waves, entries)
            changed = [name for name, entry in entries.items() if entry.is_changed]
            after = _commit(settings, entries, before)
            write_warehouse(ws, settings, project, entries, waves.features)
        # Where nothing changed as well: a build that was killed left its files.
        _clean(settings.path, after)
    describe_project(ws)
    peak = max((result.peak_bytes for result in waves.results), default=0)
    return Built(notes, sorted(changed), len(entries), peak)


def drop_snapshot_before(ws: Workspace) -> None:
    """Delete the files that only the snapshot before the last one has; its readers lose them.

    Raises:
        AlmanacError: there is no lake yet, or a build of it runs.
    """
    settings = lake_settings(ws)
    with building(settings.path):
        alone = replace(snapshots.built(settings.path), before={})
        snapshots.write(settings.path, alone)
        _clean(settings.path, alone)


def entries_of(lake: Path, snapshot: Snapshot | None) -> dict[str, Entry]:
    """Return the relations of a snapshot; none where there is none."""
    entries: dict[str, Entry] = {}
    for name, state in (snapshot.tables if snapshot else {}).items():
        folder = table_folder(lake, name)
        entries[name] = Entry(
            dict(state.columns),
            state.partition_by,
            [str(folder / file.path) for file in files_at(folder, state.version)],
            state.fingerprint,
            state.content,
            base=state.version,
        )
    if MONTHS in entries:
        rows = duckdb.execute(entries[MONTHS].whole.query).fetchall()
        for relation, month, month_version in rows:
            entries[relation].months[month] = month_version
    return entries


def _drop_unknown(
    project: Project, landed: Sequence[LandedRelation], entries: dict[str, Entry]
) -> None:
    """Drop relations of models, seeds and sources that the project no longer has."""
    known = {f"{SCHEMA}.{relation.identifier}" for relation in landed}
    known |= {*project.sources, *project.seeds, MONTHS, BATCHES}
    for model in project.models:
        known |= {model.rows, rejects_of(model)}
    for name in entries.keys() - known:
        del entries[name]


def _keep_months(
    driver: duckdb.DuckDBPyConnection, waves: Waves, entries: dict[str, Entry]
) -> None:
    rows: list[tuple[str, date, int]] = [
        (name, month, month_version)
        for name, entry in sorted(entries.items())
        for month, month_version in sorted(entry.months.items())
    ]
    replace_table(driver, MONTHS, table_of(MONTH_COLUMNS, rows))
    for fact in (MONTHS, BATCHES, FILES):
        waves.keep(fact)


def _commit(settings: LakeSettings, entries: dict[str, Entry], before: Snapshot | None) -> Snapshot:
    """Commit each table that changed, then turn the pointer."""
    is_same = before is not None and before.tables.keys() == entries.keys()
    if before and is_same and not any(entry.is_changed for entry in entries.values()):
        return before
    tables = {}
    for name, entry in sorted(entries.items()):
        folder = table_folder(settings.path, name)
        number = entry.base
        if entry.is_changed or number is None:
            number = commit(
                folder,
                number,
                schema=arrow_schema(entry.types, entry.by),
                partition_by=entry.by,
                files=[_written(folder, file) for file in entry.fresh],
                replaced=entry.replaced or "everything",
            )
        state = TableState(number, entry.by, entry.fingerprint, entry.types, entry.content)
        tables[name] = state
    after = Snapshot(uuid.uuid4().hex, settings.buckets, version("duckdb"), tables).after(before)
    snapshots.write(settings.path, after)
    return after


def _written(folder: Path, file: str) -> WrittenFile:
    path = Path(file)
    rows = pq.read_metadata(path).num_rows
    place = path.relative_to(folder).as_posix()
    return WrittenFile(place, path.stat().st_size, rows, partition_of(file))


def _clean(lake: Path, snapshot: Snapshot) -> None:
    """Delete files that neither this snapshot nor the one before it has."""
    kept = snapshot.kept()
    for name, versions in kept.items():
        clean(table_folder(lake, name), versions)
    # Tables of models and sources that are no more.
    for folder in set((lake / "tables").glob("*/*")) - {table_folder(lake, name) for name in kept}:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _removed_after_an_error(lake: Path) -> Iterator[None]:
    """Delete what a build wrote that an error ends: on a full disk the next one needs the room."""
    try:
        yield
    except BaseException:
        with suppress(AlmanacError):
            _clean(lake, snapshots.read(lake) or Snapshot("", 0, "", {}))
        raise


@contextmanager
def _scratch(lake: Path) -> Iterator[Path]:
    """Yield a folder for what is needed while a build runs; it goes with what dead ones left.

    Tasks of a build that was killed may still write for a moment: each build has its own.
    """
    folder = lake / "scratch"
    shutil.rmtree(folder, ignore_errors=True)
    mine = folder / uuid.uuid4().hex
    mine.mkdir(parents=True)
    try:
        yield mine
    finally:
        shutil.rmtree(folder, ignore_errors=True)
