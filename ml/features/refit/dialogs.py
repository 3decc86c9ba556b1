"""Versions of the dialogues' components and clusters, each fitted before a cut-off."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ml.features.refit.fits_table import FITS, append, newest_version, rows
from ml.features.refit.version import Version
from ml.workspace.errors import BadInput, NotBuilt
from ml.workspace.manifest import meta, models_with, relation
from ml.workspace.progress import Progress
from ml.workspace.settings import Workspace
from ml.workspace.warehouse import open_warehouse

if TYPE_CHECKING:
    from ml.features.refit.fit import Batches

SETTING = "mbd.dialog_fit_until"
BATCH = 1024
FEWEST = 50
FIRST_MONTHS = 3
# Sorting embeddings within these limits spills to disk; the fit itself runs in one thread anyway.
LIMITS = "set memory_limit = '700MB'; set threads = 1; set preserve_insertion_order = false"


@dataclass(frozen=True)
class Size:
    """How many components and clusters a version has, as the dbt model of the fits declares it."""

    components: int
    clusters: int


def first_fit(dialogs: duckdb.DuckDBPyRelation, until: str, size: Size) -> pa.Table:
    """Return version 1 as rows of the table of fits; none while the dialogues are too few.

    Args:
        dialogs: `event_time` and `embedding`, one row a dialogue.
        until: the cut-off (YYYY-MM-DD); empty: the end of the third month with dialogues, or of
            the first one after it by which there are enough, once the data reach beyond it.
        size: how many components and clusters are wanted.

    Raises:
        AlmanacError: `until` is no date.
    """
    cutoff = _configured_cutoff(dialogs, until) if until else _first_cutoff(dialogs)
    return rows(_fit_before(dialogs, cutoff, size) if cutoff else None)


def refit_dialogs(ws: Workspace, until: date | None) -> Version:
    """Add the next version, fitted on the dialogues before `until`, and return it.

    The warehouse is held for reading while the fit runs, and for writing only to add its rows.

    Args:
        ws: the workspace.
        until: the cut-off, exclusive; the first day of the newest complete month where none.

    Raises:
        AlmanacError: nothing was built yet, the cut-off is not later than the last version's or
            lies beyond the data, or there are too few dialogues before it.
    """
    size = _declared_size(ws)
    with open_warehouse(ws.warehouse) as connection:
        connection.execute(LIMITS)
        last = newest_version(connection)
        cutoff = _midnight(until) if until else _newest_month(connection)
        dialogs = connection.sql("select event_time, embedding from staging.stg_mbd__dialog")
        _check_later(cutoff, last)
        if until:
            _check_known(cutoff, dialogs)
        found = _fit_before(dialogs, cutoff, size, last, progress=True)
    if found is None:
        raise BadInput(
            f"Fewer than {FEWEST} whole dialogues lie before {cutoff:%Y-%m-%d}: too few for a fit.",
            "Choose a later day: ml refit dialog --until YYYY-MM-DD",
        )
    append(ws, found)
    return found


def _configured_cutoff(dialogs: duckdb.DuckDBPyRelation, until: str) -> datetime | None:
    """Return the cut-off that the workspace sets, or none before the data reach it."""
    try:
        cutoff = _midnight(date.fromisoformat(until))
    except ValueError as error:
        raise BadInput(
            f"workspace.yml: {SETTING} is `{until}`, which is no date (like 2024-01-31).",
            "Correct it, then: dbt build",
        ) from error
    newest = _newest(dialogs)
    return cutoff if newest and newest >= cutoff else None


def _first_cutoff(dialogs: duckdb.DuckDBPyRelation) -> datetime | None:
    counted = (
        _complete(dialogs)
        .aggregate(
            "cast(date_trunc('month', event_time) as timestamp) as month, "
            "len(embedding) as size, count(*) as n",
            "month, size",
        )
        .order("month, size")
        .fetchall()
    )
    months = sorted({month for month, _, _ in counted})
    for past, month in enumerate(months[1:], start=1):
        sizes: Counter[int] = Counter()
        for when, size, count in counted:
            sizes[size] += count if when < month else 0
        if past >= FIRST_MONTHS and max(sizes.values()) >= FEWEST:
            return _month_after(months[past - 1])
    return None


def _fit_before(
    dialogs: duckdb.DuckDBPyRelation,
    cutoff: datetime,
    size: Size,
    last: Version | None = None,
    progress: bool = False,
) -> Version | None:
    """Return the version after `last`, or none where too few dialogues lie before `cutoff`."""
    before = _complete(dialogs).filter(f"event_time < timestamp '{cutoff}'")
    found = (
        before.aggregate(
            "len(embedding) as size, count(*) as n, min(event_time) as first", "len(embedding)"
        )
        .order("n desc, size desc")
        .limit(1)
        .fetchall()
    )
    if not found or found[0][1] < FEWEST:
        return None
    # A build that has nothing to fit must not wait for scikit-learn.
    from ml.features.refit.fit import fit

    length, count, first = found[0]
    with Progress(total=2 * count, desc="dialogues", unit="", disable=not progress) as bar:
        batches = _batches(before.filter(f"len(embedding) = {length}"), length, bar)
        done = fit(batches, size.components, size.clusters, last.fit if last else None)
    return Version(last.number + 1 if last else 1, first, cutoff, done)


def _complete(dialogs: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """Return the dialogues whose embedding has a value, and a finite one, at every position."""
    return dialogs.filter(
        "len(embedding) > 0 and list_count(embedding) = len(embedding) "
        "and isfinite(list_sum(embedding))"
    )


def _batches(dialogs: duckdb.DuckDBPyRelation, length: int, bar: Progress) -> "Batches":
    """Return a function that streams the embeddings in an order independent of their files."""
    ordered = dialogs.order("event_time, hash(embedding)").project("embedding")

    def stream() -> Iterator[NDArray[np.float32]]:
        waiting: list[NDArray[np.float32]] = []
        for batch in ordered.to_arrow_reader(BATCH):
            values = batch.column(0).flatten().to_numpy(zero_copy_only=False)
            waiting.append(values.reshape(-1, length))
            while sum(map(len, waiting)) >= BATCH:
                held = np.concatenate(waiting)
                waiting = [held[BATCH:]]
                bar.update(BATCH)
                yield held[:BATCH]
        rest = np.concatenate([*waiting, np.empty((0, length), dtype=np.float32)])
        bar.update(len(rest))
        if len(rest):
            yield rest

    return stream


def _check_later(cutoff: datetime, last: Version | None) -> None:
    if last and cutoff <= last.fitted_until:
        raise BadInput(
            f"Version {last.number} is fitted on the dialogues before "
            f"{last.fitted_until:%Y-%m-%d}; {cutoff:%Y-%m-%d} is not later.",
            "Choose a later day: ml refit dialog --until YYYY-MM-DD",
        )


def _check_known(cutoff: datetime, dialogs: duckdb.DuckDBPyRelation) -> None:
    newest = _newest(dialogs)
    if newest and cutoff > _month_after(newest):
        raise BadInput(
            f"The dialogues end on {newest:%Y-%m-%d}: nothing is known yet of the time before "
            f"{cutoff:%Y-%m-%d}.",
            f"At the latest: ml refit dialog --until {_month_after(newest):%Y-%m-%d}",
        )


def _newest(dialogs: duckdb.DuckDBPyRelation) -> datetime | None:
    newest: datetime | None = dialogs.aggregate("max(event_time) as newest").fetchall()[0][0]
    return newest


def _newest_month(connection: duckdb.DuckDBPyConnection) -> datetime:
    """Return the first instant of the newest complete month of the bank."""
    month = connection.execute(
        "select last_complete_month from intermediate.int_complete_months where source = 'mbd'"
    ).fetchall()
    if not month:
        raise NotBuilt(
            "The workspace has no complete month of the bank's records.",
            "Put raw files of source mbd there (or: ml simulate), then: dbt build",
        )
    return _midnight(month[0][0])


def _month_after(when: datetime) -> datetime:
    """Return the first instant of the month after that of `when`."""
    return _midnight((when.date().replace(day=1) + timedelta(days=31)).replace(day=1))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def _declared_size(ws: Workspace) -> Size:
    """Return the size that the dbt model of the fits declares in its `meta`."""
    for node in models_with(ws, "components"):
        if relation(node) == FITS:
            said = meta(node)
            return Size(int(said["components"]), int(said["clusters"]))
    raise NotBuilt(f"{ws.manifest} does not know {FITS}.", "Build it first: dbt build")
