"""The profile's pictures; every function returns one inline SVG."""

from collections.abc import Sequence
from datetime import date
from textwrap import shorten
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes

from ml.pages.axes import count_axis, month_number, month_ticks
from ml.pages.drawing import (
    BASELINE,
    CHANCE,
    GROUPS,
    MARKERS,
    MODEL,
    PALE,
    SMALL,
    draw,
    percent_axis,
)
from ml.pages.profile.category_values import SHOWN, Dimension
from ml.pages.profile.distributions import Distribution, KindQuantiles
from ml.pages.profile.event_times import BinnedCounts
from ml.pages.profile.profile_axes import axis_positions, day_ticks, number_axis, title
from ml.pages.profile.vectors import VectorCloud

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
WIDE = (3.9, 1.45)
DOTS = 2_000
LABEL = 22
DECLARED: dict[bool, dict[str, Any]] = {
    True: {"color": MODEL, "label": "declared"},
    False: {"color": PALE, "label": "not declared"},
}
PROPOSED: dict[str, Any] = {
    "color": BASELINE, "marker": "D", "markersize": 3.2, "lw": 0, "label": "proposed",
}  # fmt: skip


def by_month(name: str, what: str, months: Sequence[tuple[date, int]]) -> Markup:
    """Return a bar a month; months without a count keep their place."""

    def paint(axes: Axes) -> None:
        places = [month_number(month) for month, _ in months]
        axes.bar(places, [number for _, number in months], color=PALE, width=0.8)
        ticks = month_ticks(min(places), max(places), 5)
        axes.set_xticks(ticks, [f"{place // 12}-{place % 12 + 1:02d}" for place in ticks])
        axes.grid(axis="x", visible=False)
        axes.set_ylim(bottom=0)
        count_axis(axes.yaxis)
        axes.set_ylabel(what)

    return draw(name, f"{what} by month", paint, SMALL)


def by_weekday(name: str, counts: Sequence[int]) -> Markup:
    """Return a bar a weekday, as its share of all."""
    return _shares(name, "events by weekday", WEEKDAYS, counts, list(range(7)))


def by_hour(name: str, counts: Sequence[int]) -> Markup:
    """Return a bar an hour of the day, as its share of all."""
    hours = [f"{hour}:00" for hour in range(24)]
    return _shares(name, "events by hour", hours, counts, [0, 6, 12, 18, 23])


def _shares(
    name: str, alt: str, labels: Sequence[str], counts: Sequence[int], ticks: Sequence[int]
) -> Markup:
    def paint(axes: Axes) -> None:
        shares = np.array(counts) / max(sum(counts), 1)
        axes.bar(range(len(counts)), shares, color=PALE, width=0.8)
        axes.axhline(1 / len(counts), color=CHANCE, lw=1, ls=(0, (1, 2)))
        axes.set_xticks(ticks, [labels[tick] for tick in ticks])
        axes.grid(axis="x", visible=False)
        percent_axis(axes.yaxis, 1.05 * float(shares.max()))
        axes.set_ylim(0, 1.05 * float(shares.max()))
        axes.set_ylabel("share of the events")

    return draw(name, alt, paint, SMALL)


def by_day(name: str, days: Sequence[tuple[date, int]]) -> Markup:
    """Return a line of events a day, at 0 where there are none."""

    def paint(axes: Axes) -> None:
        known = {day.toordinal(): number for day, number in days}
        edges = sorted({place + shift for place in known for shift in (-1, 0, 1)})
        edges = [place for place in edges if min(known) <= place <= max(known)]
        heights = [known.get(place, 0) for place in edges]
        axes.fill_between(edges, heights, color=PALE, lw=0, alpha=0.6)
        axes.plot(edges, heights, color=MODEL, lw=0.9, marker="." if len(known) < 4 else "")
        ticks = day_ticks(min(known), max(known))
        axes.set_xticks([tick.toordinal() for tick in ticks], [f"{tick}" for tick in ticks])
        axes.set_ylim(bottom=0)
        count_axis(axes.yaxis)
        axes.set_ylabel("events a day")

    return draw(name, "events a day", paint, WIDE)


def binned_bars(name: str, what: str, among: str, binned: BinnedCounts) -> Markup:
    """Return a bar a class, as its share of all.

    Args:
        name: salts the ids of the SVG.
        what: the quantity that is divided into classes.
        among: what is counted in each class.
        binned: the classes.
    """

    def paint(axes: Axes) -> None:
        labels = [label for label, _ in binned.classes]
        shares = np.array([number for _, number in binned.classes], dtype=float)
        shares /= max(shares.sum(), 1)
        axes.barh(range(len(labels)), shares, color=PALE, height=0.78)
        axes.set_yticks(range(len(labels)), labels)
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        percent_axis(axes.xaxis, float(shares.max()))
        axes.set_xlabel(f"share of the {among}")
        axes.set_ylabel(what)

    height = 0.85 + 0.19 * max(len(binned.classes), 4)
    return draw(name, f"{what}, by share of {among}", paint, (SMALL[0], height))


