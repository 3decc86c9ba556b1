"""The calendar of alarms: a row a table, family or target, a column a month."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from ml.pages.monitoring.shown_months import Shown

# From the worst on: the worst of a cell is shown.
UNJUDGED = ("too few months", "too few labels", "learnt from", "not ripe")
STATUSES = ("alarmed", "warned", "silenced", "fine", *UNJUDGED)
MARKS = {"alarmed": "▲", "warned": "△", "silenced": "○", "fine": "·"}
NOT_JUDGED_MARK = "–"
# A month's column has the scores that were made at its end, and how those of its start turned out.
_CELLS = """
    select 'Sources' as part, source || '.' || table_name as name, feature_month as month,
        status, count(*)
    from marts.mart_monitoring_sources group by all
    union all
    select 'Features', family, feature_month, status, count(*) from monitored group by all
    union all
    select 'Scores', target, cast(score_month - interval 1 month as date), status, count(*)
    from marts.mart_monitoring_scores group by all
    union all
    select 'Outcomes', target, score_month, status, count(*)
    from marts.mart_monitoring_outcomes group by all
"""
_SHOWN = f"""
    select * from ({_CELLS}) where month between $first and $last
    order by array_position(['Sources', 'Features', 'Scores', 'Outcomes'], part), name, month,
        status
"""
# What is counted in a cell.
COUNTED = {"Sources": "counts", "Features": "features", "Scores": "groups", "Outcomes": "models"}


@dataclass(frozen=True)
class Cell:
    """What a table, family or target was in a month: its worst status, and how many are so."""

    status: str
    words: str

    @property
    def mark(self) -> str:
        """The sign of the status, which tells it without colour."""
        return MARKS.get(self.status, NOT_JUDGED_MARK)


@dataclass(frozen=True)
class Row:
    """A table, family or target with a cell for each month; None where it has nothing."""

    name: str
    cells: Sequence[Cell | None]


@dataclass(frozen=True)
class Calendar:
    """The rows of each part of the page, beside the months, and what the page's month holds."""

    months: Sequence[date]
    parts: Mapping[str, Sequence[Row]]
    of_month: Mapping[str, int]

    @property
    def years(self) -> list[tuple[int, int]]:
        """The years of the months, each with how many of its months there are."""
        return [
            (year, len(list(months))) for year, months in groupby(self.months, lambda m: m.year)
        ]

    @property
    def is_judged(self) -> bool:
        """Whether anything of the page's month could be judged."""
        return any(status not in UNJUDGED for status in self.of_month)


def read_calendar(shown: Shown) -> Calendar:
    """Return the calendar of the months that are shown."""
    months = shown.months
    parts: dict[str, list[Row]] = {}
    of_month: dict[str, int] = {}
    rows = shown.rows(_SHOWN)
    for (part, name), found in groupby(rows, key=lambda row: (str(row[0]), str(row[1]))):
        counts: dict[date, dict[str, int]] = {}
        for _, _, month, status, count in found:
            counts.setdefault(month, {})[status] = count
        for status, count in counts.get(shown.month, {}).items():
            of_month[status] = of_month.get(status, 0) + count
        cells = [_cell(part, counts[month]) if month in counts else None for month in months]
        parts.setdefault(part, []).append(Row(name, cells))
    return Calendar(months, parts, of_month)


def _cell(part: str, counts: Mapping[str, int]) -> Cell:
    worst = min(counts, key=STATUSES.index)
    total = sum(counts.values())
    if total == 1 or counts[worst] == total:
        return Cell(worst, worst)
    return Cell(worst, f"{worst}, {counts[worst]} of {total} {COUNTED[part]}")
