"""How well a model ranks: ROC, precision and recall, lift and cumulative gain."""

from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from ml.pages.drawing import BASELINE, CHANCE, LIMIT, MODEL, PALE, PAPER, SMALL, draw, percent_axis
from ml.pages.report.curves import Curve, Floats, Point

# Where the model's threshold lies on a curve.
CHOSEN: dict[str, Any] = {
    "color": MODEL, "marker": "o", "markersize": 7, "markerfacecolor": PAPER,
    "markeredgewidth": 1.8, "lw": 0, "label": "threshold",
}  # fmt: skip


def _curves(axes: Axes, model: Curve, baseline: Curve | None) -> None:
    """Draw the model's curve over the baseline's."""
    if baseline is not None:
        axes.plot(baseline.x, baseline.y, color=BASELINE, ls=(0, (4, 2)), label="baseline")
    axes.plot(model.x, model.y, color=MODEL, lw=2, label="model")


def _unit_square(axes: Axes) -> None:
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.03)
    percent_axis(axes.xaxis, 1)
    percent_axis(axes.yaxis, 1)


def roc(name: str, model: Curve, baseline: Curve | None, chosen: Point) -> Markup:
    """Return the ROC curve of the model beside the baseline's and that of chance."""

    def paint(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=CHANCE, lw=1, ls=(0, (1, 2)), label="chance")
        _curves(axes, model, baseline)
        axes.plot(chosen.x, chosen.y, **CHOSEN)
        _unit_square(axes)
        axes.set_xlabel("share of the negatives selected")
        axes.set_ylabel("share of the positives found")
        axes.legend(loc="lower right", reverse=True)

    tenth = float(np.interp(0.1, model.x, model.y))
    alt = f"ROC curve of {name}: {tenth:.0%} of the positives for 10% of the negatives"
    return draw(f"roc-{name}", alt, paint, SMALL)


def precision_recall(
    name: str, model: Curve, baseline: Curve | None, prevalence: float, chosen: Point
) -> Markup:
    """Return precision against recall for the model, the baseline and a random choice."""

    def paint(axes: Axes) -> None:
        axes.axhline(prevalence, color=CHANCE, lw=1, ls=(0, (1, 2)), label="chance")
        if baseline is not None:
            axes.step(baseline.x, baseline.y, color=BASELINE, ls=(0, (4, 2)), label="baseline")
        axes.step(model.x, model.y, color=MODEL, lw=2, label="model")
        axes.plot(chosen.x, chosen.y, **CHOSEN)
        _unit_square(axes)
        top = min(1.0, max(_headroom(model, baseline, prevalence), 1.1 * chosen.y))
        axes.set_ylim(-0.01 * top, 1.03 * top)
        percent_axis(axes.yaxis, top)
        axes.set_xlabel("share of the positives found (recall)")
        axes.set_ylabel("share that is positive (precision)")
        axes.legend(loc="best", reverse=True)

    half = float(np.interp(0.5, model.x, model.y))
    alt = f"Precision and recall of {name}: {half:.1%} are positive where half of all are found"
    return draw(f"pr-{name}", alt, paint, SMALL)


def _headroom(model: Curve, baseline: Curve | None, prevalence: float) -> float:
    """Return the top of a precision axis: for rare outcomes 1 would leave most of it empty."""
    tops = [prevalence]
    for curve in (model, baseline):
        if curve is not None:
            tops.append(float(curve.y.max()))
    return min(1.0, 1.1 * max(tops))


def lift(name: str, model: Floats, baseline: Floats | None) -> Markup:
    """Return the lift of each tenth of the ranking, best first."""

    def paint(axes: Axes) -> None:
        places = np.arange(1, len(model) + 1)
        axes.bar(places, model, color=PALE, width=0.72, label="model")
        if baseline is not None:
            axes.plot(
                places, baseline, color=BASELINE, marker="D", markersize=5.5, lw=0,
                markeredgecolor=PAPER, markeredgewidth=0.6, label="baseline",
            )  # fmt: skip
        axes.axhline(1, color=CHANCE, lw=1, ls=(0, (1, 2)), label="chance")
        axes.set_xticks(places)
        axes.grid(axis="x", visible=False)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}×"))
        axes.set_xlabel("tenth of the customers, best ranked first")
        axes.set_ylabel("positives against the average")
        axes.legend(loc="upper right")

    alt = f"Lift by decile of {name}: {model[0]:.1f} times the average in the best tenth"
    return draw(f"lift-{name}", alt, paint, SMALL)


def gain(name: str, model: Curve, baseline: Curve | None, prevalence: float) -> Markup:
    """Return the cumulative gain: the share of positives found, by the share of rows selected."""

    def paint(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=CHANCE, lw=1, ls=(0, (1, 2)), label="chance")
        axes.plot(
            [0, prevalence, 1], [0, 1, 1], color=LIMIT, lw=1, ls=(0, (5, 1, 1, 1)), label="perfect"
        )
        _curves(axes, model, baseline)
        _unit_square(axes)
        axes.set_xlabel("share of all selected, best first")
        axes.set_ylabel("share of the positives found")
        axes.legend(loc="lower right", reverse=True)

    fifth = float(np.interp(0.2, model.x, model.y))
    alt = f"Gain of {name}: {fifth:.0%} of the positives in the best fifth"
    return draw(f"gain-{name}", alt, paint, SMALL)
