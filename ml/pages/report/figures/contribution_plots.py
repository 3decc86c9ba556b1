"""Contributions of single values to the log-odds: a beeswarm, and one plot a feature."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray
from scipy.stats import rankdata

from ml.pages.axes import short_number
from ml.pages.drawing import BASELINE, CHANCE, SMALL, draw
from ml.pages.report.curves import Floats
from ml.pages.report.feature_importance import FeatureContributions

# Low values, middling ones, high ones; all three show on white and on black.
LOW, MIDDLE, HIGH, MISSING = "#1f7fc4", "#9b7fb0", "#e0671a", "#8a8f98"
COLOURS = LinearSegmentedColormap.from_list("values", [LOW, MIDDLE, HIGH])
BINS = 120
# A longer name would leave the frame.
LONGEST_NAME = 46
TENTHS = 10


def beeswarm(name: str, features: Sequence[FeatureContributions]) -> Markup:
    """Return a row of dots for each feature: how far each of its values moves the log-odds."""

    def paint(axes: Axes) -> None:
        low = min(float(each.contribution.min()) for each in features)
        high = max(float(each.contribution.max()) for each in features)
        axes.axvline(0, color=CHANCE, lw=0.8)
        for place, each in enumerate(features):
            height = place + 0.2 + 0.25 * _spread(each.contribution, low, high)
            axes.scatter(
                each.contribution, height, c=_shades(each.value), s=5, lw=0, rasterized=True
            )
            axes.text(
                0.0, place - 0.3, _short(each.feature), fontsize=7.5, va="center",
                transform=axes.get_yaxis_transform(),
            )  # fmt: skip
        axes.set_yticks([])
        axes.set_ylim(len(features) - 0.4, -0.6)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("◂ less likely  ·  log-odds  ·  likelier ▸")
        handles = [_dot(LOW, "low value"), _dot(HIGH, "high value"), _dot(MISSING, "missing")]
        axes.figure.legend(
            handles=handles, loc="outside upper left", ncols=3, columnspacing=1.2,
            handletextpad=0.1,
        )  # fmt: skip

    strongest = ", ".join(each.feature for each in features[:3])
    alt = f"Contributions to {name} of {len(features)} features, the strongest first: {strongest}"
    return draw(f"swarm-{name}", alt, paint, (SMALL[0], 0.75 + 0.4 * len(features)))


def dependence(name: str, feature: FeatureContributions) -> Markup:
    """Return each value's contribution against the value, with the means of ten groups."""

    def paint(axes: Axes) -> None:
        known = ~np.isnan(feature.value)
        value, added = feature.value[known], feature.contribution[known]
        low, high = np.quantile(value, [0.005, 0.995]) if known.any() else (0.0, 1.0)
        margin = 0.04 * ((high - low) or 1.0)
        axes.axhline(0, color=CHANCE, lw=0.8)
        axes.scatter(value, added, s=7, color=LOW, alpha=0.45, lw=0, rasterized=True)
        axes.plot(*_means(value, added), color=BASELINE, lw=1.6, label="mean of tenths")
        axes.set_xlim(low - margin, high + margin)
        if not known.all():
            _draw_missing(axes, feature.contribution[~known], low - 4 * margin)
            axes.set_xlim(left=low - 6 * margin)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short_number(value)))
        axes.set_xlabel("value of the feature")
        axes.set_ylabel("adds to the log-odds")
        axes.figure.legend(loc="outside upper left", ncols=2, handletextpad=0.4)

    alt = f"What {feature.feature} adds to the log-odds of {name}, by its value"
    return draw(f"dependence-{name}-{feature.feature}", alt, paint, SMALL)


def _draw_missing(axes: Axes, added: Floats, place: float) -> None:
    """Draw the contributions of missing values at `place`, left of all others."""
    axes.plot(
        np.full(len(added), place), added, color=MISSING, marker="x", markersize=4, lw=0,
        label="missing", rasterized=True,
    )  # fmt: skip


def _means(value: Floats, added: Floats) -> tuple[Floats, Floats]:
    """Return the mean value and contribution of ten groups of similar value."""
    order = np.argsort(value, kind="stable")
    groups = [group for group in np.array_split(order, TENTHS) if len(group)]
    return (
        np.array([value[group].mean() for group in groups]),
        np.array([added[group].mean() for group in groups]),
    )


def _spread(values: Floats, low: float, high: float) -> Floats:
    """Return heights from -1 to 1 that keep dots of similar value apart, as a beeswarm does."""
    bins = np.round(BINS * (values - low) / ((high - low) or 1.0)).astype(int)
    order = np.argsort(bins, kind="stable")
    turn = np.empty(len(values))
    turn[order] = np.arange(len(values)) - np.searchsorted(bins[order], bins[order])
    # 0, 1, -1, 2, -2: alternately above and below.
    side = np.ceil(turn / 2) * np.where(turn % 2, 1, -1)
    return np.asarray(side / max(10.0, float(np.abs(side).max())))


def _shades(values: Floats) -> NDArray[np.float64]:
    """Return each value's colour by its rank; missing ones are grey."""
    known = ~np.isnan(values)
    rank = np.zeros(len(values))
    rank[known] = (rankdata(values[known]) - 1) / max(1, known.sum() - 1)
    grey = np.array([int(MISSING[i : i + 2], 16) / 255 for i in (1, 3, 5)] + [1.0])
    return np.where(known[:, None], COLOURS(rank), grey)


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def _dot(colour: str, label: str) -> Line2D:
    return Line2D([], [], color=colour, marker="o", markersize=4.5, lw=0, label=label)
