"""`ml lake verify`: dbt builds sampled buckets on one machine, and every value is compared."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ml.lake import snapshot as snapshots
from ml.lake.build import entries_of
from ml.lake.dbt_run import run_dbt
from ml.lake.entry import Entry
from ml.lake.facts import replace_table
from ml.lake.project import Model, Project, compile_project
from ml.lake.sample import sampled_buckets
from ml.lake.scope import is_view
from ml.lake.settings import lake_settings
from ml.landing.land import MACROS
from ml.workspace.progress import Progress
from ml.workspace.settings import Workspace
from ml.workspace.sql import quoted, quoted_relation


@dataclass(frozen=True)
class Difference:
    """A relation of a bucket that dbt builds otherwise: rows of either, and the columns."""

    bucket: int
    relation: str
    lake_rows: int
    dbt_rows: int
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Verified:
    """Which buckets and how many relations, rows and values were compared, and what differs."""

    buckets: tuple[int, ...]
    relations: int
    rows: int
    values: int
    differences: tuple[Difference, ...]


def verify_lake(ws: Workspace, sample: int, seed: int = 0) -> Verified:
    """Build buckets of the last snapshot by dbt and compare each column of each relation.

    Facts of the whole are taken from the lake: a bucket does not know them.

    Args:
        ws: the workspace.
        sample: how many buckets; all of them where there are fewer.
        seed: which ones.

    Raises:
        AlmanacError: there is no lake yet, or dbt cannot build.
    """
    settings = lake_settings(ws)
    snapshot = snapshots.built(settings.path)
    project = compile_project(ws)
    entries = entries_of(settings.path, snapshot)
    buckets = sampled_buckets(snapshot.buckets, sample, seed)
    rows = values = relations = 0
    differences: list[Difference] = []
    for bucket in Progress(buckets, desc="verifying buckets", leave=False):
        with tempfile.TemporaryDirectory(prefix="almanac-verify-") as folder:
            home = Path(folder)
            _rebuild(home, project, entries, bucket)
            with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
                connection.execute("set TimeZone = 'UTC'")
                for model in _compared(project, entries):
                    found = _compare(connection, model, entries[model.rows], bucket)
                    relations, rows = relations + 1, rows + found.lake_rows
                    values += found.lake_rows * len(entries[model.rows].types)
                    if found.columns or found.lake_rows != found.dbt_rows:
                        differences.append(found)
    return Verified(buckets, relations, rows, values, tuple(differences))


def _compared(project: Project, entries: Mapping[str, Entry]) -> Iterator[Model]:
    for model in project.models:
        if not (model.is_whole or model.totals or is_view(model)) and model.rows in entries:
            yield model


def _rebuild(home: Path, project: Project, entries: Mapping[str, Entry], bucket: int) -> None:
    """Lay the bucket's landed rows and the facts of the whole into a warehouse; build the rest."""
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute("set TimeZone = 'UTC'; create schema landed")
        for definition in MACROS:
            connection.execute(definition)
        for relation, entry in entries.items():
            if entry.is_fact:
                replace_table(connection, relation, entry.whole.query)
            elif relation in project.sources:
                replace_table(connection, relation, entry.of(bucket).query)
    left_out = [
        model.relation.split(".")[1] for model in project.models if model.is_whole or model.totals
    ]
    run_dbt(
        home,
        home / "target",
        "bucket",
        ["run", "--exclude", *left_out],
        "See whether the project builds on one machine: dbt build",
    )


def _compare(
    connection: duckdb.DuckDBPyConnection, model: Model, entry: Entry, bucket: int
) -> Difference:
    relation = quoted_relation(model.rows)
    connection.execute(f"create or replace temp view of_lake as {entry.of(bucket).query}")
    counts = [
        connection.execute(f"select count(*) from {name}").fetchall()[0][0]
        for name in ("of_lake", relation)
    ]
    columns = list(entry.types)
    names = ", ".join(map(quoted, columns))
    ((different,),) = connection.execute(
        f"select count(*) from (select {names} from of_lake except all "
        f"select {names} from {relation})"
    ).fetchall()
    told = _columns(connection, relation, columns) if different else ()
    return Difference(bucket, model.rows, counts[0], counts[1], told)


def _columns(
    connection: duckdb.DuckDBPyConnection, relation: str, columns: Sequence[str]
) -> tuple[str, ...]:
    """Return the columns whose values are not the same ones; all where only their pairing is."""
    found = [
        name
        for name in columns
        if connection.execute(
            f"select (select sum(hash({quoted(name)})) from of_lake) is distinct from "
            f"(select sum(hash({quoted(name)})) from {relation})"
        ).fetchall()
        == [(True,)]
    ]
    return tuple(found or columns)
