"""Raw events as the oracle looks at them: what a spec reads of one, and which a window holds."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

Value = float | None
Window = int | str


@dataclass(frozen=True)
class Event:
    """One raw event: whose, when, and its columns by name."""

    customer: str
    time: datetime
    columns: Mapping[str, Any] = field(default_factory=dict)

    @property
    def month(self) -> int:
        return month_number(self.time)


def month_number(moment: date) -> int:
    """Months since the year 0, so that the next month is the next number."""
    return moment.year * 12 + moment.month - 1


def first_day(month: int) -> date:
    return date(month // 12, month % 12 + 1, 1)


def ratio(part: Value, whole: Value) -> Value:
    return None if part is None or not whole else part / whole


# What a spec reads of an event beside its columns, by the SQL that says so.
EXPRESSIONS: dict[str, Callable[[Event], Any]] = {
    "cast(event_time as date)": lambda event: event.time.date(),
    "date_trunc('month', event_time)": lambda event: event.month,
    "isodow(event_time)": lambda event: event.time.isoweekday(),
    "isodow(event_time) > 5": lambda event: event.time.isoweekday() > 5,
    "hour(event_time) // 6": lambda event: event.time.hour // 6,
    "sign(amount)": lambda event: (event.columns["amount"] > 0) - (event.columns["amount"] < 0),
    "amount / nullif(quantity, 0)": lambda event: ratio(
        event.columns["amount"], event.columns["quantity"]
    ),
}


def read(expression: str, event: Event) -> Any:
    return EXPRESSIONS.get(expression, lambda event: event.columns[expression])(event)


@dataclass(frozen=True)
class Measure:
    """A measure of the spec: what it reads of an event (nothing: the event itself counts)."""

    name: str
    expression: str | None = None
    edge: str = "last"

    def of(self, event: Event) -> Any:
        return event if self.expression is None else read(self.expression, event)


@dataclass(frozen=True)
class Slice:
    """The events of one dimension's value; all of them where there is no dimension."""

    name: str = ""
    expression: str | None = None
    values: tuple[Any, ...] = ()
    is_other: bool = False

    def __contains__(self, event: Event) -> bool:
        if self.expression is None:
            return True
        return (read(self.expression, event) in self.values) != self.is_other


def within(events: list[Event], month: int, window: Window) -> list[Event]:
    """The events of the `window` months that end with `month`."""
    first = -1 if window == "all" else month - int(window) + 1
    return [event for event in events if first <= event.month <= month]


def with_gaps(events: Iterable[Event]) -> list[Event]:
    """One customer's events, each with the hours since the one before it in the same month.

    An instant is taken by its second, as `date_diff('second', …)` takes it.
    """
    gapped = []
    in_order = sorted(events, key=lambda event: event.time)
    for _, month in groupby(in_order, key=lambda event: event.month):
        last = None
        for event in month:
            second = event.time.replace(microsecond=0)
            gap = None if last is None else (second - last) / timedelta(hours=1)
            gapped.append(replace(event, columns={**event.columns, "hours_since_last": gap}))
            last = second
    return gapped
