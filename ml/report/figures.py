"""The report's pictures; every function returns one inline SVG."""

from collections.abc import Sequence
from textwrap import shorten
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from ml.pages.drawing import (
    BASELINE,
    CHANCE,
    GROUPS,
    LIMIT,
    MARKERS,
    MODEL,
    PALE,
    SMALL,
    draw,
    percent_axis,
)
from ml.pages.words import plain
from ml.report.curves import Calibration, Curve, Floats
from ml.report.facts import Target
from ml.report.marts import Dots

# The limit is drawn first, so that the model's dot lies on top.
LIMIT_MARK = {
    "color": LIMIT,
    "marker": "|",
    "markersize": 11,
    "markeredgewidth": 2,
    "label": "simulator's limit",
}
BASELINE_MARK = {"color": BASELINE, "marker": "D", "markersize": 4.5, "label": "baseline"}
MODEL_MARK = {"color": MODEL, "marker": "o", "markersize": 6, "label": "model (95 % interval)"}


def _unit_square(axes: Axes) -> None:
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.03)
    percent_axis(axes.xaxis, 1)
    percent_axis(axes.yaxis, 1)


def overview(targets: Sequence[Target]) -> Markup:
    """Return each target's ROC-AUC with its 95 % interval beside the baseline's and the limit."""
    known = [target for target in targets if target.model.auc is not None]

    def paint(axes: Axes) -> None:
        places = np.arange(len(known))
        for values, mark in (
            ([t.limit.auc for t in known], LIMIT_MARK),
            ([t.baseline.auc for t in known], BASELINE_MARK),
            ([t.model.auc for t in known], MODEL_MARK),
        ):
            _marks(axes, values, mark)
        reach = [1.96 * (t.model.error or 0) for t in known]
        middle = [t.model.auc or 0 for t in known]
        axes.hlines(
            places, np.subtract(middle, reach), np.minimum(1, np.add(middle, reach)),
            color=MODEL, lw=2,
        )  # fmt: skip
        axes.axvline(0.5, color=CHANCE, lw=1, ls=(0, (1, 2)))
        axes.set_yticks(places, [plain(t.name) for t in known])
        axes.set_ylim(len(known) - 0.5, -0.6)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("ROC-AUC (0.5 is chance, 1 is perfect)")
        axes.figure.legend(loc="outside upper left", ncols=3, columnspacing=1.2, handletextpad=0.4)

    return draw("overview", "ROC-AUC of every target", paint, (4.2, 0.95 + 0.27 * len(known)))


def _marks(axes: Axes, values: Sequence[float | None], mark: dict[str, Any]) -> None:
    """Draw one kind of mark, with its legend entry only where there is a value."""
    here = [(value, place) for place, value in enumerate(values) if value is not None]
    if here:
        axes.plot(*zip(*here, strict=True), lw=0, **mark)


def roc(name: str, model: Curve, baseline: Curve | None) -> Markup:
    """Return the ROC curve of the model beside the baseline's and that of chance."""

    def paint(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=CHANCE, lw=1, ls=(0, (1, 2)), label="chance")
        if baseline is not None:
            axes.plot(baseline.x, baseline.y, color=BASELINE, ls=(0, (4, 2)), label="baseline")
        axes.plot(model.x, model.y, color=MODEL, lw=2, label="model")
        _unit_square(axes)
        axes.set_xlabel("share of the negatives selected")
        axes.set_ylabel("share of the positives found")
        axes.legend(loc="lower right", reverse=True)

    return draw(f"roc-{name}", f"ROC curve of {name}", paint, SMALL)


def precision_recall(name: str, model: Curve, baseline: Curve | None, prevalence: float) -> Markup:
    """Return precision against recall for the model, the baseline and a random choice."""

    def paint(axes: Axes) -> None:
        axes.axhline(prevalence, color=CHANCE, lw=1, ls=(0, (1, 2)), label="chance")
        if baseline is not None:
            axes.step(baseline.x, baseline.y, color=BASELINE, ls=(0, (4, 2)), label="baseline")
        axes.step(model.x, model.y, color=MODEL, lw=2, label="model")
        _unit_square(axes)
        top = _headroom(model, baseline, prevalence)
        axes.set_ylim(-0.01 * top, 1.03 * top)
        percent_axis(axes.yaxis, top)
        axes.set_xlabel("share of the positives found (recall)")
        axes.set_ylabel("share that is positive (precision)")
        axes.legend(loc="best", reverse=True)

    return draw(f"pr-{name}", f"Precision and recall of {name}", paint, SMALL)


def _headroom(model: Curve, baseline: Curve | None, prevalence: float) -> float:
    """Return the top of a precision axis: rare outcomes would crouch at the foot of a whole one."""
    tops = [prevalence]
    for curve in (model, baseline):
        if curve is not None:
            tops.append(float(curve.y.max()))
    return min(1.0, 1.1 * max(tops))