def histogram(name: str, distribution: Distribution) -> Markup:
    """Return the histogram of a column of numbers, with its median and outlier limits."""

    def paint(axes: Axes) -> None:
        edges = axis_positions(distribution, distribution.edges)
        axes.bar(edges[:-1], distribution.counts, np.diff(edges), align="edge", color=PALE, lw=0)
        median = axis_positions(distribution, [distribution.median])[0]
        axes.axvline(median, color=MODEL, lw=1.4, label="median")
        for limit in distribution.limits or ():
            place = axis_positions(distribution, [limit])[0]
            if edges[0] <= place <= edges[-1]:
                axes.axvline(place, color=BASELINE, lw=1.2, ls=(0, (4, 2)), label="outlier limit")
        number_axis(axes.xaxis, distribution, edges[0], edges[-1])
        axes.set_xlim(edges[0], edges[-1])
        axes.grid(axis="x", visible=False)
        count_axis(axes.yaxis)
        axes.set_xlabel(title(distribution))
        axes.set_ylabel("rows")
        handles, labels = axes.get_legend_handles_labels()
        once = dict(zip(labels, handles, strict=True))
        axes.figure.legend(once.values(), once.keys(), loc="outside upper left", ncols=2)

    return draw(name, f"distribution of {distribution.name}", paint, SMALL)


def boxes(
    name: str, distribution: Distribution, dimension: str, kinds: Sequence[KindQuantiles]
) -> Markup:
    """Return a box a category: the middle half, the middle 90 % and the median of a measure."""

    def paint(axes: Axes) -> None:
        places = range(len(kinds))
        drawn = np.array([axis_positions(distribution, kind.quantiles) for kind in kinds])
        axes.hlines(places, drawn[:, 0], drawn[:, 4], color=PALE, lw=1.6)
        axes.hlines(places, drawn[:, 1], drawn[:, 3], color=PALE, lw=7)
        axes.plot(drawn[:, 2], places, color=MODEL, marker="o", markersize=4.5, lw=0)
        axes.set_yticks(places, [shorten(kind.name, LABEL, placeholder="…") for kind in kinds])
        axes.set_ylim(len(kinds) - 0.5, -0.5)
        number_axis(axes.xaxis, distribution, float(drawn.min()), float(drawn.max()))
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(title(distribution))
        axes.set_ylabel(dimension.replace("_", " "))

    height = 0.8 + 0.21 * max(len(kinds), 3)
    return draw(name, f"{distribution.name} by {dimension}", paint, (SMALL[0], height))


def shares(name: str, dimension: Dimension) -> Markup:
    """Return the most frequent values: which are declared today, which are proposed."""

    def paint(axes: Axes) -> None:
        places = np.arange(len(dimension.shown))
        for declared, look in DECLARED.items():
            here = [place for place in places if dimension.shown[place].is_declared == declared]
            if here:
                axes.barh(
                    here, [dimension.shown[place].share for place in here], height=0.74, **look
                )
        top = max(value.share for value in dimension.shown)
        marked = [place for place in places if dimension.shown[place].text in dimension.proposed]
        if marked:
            ends = [dimension.shown[place].share + 0.03 * top for place in marked]
            axes.plot(ends, marked, **PROPOSED)
        axes.set_yticks(
            places, [shorten(each.text, LABEL, placeholder="…") for each in dimension.shown]
        )
        axes.set_ylim(max(len(places), 3) - 0.4, -0.6)
        axes.set_xlim(0, 1.08 * top)
        axes.grid(axis="y", visible=False)
        percent_axis(axes.xaxis, top)
        axes.set_xlabel("share of all rows")
        axes.figure.legend(loc="outside upper left", ncols=3, columnspacing=1, handletextpad=0.4)

    height = 0.95 + 0.17 * max(len(dimension.shown[:SHOWN]), 4)
    return draw(name, f"shares of the values of {dimension.name}", paint, (SMALL[0], height))


def ranking(name: str, what: str, rows: Sequence[tuple[str, int, float]]) -> Markup:
    """Return a bar for each row of a ranking, (label, count, share)."""

    def paint(axes: Axes) -> None:
        axes.barh(range(len(rows)), [share for *_, share in rows], color=PALE, height=0.74)
        axes.set_yticks(range(len(rows)), [label for label, *_ in rows])
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        percent_axis(axes.xaxis, max(share for *_, share in rows))
        axes.set_xlabel(f"share of the {what}")

    return draw(name, f"share of the {what}", paint, (SMALL[0], 0.7 + 0.19 * max(len(rows), 4)))


def cloud(name: str, vectors: VectorCloud) -> Markup:
    """Return vectors on their first two principal components, one colour and marker a cluster."""

    def paint(axes: Axes) -> None:
        step = -(-len(vectors.places) // DOTS)
        places, clusters = vectors.places[::step], vectors.cluster[::step]
        for cluster in range(int(vectors.cluster.max()) + 1):
            inside = clusters == cluster
            share = float((vectors.cluster == cluster).mean())
            axes.scatter(
                places[inside, 0], places[inside, 1], s=9, color=GROUPS[cluster],
                marker=MARKERS[cluster], alpha=0.65, linewidths=0,
                label=f"{cluster + 1} ({100 * share:.0f}%)",
            )  # fmt: skip
        axes.set_xlabel(f"first component ({100 * vectors.explained[0]:.1f}% of the variance)")
        axes.set_ylabel(f"second component ({100 * vectors.explained[1]:.1f}%)")
        axes.figure.legend(loc="outside upper left", ncols=4, columnspacing=1, handletextpad=0.1)

    return draw(name, "vectors on two principal components", paint, (3.9, 3.1))
