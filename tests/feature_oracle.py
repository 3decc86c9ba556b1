"""What a grid family's features must be, in plain Python: from raw events and the spec alone.

Nothing here knows how the warehouse computes them: each value is made from the events that its
window and slice hold, looked at one by one.
"""

import math
import re
import statistics
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from tests.oracle_events import Event, Measure, Slice, Value, Window, first_day, ratio, within

Spec = Mapping[str, Any]


def read_specs(project: Path) -> dict[str, Spec]:
    """The specs of all families made from a grid, by their model."""
    models = [
        model
        for path in sorted((project / "models" / "features").glob("*.yml"))
        for model in yaml.safe_load(path.read_text(encoding="utf-8"))["models"]
    ]
    specs = {model["name"]: model["config"]["meta"] for model in models}
    return {name: spec for name, spec in specs.items() if "grid" in spec}


def features(spec: Spec, events: list[Event], month: int) -> dict[str, Value]:
    """Every feature of one customer, all of whose events are given, at the end of `month`."""
    domain = spec.get("domain", spec["family"])
    known: dict[str, Value] = {}
    for slice_ in slices(spec["grid"]):
        for window, asked in by_window(spec["grid"], is_sliced=bool(slice_.name)):
            whole = within(events, month, window)
            held = [event for event in whole if event in slice_]
            for measure, aggregation in asked:
                name = f"{domain}_{measure.name}_{aggregation}{slice_.name}__{words(window)}"
                if aggregation == "share":
                    known[name] = share(measure, held, whole)
                elif aggregation == "trend":
                    known[name] = trend(measure, held, month, int(window))
                else:
                    known[name] = statistic(aggregation, measure, held, month)
    for declared in spec.get("features", []):
        name = declared["name"]
        known[name] = declared_feature(name.removeprefix(f"{domain}_"), spec["grid"], events, month)
    return known


def by_window(grid: Spec, is_sliced: bool) -> Iterator[tuple[Window, list[tuple[Measure, str]]]]:
    """What is asked of the whole, or of every slice, by window: measures and aggregations."""
    asked: dict[Window, list[tuple[Measure, str]]] = {}
    for name, declared in grid["measures"].items():
        measure = Measure(name, declared.get("expression"), declared.get("edge", "last"))
        windows = declared.get("windows", grid["windows"])
        if is_sliced:
            windows = declared.get("sliced_windows", windows)
        for aggregation in declared.get("sliced" if is_sliced else "aggregations", []):
            for window in windows:
                # One month has no slope, and all of time none that could be compared.
                if aggregation != "trend" or window not in (1, "all"):
                    asked.setdefault(window, []).append((measure, aggregation))
    yield from asked.items()


def slices(grid: Spec) -> Iterator[Slice]:
    yield Slice()
    for dimension, declared in grid.get("slices", {}).items():
        known = declared if isinstance(declared, dict) else {"values": declared}
        expression, values = known.get("expression", dimension), tuple(known["values"])
        for value in values:
            yield Slice(f"__{dimension}_{spelled(value)}", expression, (value,))
        if known.get("other", True):
            yield Slice(f"__{dimension}_other", expression, values, is_other=True)


def spelled(value: object) -> str:
    """A slice's value as a name has it: 12, minus_1, 2_5, true, books_co."""
    text = str(value).lower()
    if not isinstance(value, str):
        text = text.replace("-", "minus_")
    return "_".join(re.findall("[a-z0-9]+", text))


def words(window: Window) -> str:
    return "all" if window == "all" else f"{window}m"


def statistic(aggregation: str, measure: Measure, events: list[Event], month: int) -> Value:
    """Counts of nothing are 0, other aggregates of nothing null."""
    if aggregation == "days_since":
        return days_since(measure.edge, events, month)
    found = [(event, value) for event in events if (value := measure.of(event)) is not None]
    values = [value for _, value in found]
    if aggregation == "count":
        return len(values)
    if aggregation == "nunique":
        # What is different is so within its month; months add up.
        return len({(event.month, value) for event, value in found})
    if not values or (aggregation == "std" and len(values) < 2):
        return None
    if aggregation == "last":
        # Of several at the same instant the largest.
        return max((event.time, value) for event, value in found)[1]
    return {
        "sum": math.fsum,
        "mean": lambda numbers: math.fsum(numbers) / len(numbers),
        "std": statistics.stdev,
        "min": min,
        "max": max,
    }[aggregation](values)


