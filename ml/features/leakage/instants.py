"""The instant of an audit, with feature rows before and after it and raw rows after it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from ml.features.leakage.raw_tables import RawTable
from ml.workspace.errors import BadInput

# A month counts as complete when events reach its last days, as in int_complete_months.
TOLERANCE_DAYS = 3


def default_instant(tables: Sequence[RawTable], known: Sequence[datetime]) -> datetime:
    """Return the first instant of the last complete month that has feature rows on both sides.

    Args:
        tables: the raw tables.
        known: when the feature rows became known, distinct.

    Raises:
        AlmanacError: no raw table carries times, or no such month exists.
    """
    first, last = _span(tables)
    at = _month_start(
        last
        if (last + timedelta(TOLERANCE_DAYS + 1)).month != last.month
        else _previous_month(last)
    )
    while at > first:
        if min(known) <= at < max(known):
            return at
        at = _previous_month(at)
    raise BadInput(
        f"The raw rows run from {first:%Y-%m-%d} to {last:%Y-%m-%d}: no month lies in them with "
        "feature rows known before it and after it, so nothing can be compared.",
        "Add at least one more month of raw files, then: dbt build",
    )


def checked_instant(
    at: datetime, tables: Sequence[RawTable], known: Sequence[datetime]
) -> datetime:
    """Return `at` where feature rows were known by then and later, and raw rows follow it.

    Raises:
        AlmanacError: it lies outside of the data.
    """
    _, last = _span(tables)
    if min(known) <= at <= last and at < max(known):
        return at
    end = min(last, max(known) - timedelta(days=1))
    raise BadInput(
        f"{at:%Y-%m-%d} is outside of the data: feature rows are known from {min(known):%Y-%m-%d} "
        f"on, and raw rows end on {last:%Y-%m-%d}.",
        f"Name a day between {min(known):%Y-%m-%d} and {end:%Y-%m-%d}: "
        "ml audit leakage --at YYYY-MM-DD",
    )


def _span(tables: Sequence[RawTable]) -> tuple[datetime, datetime]:
    spans = [table.span for table in tables if table.is_dated and table.span]
    if not spans:
        sources = ", ".join(sorted({table.source for table in tables}))
        raise BadInput(
            f"No raw row of this workspace carries a time ({sources}), so none lies after an "
            "instant and nothing can leak from there.",
            "Add a source with times to the raw folder, then: dbt build",
        )
    return min(first for first, _ in spans), max(last for _, last in spans)


def _month_start(at: datetime) -> datetime:
    return datetime(at.year, at.month, 1)


def _previous_month(at: datetime) -> datetime:
    return _month_start(_month_start(at) - timedelta(days=1))
