"""ROC-AUC with its intervals: by target, by compared model, by label month."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes

from ml.pages.drawing import BASELINE, CHANCE, LIMIT, MODEL, PALE, PAPER, draw
from ml.pages.formatting import plain
from ml.pages.report.compared_models import ComparedModel
from ml.pages.report.label_months import LabelMonth
from ml.pages.report.target_report import TargetReport

# The limit is drawn first, so that the model's dot lies on top.
LIMIT_MARK = {
    "color": LIMIT,
    "marker": "|",
    "markersize": 11,
    "markeredgewidth": 2,
    "label": "simulator's limit",
}
BASELINE_MARK: dict[str, Any] = {
    "color": BASELINE,
    "marker": "D",
    "markersize": 4.5,
    "label": "baseline",
}
MODEL_MARK = {"color": MODEL, "marker": "o", "markersize": 6, "label": "model (95 % interval)"}

MONTH_MARKS: dict[str, dict[str, Any]] = {
    "cv": {"color": PALE, "marker": "o", "markersize": 5, "label": "out of fold"},
    "test": {"color": MODEL, "marker": "o", "markersize": 6, "label": "out of time"},
}


def overview(targets: Sequence[TargetReport]) -> Markup:
    """Return each target's ROC-AUC with its 95 % interval beside the baseline's and the limit."""
    known = [target for target in targets if target.model.interval is not None]

    def paint(axes: Axes) -> None:
        places = np.arange(len(known))
        for values, mark in (
            ([t.limit.auc for t in known], LIMIT_MARK),
            ([t.baseline.auc for t in known], BASELINE_MARK),
            ([t.model.auc for t in known], MODEL_MARK),
        ):
            _marks(axes, values, mark)
        ends = [t.model.interval for t in known if t.model.interval]
        axes.hlines(places, *zip(*ends, strict=True), color=MODEL, lw=2)
        axes.axvline(0.5, color=CHANCE, lw=1, ls=(0, (1, 2)))
        axes.set_yticks(places, [plain(t.name) for t in known])
        axes.set_ylim(len(known) - 0.5, -0.6)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("ROC-AUC (0.5 is chance, 1 is perfect)")
        axes.figure.legend(loc="outside upper left", ncols=3, columnspacing=1.2, handletextpad=0.4)

    values = ", ".join(f"{plain(t.name)} {t.model.auc:.3f}" for t in known)
    return draw(
        "overview", f"ROC-AUC of every target: {values}", paint, (3.6, 0.95 + 0.27 * len(known))
    )


def _marks(axes: Axes, values: Sequence[float | None], mark: dict[str, Any]) -> None:
    """Draw one kind of mark; it has a legend entry only where there is a value."""
    here = [(value, place) for place, value in enumerate(values) if value is not None]
    if here:
        axes.plot(*zip(*here, strict=True), lw=0, **mark)


def compared_models(name: str, found: Sequence[ComparedModel]) -> Markup:
    """Return the ROC-AUC of every compared model, best first, with 95 % intervals."""

    def paint(axes: Axes) -> None:
        for place, each in enumerate(found):
            colour = MODEL if each.is_model else BASELINE
            axes.hlines(place, *each.interval, color=colour, lw=2 if each.chosen else 1.2)
            axes.plot(
                each.auc, place, color=colour, marker="o" if each.is_model else "D",
                markersize=6 if each.is_model else 4.5,
                markerfacecolor=colour if each.chosen or not each.is_model else PAPER,
            )  # fmt: skip
        axes.axvline(0.5, color=CHANCE, lw=1, ls=(0, (1, 2)))
        axes.set_yticks(range(len(found)), [each.label for each in found])
        axes.set_ylim(len(found) - 0.5, -0.5)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("ROC-AUC out of fold, 95 % interval")

    values = ", ".join(f"{each.label} {each.auc:.3f}" for each in found)
    alt = f"What was tried for {name}: {values}"
    return draw(f"rivals-{name}", alt, paint, (3.6, 0.6 + 0.26 * len(found)))


def months(name: str, found: Sequence[LabelMonth]) -> Markup:
    """Return the ROC-AUC of each label month with its 95 % interval, beside the baseline's."""

    def paint(axes: Axes) -> None:
        for split, look in MONTH_MARKS.items():
            some = [(place, each) for place, each in enumerate(found) if each.split == split]
            if some:
                places, inside = zip(*some, strict=True)
                _with_bars(axes, places, inside, look)
        known = [(place, each.baseline) for place, each in enumerate(found) if each.baseline]
        if known:
            axes.plot(*zip(*known, strict=True), lw=0, **BASELINE_MARK)
        axes.axhline(0.5, color=CHANCE, lw=1, ls=(0, (1, 2)))
        step = -(-len(found) // 6)
        ticks = range(len(found) - 1, -1, -step)
        axes.set_xticks(ticks, [f"{found[place].month:%Y-%m}" for place in ticks])
        axes.grid(axis="x", visible=False)
        axes.set_ylabel("ROC-AUC")
        axes.figure.legend(loc="outside upper left", ncols=3, columnspacing=1.2, handletextpad=0.4)

    values = ", ".join(f"{each.month:%Y-%m} {each.auc:.3f}" for each in found)
    return draw(f"months-{name}", f"ROC-AUC of {name} by month: {values}", paint, (3.6, 2.2))


def _with_bars(
    axes: Axes, places: Sequence[int], found: Sequence[LabelMonth], look: dict[str, Any]
) -> None:
    ends = zip(*(each.interval for each in found), strict=True)
    axes.vlines(places, *ends, color=look["color"], lw=2)
    axes.plot(places, [each.auc for each in found], lw=0, **look)
