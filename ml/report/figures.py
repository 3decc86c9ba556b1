"""Drawing: every function returns one inline SVG, the same bytes for the same numbers."""

import re
from collections.abc import Callable, Sequence
from io import StringIO
from textwrap import shorten
from typing import Any

import matplotlib as mpl
import numpy as np
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from ml.report.curves import Calibration, Curve, Floats
from ml.report.facts import Target
from ml.report.marts import Dots
from ml.report.words import plain

# Okabe and Ito's colours keep apart for colour-blind readers; each also has its own dash or marker.
MODEL, BASELINE, LIMIT, CHANCE = "#0072b2", "#b84a00", "#007a5a", "#8a8f98"
PALE, INK, FAINT = "#6fb1d8", "#3a3f47", "#e6e8eb"
GROUPS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6b6f76")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
SMALL = (3.15, 2.6)

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

STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": 8.0,
    "text.color": INK,
    "axes.edgecolor": "#b9bdc4",
    "axes.labelcolor": INK,
    "axes.labelsize": 8.0,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.7,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "legend.handlelength": 1.8,
    "lines.linewidth": 1.5,
    "lines.solid_capstyle": "round",
    "path.simplify_threshold": 0.3,
    "text.parse_math": False,
}


def draw(name: str, alt: str, paint: Callable[[Axes], None], size: tuple[float, float]) -> Markup:
    """Return what `paint` draws as an SVG that scales with its column.

    Args:
        name: salts the SVG's ids, so that two pictures of one page never share one.
        alt: what a reader who cannot see the picture is told.
        paint: draws on the axes it is given.
        size: width and height in inches, which set the proportions and the size of the text.
    """
    buffer = StringIO()
    style: Any = STYLE | {"svg.hashsalt": name}
    with mpl.rc_context(style):
        figure = Figure(figsize=size, layout="constrained")
        paint(figure.subplots())
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", metadata=nothing, transparent=True)
    return _inline(buffer.getvalue(), alt)


def _inline(svg: str, alt: str) -> Markup:
    """Make a file an element: no prologue, no fixed size, no fonts, no group ids, two decimals."""
    found = re.search(r'viewBox="([^"]+)"', svg)
    box = found.group(1) if found else "0 0 0 0"
    body = svg[svg.index(">", svg.index("<svg")) + 1 :]
    body = re.sub(r"<g id=\"[^\"]*\"", "<g", body)
    body = re.sub(r"(\d+\.\d\d)\d+", r"\1", body)
    body = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", body)
    body = re.sub(r"\s*<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    return Markup(f'<svg viewBox="{box}" role="img" aria-label="{escape(alt)}">{body.strip()}')


def _percent_axis(axis: mpl.axis.Axis, top: float) -> None:
    step = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10])
    ticks = step.tick_values(0, 100 * top)
    digits = max(0, min(4, int(np.ceil(-np.log10(ticks[1] - ticks[0]) - 1e-9))))
    digits += int(np.any(np.abs(np.round(ticks, digits) - ticks) > 1e-9))
    axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.{digits}f}%"))


def _unit_square(axes: Axes) -> None:
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.03)
    _percent_axis(axes.xaxis, 1)
    _percent_axis(axes.yaxis, 1)


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
        _percent_axis(axes.yaxis, top)
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
        _percent_axis(axes.xaxis, top)
        _percent_axis(axes.yaxis, top)
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
        _percent_axis(axes.xaxis, top)
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
        _percent_axis(axes.xaxis, max(float(dots.risk.max()), 1e-9))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
        axes.set_xlabel("risk: probability of decline")
        axes.set_ylabel(f"{basis} a customer and month")
        axes.figure.legend(loc="outside upper left", ncols=2, columnspacing=1.2, handletextpad=0.2)

    alt = f"Customers by risk and {basis}, coloured by segment"
    return draw(f"segments-{basis}", alt, paint, (3.9, 3.1))
