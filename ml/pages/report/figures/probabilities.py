"""Calibration, measures by threshold, and the distribution of the newest scores."""

from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from ml.pages.drawing import BASELINE, CHANCE, LIMIT, MODEL, PALE, SMALL, draw, percent_axis
from ml.pages.report.curves import CalibrationGroups, Floats, ThresholdCurves

LINES: dict[str, Any] = {
    "precision": (MODEL, "-"),
    "recall": (LIMIT, (0, (5, 1.5))),
    "f1": (BASELINE, (0, (5, 1, 1, 1))),
}


def calibration(name: str, groups: CalibrationGroups) -> Markup:
    """Return predicted against observed shares with their 95 % intervals."""

    def paint(axes: Axes) -> None:
        top = min(1.0, 1.05 * float(max(groups.predicted.max(), groups.high.max())))
        axes.plot([0, 1], [0, 1], color=CHANCE, lw=1, ls=(0, (1, 2)), label="as promised")
        bars = np.vstack([groups.observed - groups.low, groups.high - groups.observed])
        axes.errorbar(
            groups.predicted, groups.observed, yerr=bars, color=MODEL, ecolor=PALE,
            elinewidth=1.2, marker="o", markersize=4, lw=1.2, label="came (95 % interval)",
        )  # fmt: skip
        axes.set_xlim(-0.02 * top, 1.02 * top)
        axes.set_ylim(-0.02 * top, 1.02 * top)
        percent_axis(axes.xaxis, top)
        percent_axis(axes.yaxis, top)
        axes.set_xlabel("probability promised by the model")
        axes.set_ylabel("share of positives that came")
        axes.legend(loc="upper left", reverse=True)

    predicted, observed = groups.predicted[-1], groups.observed[-1]
    alt = f"Calibration of {name}: {predicted:.1%} promised to the top group, {observed:.1%} came"
    return draw(f"calibration-{name}", alt, paint, SMALL)


def thresholds(name: str, curves: ThresholdCurves) -> Markup:
    """Return precision, recall and F1 by the threshold, the model's own marked."""

    def paint(axes: Axes) -> None:
        for measure, (colour, dashes) in LINES.items():
            label = measure.replace("f1", "F1")
            axes.plot(
                curves.threshold, getattr(curves, measure), color=colour, ls=dashes, label=label
            )
            axes.plot(curves.chosen.threshold, getattr(curves.chosen, measure), "o", color=colour)
        _threshold_axis(axes, curves)
        axes.set_ylim(-0.01, 1.03)
        percent_axis(axes.yaxis, 1)
        axes.figure.legend(loc="outside upper left", ncols=3, columnspacing=1.2)

    at = curves.chosen
    alt = (
        f"Thresholds of {name}: from {at.threshold:.1%} on, precision {at.precision:.1%}, "
        f"recall {at.recall:.1%}, F1 {at.f1:.3f}"
    )
    return draw(f"thresholds-{name}", alt, paint, SMALL)


def profit(name: str, curves: ThresholdCurves) -> Markup:
    """Return the profit of all judged rows by the threshold, the model's own marked."""

    def paint(axes: Axes) -> None:
        axes.axhline(0, color=CHANCE, lw=1, ls=(0, (1, 2)))
        axes.plot(curves.threshold, curves.profit, color=MODEL, lw=2)
        axes.plot(curves.chosen.threshold, curves.chosen.profit, "o", color=MODEL, markersize=6)
        _threshold_axis(axes, curves)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
        axes.set_ylabel("profit of the judged rows")

    alt = f"Profit of {name}: {curves.chosen.profit:,.6g} from {curves.chosen.threshold:.1%} on"
    return draw(f"profit-{name}", alt, paint, SMALL)


def _threshold_axis(axes: Axes, curves: ThresholdCurves) -> None:
    """Mark the model's threshold, and limit the axis to the probabilities that occur."""
    top = min(1.0, 1.05 * max(float(curves.threshold.max()), curves.chosen.threshold))
    axes.axvline(curves.chosen.threshold, color=CHANCE, lw=1, ls=(0, (3, 2)))
    axes.set_xlim(-0.01 * top, 1.01 * top)
    percent_axis(axes.xaxis, top)
    axes.set_xlabel("yes from this probability on")


def scores(name: str, values: Floats, threshold: float | None) -> Markup:
    """Return the histogram of the scores, with the threshold where the model has one."""

    def paint(axes: Axes) -> None:
        top = max(float(values.max()), 1e-9)
        counts, _, _ = axes.hist(values, bins=list(np.linspace(0, top, 41)), color=MODEL)
        heights = np.asarray(counts, dtype=float)
        steep = heights.max() > 50 * np.median(heights[heights > 0])
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