def calibration(name: str, groups: Calibration) -> Markup:
    """Return promised against observed shares with their 95 % intervals."""

    def paint(axes: Axes) -> None:
        top = min(1.0, 1.05 * float(max(groups.promised.max(), groups.high.max())))
        axes.plot([0, 1], [0, 1], color=CHANCE, lw=1, ls=(0, (1, 2)), label="as promised")
        bars = np.vstack([groups.came - groups.low, groups.high - groups.came])
        axes.errorbar(
            groups.promised, groups.came, yerr=bars, color=MODEL, ecolor=PALE,
            elinewidth=1.2, marker="o", markersize=4, lw=1.2, label="came (95 % interval)",
        )  # fmt: skip
        axes.set_xlim(-0.02 * top, 1.02 * top)
        axes.set_ylim(-0.02 * top, 1.02 * top)
        percent_axis(axes.xaxis, top)
        percent_axis(axes.yaxis, top)
        axes.set_xlabel("probability promised by the model")
        axes.set_ylabel("share of positives that came")
        axes.legend(loc="upper left", reverse=True)

    return draw(f"calibration-{name}", f"Calibration of {name}", paint, SMALL)


def lift(name: str, model: Floats, baseline: Floats | None) -> Markup:
    """Return the lift of each tenth of the ranking, best first."""

    def paint(axes: Axes) -> None:
        places = np.arange(1, len(model) + 1)
        axes.bar(places, model, color=PALE, width=0.72, label="model")
        if baseline is not None:
            axes.plot(
                places, baseline, color=BASELINE, marker="D", markersize=5.5, lw=0,
                markeredgecolor="white", markeredgewidth=0.6, label="baseline",
            )  # fmt: skip
        axes.axhline(1, color=CHANCE, lw=1, ls=(0, (1, 2)), label="chance")
        axes.set_xticks(places)
        axes.grid(axis="x", visible=False)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}×"))
        axes.set_xlabel("tenth of the customers, best ranked first")
        axes.set_ylabel("positives against the average")
        axes.legend(loc="upper right")

    return draw(f"lift-{name}", f"Lift by decile of {name}", paint, SMALL)


def scores(name: str, values: Floats, threshold: float | None) -> Markup:
    """Return how many customers have which score."""

    def paint(axes: Axes) -> None:
        top = max(float(values.max()), 1e-9)
        counts, _, _ = axes.hist(values, bins=list(np.linspace(0, top, 41)), color=MODEL)
        tall = np.asarray(counts, dtype=float)
        steep = tall.max() > 50 * np.median(tall[tall > 0])
        if steep:
            axes.set_yscale("log")
            axes.yaxis.minorticks_off()
        if threshold is not None and threshold <= top:
            axes.axvline(threshold, color=BASELINE, lw=1.2, ls=(0, (4, 2)), label="threshold")
            axes.legend(loc="upper right")
        axes.set_xlim(-0.01 * top, 1.01 * top)
        axes.grid(axis="x", visible=False)
        percent_axis(axes.xaxis, top)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.set_xlabel("predicted probability")
        axes.set_ylabel("customers (log scale)" if steep else "customers")

    return draw(f"scores-{name}", f"Distribution of the newest scores of {name}", paint, SMALL)


def segments(basis: str, dots: Dots, order: Sequence[str]) -> Markup:
    """Return customers by risk and profit, one colour and marker a segment.

    Args:
        basis: what the profit axis measures.
        dots: the customers.
        order: segments in the order of the legend.
    """

    def paint(axes: Axes) -> None:
        names = np.asarray(dots.segment, dtype=object)
        for place, group in enumerate(order):
            inside = names == group
            look = place % len(GROUPS)
            label = shorten(plain(group), 26, placeholder="…")
            axes.scatter(
                dots.risk[inside], dots.profit[inside], s=12, color=GROUPS[look],
                marker=MARKERS[look], alpha=0.7, linewidths=0, label=label,
            )  # fmt: skip
        low, high = np.quantile(dots.profit, [0.0, 0.99])
        margin = max(0.04 * (high - low), 1e-9)
        axes.set_ylim(low - margin, high + margin)
        axes.set_xlim(left=min(0.0, float(dots.risk.min())))
        percent_axis(axes.xaxis, max(float(dots.risk.max()), 1e-9))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
        axes.set_xlabel("risk: probability of decline")
        axes.set_ylabel(f"{basis} a customer and month")
        axes.figure.legend(loc="outside upper left", ncols=2, columnspacing=1.2, handletextpad=0.2)

    alt = f"Customers by risk and {basis}, coloured by segment"
    return draw(f"segments-{basis}", alt, paint, (3.9, 3.1))
