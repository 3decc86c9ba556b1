"""When events happen: by month, weekday, hour and day; gaps between them; events a customer."""

from dataclasses import dataclass
from datetime import date, datetime

from ml.pages.profile.staged_tables import TIME
from ml.pages.profile.table_study import TableStudy

HOUR, DAY = 1 / 24, 1.0
# Upper ends of the classes of gaps, in days; the last class is open.
GAPS = (HOUR, DAY, 2, 4, 8, 16, 32, 64, 128)
GAP_NAMES = ("under 1 h", "under 1 day", *(f"{int(end / 2)}–{end} days" for end in GAPS[2:]))


@dataclass(frozen=True)
class EventTimes:
    """How many events of a table there are in which month, weekday, hour and day.

    Attributes:
        first: the first event.
        last: the last event.
        months: (month, events, customers with an event in it).
        weekdays: events of each weekday, Monday first.
        hours: events of each of the 24 hours (UTC); None where no event has a time of day.
        days: (day, events), for days with an event.
        empty_days: days between first and last without any event.
        holes: the longest runs of such days: (first day, last day, days).
    """

    first: datetime
    last: datetime
    months: list[tuple[date, int, int]]
    weekdays: list[int]
    hours: list[int] | None
    days: list[tuple[date, int]]
    empty_days: int
    holes: list[tuple[date, date, int]]


@dataclass(frozen=True)
class BinnedCounts:
    """A distribution as (class, count), with its median and its 90 % quantile."""

    classes: list[tuple[str, int]]
    median: float
    high: float


def event_times(study: TableStudy) -> EventTimes:
    """Return when the events of a table happen; the table has at least one."""
    first, last = study.row(f"select min({TIME}), max({TIME}) from {{whole}}")
    months = study.rows(
        "select month, events, customers from"
        " (select date_trunc('month', hour)::date as month, sum(events)::bigint as events"
        "  from hours group by 1)"
        " join (select month, count(*) as customers from customer_months group by 1) using (month)"
        " order by 1"
    )
    days = study.rows(
        "select hour::date as day, sum(events)::bigint from hours group by 1 order by 1"
    )
    empty, holes = _empty_days(study)
    return EventTimes(
        first=first,
        last=last,
        months=[(month, events, customers) for month, events, customers in months],
        weekdays=_counts(study, "isodow", 1, 7),
        hours=_hours(study),
        days=[(day, events) for day, events in days],
        empty_days=empty,
        holes=holes,
    )


def events_per_customer(study: TableStudy) -> BinnedCounts:
    """Return how many customers have how many events, in classes that double."""
    study.make("totals", "select sum(events) as number from customer_months group by customer")
    return doubling_bins(study, "totals")


def doubling_bins(study: TableStudy, relation: str) -> BinnedCounts:
    """Return the positive whole `number`s of a relation in the classes 1, 2, 3–4, 5–8 and so on."""
    rows = study.rows(
        f"select ceil(log2(number))::integer, count(*) from {relation} where number > 0"
        " group by 1 order by 1"
    )
    median, high = study.row(
        f"select quantile_disc(number, 0.5), quantile_disc(number, 0.9) from {relation}"
    )
    counts: dict[int, int] = dict(rows)
    powers = range(min(counts), max(counts) + 1)
    classes = [(_class(power), int(counts.get(power, 0))) for power in powers]
    return BinnedCounts(classes, float(median), float(high))


def gaps(study: TableStudy) -> BinnedCounts | None:
    """Return the time between one event of a customer and the next, in days, over the sample.

    None where no customer in it has two events.
    """
    study.make(
        "gaps",
        f"select date_diff('second', lag({TIME}) over (partition by customer_id order by {TIME}),"
        f" {TIME}) / 86400 as days from {{sample}}",
    )
    middle = " ".join(f"when days < {end} then {place}" for place, end in enumerate(GAPS))
    rows = study.rows(
        f"select case {middle} else {len(GAPS)} end, count(*) from gaps where days is not null"
        " group by 1 order by 1"
    )
    if not rows:
        return None
    median, high = study.row("select quantile_cont(days, 0.5), quantile_cont(days, 0.9) from gaps")
    counts: dict[int, int] = dict(rows)
    names = (*GAP_NAMES, f"over {int(GAPS[-1])} days")
    classes = [(name, int(counts.get(place, 0))) for place, name in enumerate(names)]
    return BinnedCounts(classes, float(median), float(high))


def _hours(study: TableStudy) -> list[int] | None:
    [timed] = study.row(f"select count(*) from {{whole}} where {TIME} <> date_trunc('day', {TIME})")
    return _counts(study, "hour", 0, 24) if timed else None


def _counts(study: TableStudy, date_part: str, start: int, length: int) -> list[int]:
    """Return the number of events at each value of a date part, in order."""
    rows = study.rows(
        f"select date_part('{date_part}', hour)::integer, sum(events)::bigint from hours group by 1"
    )
    counts: dict[int, int] = dict(rows)
    return [int(counts.get(place, 0)) for place in range(start, start + length)]


def _empty_days(study: TableStudy) -> tuple[int, list[tuple[date, date, int]]]:
    """Return the days without an event between the first and the last, and their longest runs."""
    study.make(
        "holes",
        "select day, next, next - day - 1 as empty from"
        " (select day, lead(day) over (order by day) as next from"
        "  (select distinct hour::date as day from hours))",
    )
    [empty] = study.row("select coalesce(sum(empty), 0)::bigint from holes")
    runs = study.rows(
        "select day + 1, next - 1, empty from holes where empty > 0"
        " order by empty desc, day limit 5"
    )
    return int(empty), [(first, last, int(length)) for first, last, length in runs]


def _class(power: int) -> str:
    """Return the name of a class: the whole numbers above 2 ** (power - 1), up to 2 ** power."""
    end = 2**power
    return str(end) if end <= 2 else f"{end // 2 + 1}–{end}"
