"""Axes of the profile's pictures: days, and numbers with long tails."""

from collections.abc import Sequence
from datetime import date

import numpy as np
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from ml.pages.axes import month_number, month_ticks, short_number
from ml.pages.profile.distributions import Distribution, Floats


def day_ticks(first: int, last: int) -> list[date]:
    """Return first days of months, or a few days where there are less than three months."""
    start, end = date.fromordinal(first), date.fromordinal(last)
    if last - first < 90:
        step = max(1, -(-(last - first) // 3))
        return [date.fromordinal(day) for day in range(first, last + 1, step)]
    months = month_ticks(month_number(start) + 1, month_number(end), 6)
    return [date(place // 12, place % 12 + 1, 1) for place in months]


def title(distribution: Distribution) -> str:
    """Return the label of a column's axis."""
    words = distribution.name.replace("_", " ")
    return f"{words} (curved axis)" if distribution.is_curved else words


def axis_positions(distribution: Distribution, numbers: Sequence[float]) -> Floats:
    """Return the positions of numbers on the axis of a column."""
    found = np.asarray(numbers, dtype=np.float64)
    return np.asarray(np.arcsinh(found / distribution.scale) if distribution.is_curved else found)


def number_axis(axis: Axis, distribution: Distribution, start: float, end: float) -> None:
    """Label an axis with round numbers, no two of them closer than a seventh of its length."""
    if not distribution.is_curved:
        axis.set_major_locator(MaxNLocator(5))
        axis.set_major_formatter(FuncFormatter(lambda value, _: short_number(value)))
        return
    tens = [10.0**power for power in range(-6, 16)]
    kept: dict[float, float] = {}
    # 0 first, then the powers of ten from the largest down; those too close to a tick are left out.
    for number in (0.0, *reversed(tens), *(-ten for ten in reversed(tens))):
        place = float(axis_positions(distribution, [number])[0])
        near = any(abs(place - other) < (end - start) / 7 for other in kept)
        if start <= place <= end and not near:
            kept[place] = number
    axis.set_major_locator(FixedLocator(sorted(kept)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: short_number(kept.get(value, 0.0))))
