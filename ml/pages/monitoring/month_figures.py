"""Pictures of what goes over months, as lines; each is one inline SVG."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from ml.pages.axes import count_axis, month_number, month_ticks, short_number
from ml.pages.drawing import BASELINE, CHANCE, FAINT, MODEL, draw, percent_axis

SMALL = (3.15, 2.1)
Points = Sequence[tuple[date, float | None]]
SEEN: Mapping[str, Any] = {"color": MODEL, "marker": "o", "markersize": 3}
EXPECTED: Mapping[str, Any] = {"color": BASELINE, "ls": (0, (4, 2)), "lw": 1.2}
BEFORE: Mapping[str, Any] = {"color": CHANCE, "ls": (0, (1, 2)), "lw": 1.2}
# Lines whose ends lie further apart than so many times get a logarithmic axis, where one is asked.
WIDE_APART = 8


@dataclass(frozen=True)
class Picture:
    """A drawing with its title and its caption."""

    title: str
    svg: Markup
    caption: str


@dataclass(frozen=True)
class Line:
    """A line over months; where a month has no value it is broken."""

    label: str
    points: Points
    look: Mapping[str, Any]


def by_month(
    name: str,
    alt: str,
    lines: Sequence[Line],
    month: date,
    label_axis: Callable[[Axes], None],
) -> Markup:
    """Return lines over months, with a shade behind `month`.

    Args:
        name: salts the ids of the SVG.
        alt: the text for readers who cannot see the picture.
        lines: the lines; those without any value are left out.
        month: the month that the page is about.
        label_axis: sets the upright axis.
    """

    def paint(axes: Axes) -> None:
        draw_lines(axes, lines, month)
        label_axis(axes)

    return draw(name, alt, paint, SMALL)


def draw_lines(axes: Axes, lines: Sequence[Line], month: date) -> None:
    """Draw lines over months, with a shade behind `month`."""
    drawn = [line for line in lines if any(value is not None for _, value in line.points)]
    for line in drawn:
        draw_line(axes, line)
    shade(axes, month)
    month_axis(axes, [day for line in drawn for day, _ in line.points])
    if len(drawn) > 1:
        legend(axes)


def draw_line(axes: Axes, line: Line) -> None:
    """Draw a line, broken at months without a value."""
    known = {month_number(day): value for day, value in line.points}
    places = range(min(known), max(known) + 1)
    values = [known.get(place) for place in places]
    heights = [np.nan if value is None else value for value in values]
    axes.plot(places, heights, label=line.label, **line.look)


def shade(axes: Axes, month: date) -> None:
    """Put a shade behind a month."""
    place = month_number(month)
    axes.axvspan(place - 0.5, place + 0.5, color=FAINT, lw=0, zorder=0)


def month_axis(axes: Axes, months: Sequence[date]) -> None:
    """Label the level axis with a few of the months."""
    places = [month_number(month) for month in months]
    ticks = month_ticks(min(places), max(places), 5)
    axes.set_xticks(ticks, [f"{place // 12}-{place % 12 + 1:02d}" for place in ticks])
    axes.set_xlim(min(places) - 0.6, max(places) + 0.6)
    axes.tick_params(axis="x", pad=6)
    axes.grid(axis="x", visible=False)


def legend(axes: Axes) -> None:
    """Name what is drawn, above it."""
    figure: Any = axes.figure
    figure.legend(loc="outside upper left", ncols=3, columnspacing=1.1, handletextpad=0.4)


def counts(axes: Axes) -> None:
    """Set an axis of counts, from 0."""
    count_axis(axes.yaxis)
    _start_at_zero(axes)


def numbers(axes: Axes) -> None:
    """Set an axis of any numbers."""
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short_number(value)))


def from_zero(axes: Axes) -> None:
    """Set an axis of numbers, from 0."""
    numbers(axes)
    _start_at_zero(axes)


def shares(axes: Axes) -> None:
    """Set an axis of shares, from 0, in percent."""
    percent_axis(axes.yaxis, _start_at_zero(axes))


def amounts(axes: Axes) -> None:
    """Set an axis of amounts: from 0, or logarithmic where they lie far apart."""
    drawn = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in axes.lines])
    drawn = drawn[np.isfinite(drawn)]
    if drawn.min() <= 0 or drawn.max() < WIDE_APART * drawn.min():
        from_zero(axes)
        return
    axes.set_yscale("log")
    _few_powers(axes.yaxis)


def _start_at_zero(axes: Axes) -> float:
    """Let the upright axis go from 0 to a little above what is drawn, and return its upper end."""
    highest = float(axes.dataLim.y1)
    top = 1.08 * highest if highest > 0 else 1.0
    axes.set_ylim(0, top)
    return top


def _few_powers(axis: Axis) -> None:
    axis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: short_number(value)))
