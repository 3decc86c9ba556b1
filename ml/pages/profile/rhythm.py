"""When events happen and whose they are: by month, weekday and hour; gaps; events a customer."""

from dataclasses import dataclass
from datetime import date, datetime

from ml.pages.profile.staged_tables import TIME
from ml.pages.profile.table_study import Study

HOUR, DAY = 1 / 24, 1.0
# Upper ends of the classes of gaps, in days; the last class is open.
GAPS = (HOUR, DAY, 2, 4, 8, 16, 32, 64, 128)
GAP_NAMES = ("under 1 h", "under 1 day", *(f"{int(end / 2)}–{end} days" for end in GAPS[2:]))


@dataclass(frozen=True)
class Rhythm:
    """The events of a table in time. Pairs are (class, events) unless said otherwise.

    Attributes:
        first: the first event.
        last: the last event.
        months: by month, and the customers with an event in it: (month, events, customers).
        weekdays: seven counts, Monday first.
        hours: twenty-four counts; None where no event has a time of day.
        days: by day, for days with an event.
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
class Spells:
    """A distribution in classes: (name, count), with its median and 90 % quantile."""

    classes: list[tuple[str, int]]
    median: float
    high: float


def rhythm(found: Study) -> Rhythm:
    """Return when the events of a table happen; the table has at least one."""
    first, last = found.row(f"select min({TIME}), max({TIME}) from {{whole}}")
    months = found.rows(
        "select month, events, customers from"
        " (select date_trunc('month', hour)::date as month, sum(events)::bigint as events"
        "  from hours group by 1)"
        " join (select month, count(*) as customers from customer_months group by 1) using (month)"
        " order by 1"
    )
    days = found.rows(
        "select hour::date as day, sum(events)::bigint from hours group by 1 order by 1"
    )
    empty, holes = _holes(found)
    return Rhythm(
        first=first,
        last=last,
        months=[(month, events, customers) for month, events, customers in months],
        weekdays=_counts(found, "isodow", 1, 7),
        hours=_hours(found),
        days=[(day, events) for day, events in days],
        empty_days=empty,
        holes=holes,
    )


def events_a_customer(found: Study) -> Spells:
    """Return how many customers have how many events, in classes that double."""
    found.make("totals", "select sum(events) as number from customer_months group by customer")
    return doubling(found, "totals")


def doubling(found: Study, relation: str) -> Spells:
    """Return the positive whole `number`s of a relation in the classes 1, 2, 3–4, 5–8 and so on."""
    rows = found.rows(
        f"select ceil(log2(number))::integer, count(*) from {relation} where number > 0"
        " group by 1 order by 1"
    )
    median, high = found.row(
        f"select quantile_disc(number, 0.5), quantile_disc(number, 0.9) from {relation}"
    )
    counts: dict[int, int] = dict(rows)
    powers = range(min(counts), max(counts) + 1)
    classes = [(_class(power), int(counts.get(power, 0))) for power in powers]
    return Spells(classes, float(median), float(high))


def gaps(found: Study) -> Spells | None:
    """Return the time between one event of a customer and the next, in days, over the sample.

    None where no customer in it has two events.
    """
    found.make(
        "gaps",
        f"select date_diff('second', lag({TIME}) over (partition by customer_id order by {TIME}),"
        f" {TIME}) / 86400 as days from {{sample}}",
    )
    middle = " ".join(f"when days < {end} then {place}" for place, end in enumerate(GAPS))
    rows = found.rows(
        f"select case {middle} else {len(GAPS)} end, count(*) from gaps where days is not null"
        " group by 1 order by 1"
    )
    if not rows:
        return None
    median, high = found.row("select quantile_cont(days, 0.5), quantile_cont(days, 0.9) from gaps")
    counts: dict[int, int] = dict(rows)
    names = (*GAP_NAMES, f"over {int(GAPS[-1])} days")
    classes = [(name, int(counts.get(place, 0))) for place, name in enumerate(names)]
    return Spells(classes, float(median), float(high))


def _hours(found: Study) -> list[int] | None:
    [timed] = found.row(f"select count(*) from {{whole}} where {TIME} <> date_trunc('day', {TIME})")
    return _counts(found, "hour", 0, 24) if timed else None


def _counts(found: Study, part: str, start: int, length: int) -> list[int]:
    """Return the events of each value of a part of the time, in order."""
    rows = found.rows(
        f"select date_part('{part}', hour)::integer, sum(events)::bigint from hours group by 1"
    )
    counts: dict[int, int] = dict(rows)
    return [int(counts.get(place, 0)) for place in range(start, start + length)]


def _holes(found: Study) -> tuple[int, list[tuple[date, date, int]]]:
    """Return the days without an event between the first and the last, and their longest runs."""
    found.make(
        "holes",
        "select day, next, next - day - 1 as empty from"
        " (select day, lead(day) over (order by day) as next from"
        "  (select distinct hour::date as day from hours))",
    )
    [empty] = found.row("select coalesce(sum(empty), 0)::bigint from holes")
    runs = found.rows(
        "select day + 1, next - 1, empty from holes where empty > 0"
        " order by empty desc, day limit 5"
    )
    return int(empty), [(first, last, int(length)) for first, last, length in runs]


def _class(power: int) -> str:
    """Return the whole numbers above half of a power of two, up to it."""
    end = 2**power
    return str(end) if end <= 2 else f"{end // 2 + 1}–{end}"
