"""Comparison of a training set with the one that today's warehouse gives."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ml.dataset.recipe import Manifest, describe
from ml.dataset.snapshot import MonthDigest
from ml.dataset.storage import Dataset, retrieved
from ml.workspace.settings import Workspace
from ml.workspace.targets import sampled, target

KEYS = ["customer_id", "event_timestamp"]


@dataclass(frozen=True)
class DatasetDifference:
    """One difference: the part of the training set, where in it, and how it differs."""

    part: str
    where: str
    how: str


@dataclass(frozen=True)
class DatasetComparison:
    """The id that today's warehouse gives, and the differences from the training set.

    `inputs` are differences of the manifests. `rows` are differences of the kept rows, or None
    where rows were not compared, because the ids are equal or no rows are kept.
    """

    dataset: Dataset
    today: str
    inputs: tuple[DatasetDifference, ...]
    rows: tuple[DatasetDifference, ...] | None

    @property
    def holds(self) -> bool:
        """Whether today's warehouse gives the training set: same id, no different rows."""
        return self.today == self.dataset.id and not self.rows


def verify(ws: Workspace, dataset: Dataset, *, rows: bool = False) -> DatasetComparison:
    """Compare the training set with the one that today's warehouse gives.

    Manifests are compared, which takes seconds, and the file of kept rows must be as it was
    written. Its rows are read and compared if the manifests differ, or if `rows` is true.

    Raises:
        AlmanacError: the warehouse is not ready, the kept file is damaged, or `rows` is true and no
            rows are kept.
    """
    if dataset.folder is not None:
        dataset.kept_file()
    was = dataset.manifest.target
    today = describe(ws, sampled(ws, target(ws, was.name), was.customers))
    differing = today.id != dataset.id
    compared = rows or (differing and dataset.folder is not None)
    return DatasetComparison(
        dataset,
        today.id,
        tuple(_inputs(dataset.manifest, today)),
        tuple(_rows(dataset.table(), retrieved(ws, today))) if compared else None,
    )


def _inputs(was: Manifest, now: Manifest) -> Iterator[DatasetDifference]:
    if was.spine != now.spine:
        yield DatasetDifference("spine", now.target.relation, "another query")
    yield from _features(was, now)
    for name in sorted({*was.snapshot.relations, *now.snapshot.relations}):
        before, after = (each.snapshot.relations.get(name, {}) for each in (was, now))
        yield from _months(name, before, after)
    yield from _code(was.snapshot.code, now.snapshot.code)
    if was.sql != now.sql:
        yield DatasetDifference("retrieval", was.target.name, "another query")


def _features(was: Manifest, now: Manifest) -> Iterator[DatasetDifference]:
    before, after = ({f.name: f for f in each.features} for each in (was, now))
    if [*before] != [*after] and before.keys() == after.keys():
        yield DatasetDifference("features", was.target.name, "another order")
    for name in [*before, *(after.keys() - before.keys())]:
        if name not in after:
            yield DatasetDifference("features", name, "is gone")
        elif name not in before:
            yield DatasetDifference("features", name, "is new")
        elif before[name] != after[name]:
            yield DatasetDifference(
                "features",
                name,
                f"{before[name].dtype} of {before[name].view}, "
                f"today {after[name].dtype} of {after[name].view}",
            )


def _months(
    name: str, before: Mapping[str, MonthDigest], after: Mapping[str, MonthDigest]
) -> Iterator[DatasetDifference]:
    for month in sorted({*before, *after}):
        was, now = before.get(month), after.get(month)
        if was is None or now is None:
            rows = (was or now or MonthDigest(0, "")).rows
            how = f"{rows} rows {'are gone' if now is None else 'are new'}"
            yield DatasetDifference(name, month, how)
        elif was != now:
            counts = f"{was.rows} rows, today {now.rows}" if was.rows != now.rows else ""
            yield DatasetDifference(name, month, counts or f"{was.rows} rows, not the same")


def _code(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[DatasetDifference]:
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            how = "changed" if name in before and name in after else "is new"
            yield DatasetDifference("code", name, how if name in after else "is gone")


def _rows(was: pa.Table, today: pa.Table) -> Iterator[DatasetDifference]:
    """Yield the rows that only one side has, then the columns whose values differ."""
    rows_before, rows_today = _same_rows(was, today)
    for side, how in ((was, "are gone"), (today, "are new")):
        if only := side.num_rows - len(rows_before):
            yield DatasetDifference("rows", f"{only} rows", how)
    keys = was.select(KEYS).take(rows_before)
    for field in was.schema:
        if field.name not in KEYS and field in today.schema:
            before, after = was[field.name].take(rows_before), today[field.name].take(rows_today)
            yield from _changed(field.name, keys, before, after)


def _same_rows(was: pa.Table, today: pa.Table) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """Return the positions in each table of the rows whose keys both tables have."""
    with duckdb.connect() as connection:
        for name, side in (("was", was), ("today", today)):
            keys = side.select(KEYS).append_column("row", pa.array(np.arange(side.num_rows)))
            connection.register(name, keys)
        found = connection.sql(
            f"select was.row as here, today.row as there from was join today using "
            f"({', '.join(KEYS)}) order by 1"
        ).to_arrow_table()
    return found["here"], found["there"]


def _changed(
    name: str, keys: pa.Table, before: pa.ChunkedArray, after: pa.ChunkedArray
) -> Iterator[DatasetDifference]:
    missing = [pc.is_null(values, nan_is_null=True) for values in (before, after)]
    differ = pc.if_else(pc.or_(*missing), pc.xor(*missing), pc.not_equal(before, after))
    where = pc.indices_nonzero(differ)
    if len(where):
        first = where[0].as_py()
        customer, moment = (keys[key][first].as_py() for key in KEYS)
        values = f"{before[first]}, today {after[first]}"
        example = f"customer {customer} on {moment:%Y-%m-%d}: {values}"
        yield DatasetDifference("rows", name, f"{len(where)} rows, such as {example}")