def total(measure: Measure, events: list[Event]) -> Value:
    """The sum of what is measured, or the number of events where nothing is."""
    return statistic("sum" if measure.expression else "count", measure, events, 0)


def share(measure: Measure, part: list[Event], whole: list[Event]) -> Value:
    return ratio(total(measure, part), total(measure, whole))


def trend(measure: Measure, events: list[Event], month: int, window: int) -> Value:
    """The slope of the least-squares line through the months' totals; silent months are 0."""
    if total(measure, events) is None:
        return None
    months = range(month - window + 1, month + 1)
    totals = [total(measure, [e for e in events if e.month == m]) or 0 for m in months]
    middle, mean = Fraction(sum(months), window), sum(map(Fraction, totals)) / window
    above = sum((m - middle) * (Fraction(y) - mean) for m, y in zip(months, totals, strict=True))
    return float(above / sum((m - middle) ** 2 for m in months))


def days_since(edge: str, events: list[Event], month: int) -> Value:
    """Days from the last (or first) event's day to the first day of the next month."""
    if not events:
        return None
    time = (max if edge == "last" else min)(event.time for event in events)
    return (first_day(month + 1) - time.date()) / timedelta(days=1)


def declared_feature(name: str, grid: Spec, events: list[Event], month: int) -> Value:
    """A feature that the spec spells out, by its name without the domain."""
    said = re.fullmatch(r"(\w+?)_(ratio|sum|count|max|last|mean|share)__(\w+?)(_over_(\w+))?", name)
    assert said, f"the oracle does not know {name}"
    subject, aggregation, window, _, whole = said.groups()
    held = reached(events, month, window)
    if f"{subject}_{aggregation}" in RHYTHMS:
        return RHYTHMS[f"{subject}_{aggregation}"](held, month) if held else None
    measure = Measure(subject, grid["measures"][subject].get("expression"))
    if whole:
        return ratio(total(measure, held), total(measure, reached(events, month, whole)))
    return statistic(aggregation, measure, held, month)


def reached(events: list[Event], month: int, window: str) -> list[Event]:
    """The events of 3m, of all, of the previous_month, of the same_month_last_year, of 1m_lag5."""
    ago = {"previous_month": "1m_lag1", "same_month_last_year": "1m_lag12"}.get(window, window)
    if lagged := re.fullmatch(r"1m_lag(\d+)", ago):
        return within(events, month - int(lagged[1]), 1)
    months = re.fullmatch(r"(\d+)m", window)
    return within(events, month, int(months[1]) if months else "all")


def mean_gap(events: list[Event], month: int) -> Value:
    """Mean number of days between the days with an event; null with fewer than two days."""
    days = sorted({event.time.date() for event in events})
    if len(days) < 2:
        return None
    return statistics.fmean((b - a).days for a, b in pairwise(days))


def late_for_mean_gap(events: list[Event], month: int) -> Value:
    return ratio(days_since("last", events, month), mean_gap(events, month))


def month_share(events: list[Event], month: int) -> Value:
    months = {event.month for event in events}
    return len(months) / (month + 1 - min(months))


def active_share(events: list[Event], month: int) -> Value:
    first, last = (days_since(edge, events, month) or 0 for edge in ("first", "last"))
    return (first - last) / first


def amount_per_day(events: list[Event], month: int) -> Value:
    days = {event.time.date() for event in events}
    return math.fsum(event.columns["amount"] for event in events) / len(days)


def returned(events: list[Event], month: int) -> Value:
    taken = [event for event in events if event.columns["is_cancellation"]]
    kept = [event for event in events if not event.columns["is_cancellation"]]
    given_back = total(Measure("amount", "amount"), taken)
    return (
        None if given_back is None else ratio(-given_back, total(Measure("amount", "amount"), kept))
    )


# What a spec makes of several measures at once; each is of the events of its window, at least one.
RHYTHMS: dict[str, Callable[[list[Event], int], Value]] = {
    "gap_mean": mean_gap,
    "gap_ratio": late_for_mean_gap,
    "month_share": month_share,
    "active_share": active_share,
    "amount_per_day_mean": amount_per_day,
    "returned_ratio": returned,
}
