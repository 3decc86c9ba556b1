"""What a grid family's features must be, in plain Python: from raw events and the spec alone.

Nothing here knows how the warehouse computes them: each value is made from the events that its
window and slice hold, looked at one by one.
"""

import math
import re
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

Value = float | None
# The statistic that a ratio of two windows compares, by its measure.
COMPARED = {"amount": "sum", "event": "count"}


@dataclass(frozen=True)
class Event:
    """One raw event: whose, when, and its columns by name."""

    customer: str
    time: datetime
    columns: Mapping[str, Any] = field(default_factory=dict)

    @property
    def month(self) -> int:
        return month_number(self.time)


@dataclass(frozen=True)
class Measure:
    """A measure of the spec: what it reads of an event (nothing: the event itself counts)."""

    name: str
    expression: str | None
    edge: str

    def of(self, event: Event) -> Any:
        if self.expression is None:
            return event
        if self.expression == "cast(event_time as date)":
            return event.time.date()
        return event.columns[self.expression]


@dataclass(frozen=True)
class Slice:
    """The events of one dimension's value; all of them where there is no dimension."""

    name: str = ""
    dimension: str | None = None
    values: tuple[Any, ...] = ()
    is_other: bool = False

    def __contains__(self, event: Event) -> bool:
        if self.dimension is None:
            return True
        return (event.columns[self.dimension] in self.values) != self.is_other


def month_number(moment: date) -> int:
    """Months since the year 0, so that the next month is the next number."""
    return moment.year * 12 + moment.month - 1


def first_day(month: int) -> date:
    return date(month // 12, month % 12 + 1, 1)


def read_spec(model: str, project: Path) -> dict[str, Any]:
    text = (project / "models" / "features" / f"{model}.yml").read_text(encoding="utf-8")
    return yaml.safe_load(text)["models"][0]["config"]["meta"]


def features(spec: Mapping[str, Any], events: list[Event], month: int) -> dict[str, Value]:
    """Every feature of one customer, all of whose events are given, at the end of `month`."""
    known: dict[str, Value] = {}
    for measure, slice_, aggregation, window in cells(spec["grid"]):
        name = f"{spec['family']}_{measure.name}_{aggregation}{slice_.name}__{words(window)}"
        held = [event for event in within(events, month, window) if event in slice_]
        if aggregation == "share":
            whole = statistic("sum", measure, within(events, month, window), month)
            known[name] = ratio(statistic("sum", measure, held, month), whole)
        else:
            known[name] = statistic(aggregation, measure, held, month)
    for declared in spec.get("features", []):
        name = declared["name"]
        known[name] = declared_feature(name.removeprefix(f"{spec['family']}_"), events, month)
    return known


def cells(grid: Mapping[str, Any]) -> Iterator[tuple[Measure, Slice, str, int | str]]:
    for name, declared in grid["measures"].items():
        measure = Measure(name, declared.get("expression"), declared.get("edge", "last"))
        for slice_ in slices(grid):
            for aggregation in declared.get("sliced" if slice_.name else "aggregations", []):
                for window in declared.get("windows", grid["windows"]):
                    yield measure, slice_, aggregation, window


def slices(grid: Mapping[str, Any]) -> Iterator[Slice]:
    yield Slice()
    for dimension, values in grid.get("slices", {}).items():
        for value in values:
            yield Slice(f"__{dimension}_{str(value).lower()}", dimension, (value,))
        yield Slice(f"__{dimension}_other", dimension, tuple(values), is_other=True)


def words(window: int | str) -> str:
    return "all" if window == "all" else f"{window}m"


def within(events: list[Event], month: int, window: int | str) -> list[Event]:
    """The events of the `window` months that end with `month`."""
    first = -1 if window == "all" else month - int(window) + 1
    return [event for event in events if first <= event.month <= month]


def statistic(aggregation: str, measure: Measure, events: list[Event], month: int) -> Value:
    """Counts of nothing are 0, other aggregates of nothing null."""
    if aggregation == "days_since":
        return days_since(measure.edge, events, month)
    found = [(event, measure.of(event)) for event in events]
    values = [value for _, value in found if value is not None]
    if aggregation == "count":
        return len(values)
    if aggregation == "nunique":
        # What is different is so within its month; months add up.
        return len({(event.month, value) for event, value in found if value is not None})
    if not values or (aggregation == "std" and len(values) < 2):
        return None
    return {
        "sum": math.fsum,
        "mean": lambda numbers: math.fsum(numbers) / len(numbers),
        "std": statistics.stdev,
        "min": min,
        "max": max,
    }[aggregation](values)


def days_since(edge: str, events: list[Event], month: int) -> Value:
    """Days from the last (or first) event's day to the first day of the next month."""
    if not events:
        return None
    time = (max if edge == "last" else min)(event.time for event in events)
    return (first_day(month + 1) - time.date()) / timedelta(days=1)


def ratio(part: Value, whole: Value) -> Value:
    return None if part is None or not whole else part / whole


def declared_feature(name: str, events: list[Event], month: int) -> Value:
    """A feature that the spec spells out, by its name without the family."""
    past = within(events, month, "all")
    if windows := re.fullmatch(r"(\w+?)_ratio__(\d+)m_over_(\d+)m", name):
        measure = Measure(windows[1], "amount" if windows[1] == "amount" else None, "last")
        short, long = (
            statistic(COMPARED[measure.name], measure, within(events, month, int(n)), month)
            for n in windows.groups()[1:]
        )
        return ratio(short, long)
    if name == "gap_mean__all":
        return mean_gap(past)
    assert name == "gap_ratio__last_over_mean", f"the oracle does not know {name}"
    since = days_since("last", past, month)
    return ratio(since, mean_gap(past))


def mean_gap(events: list[Event]) -> Value:
    """Mean number of days between the days with an event; null with fewer than two days."""
    days = sorted({event.time.date() for event in events})
    if len(days) < 2:
        return None
    return statistics.fmean((b - a).days for a, b in pairwise(days))
