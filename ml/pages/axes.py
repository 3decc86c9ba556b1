"""Axes that pages share: counts and months."""

from datetime import date

from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, MaxNLocator

# Months between two ticks of an axis of time.
STEPS = (1, 2, 3, 6, 12, 24, 60, 120, 1_200, 12_000, 120_000)


def short_number(number: float) -> str:
    """Return a number as an axis shows it: 1 500 000 is 1.5M."""
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= size:
            return f"{number / size:.3g}{unit}".replace("-", "−")
    return f"{number:.3g}".replace("-", "−")


def count_axis(axis: Axis) -> None:
    """Label an axis with a few whole numbers."""
    axis.set_major_locator(MaxNLocator(4, integer=True))
    axis.set_major_formatter(FuncFormatter(lambda value, _: short_number(value)))


def month_number(day: date) -> int:
    """Return the months since the year 0."""
    return day.year * 12 + day.month - 1


def month_ticks(first: int, last: int, most: int) -> list[int]:
    """Return months at even steps, at most `most`; the first month where no step falls in range."""
    step = next(step for step in STEPS if (last - first + 1) / step <= most)
    return [place for place in range(first, last + 1) if place % step == 0] or [first]
