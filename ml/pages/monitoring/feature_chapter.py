"""The chapter about features: those that need a look, on the bins of their reference."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes

from ml.pages.axes import short_number
from ml.pages.drawing import MODEL, PALE, draw, percent_axis
from ml.pages.formatting import NOTHING, month, share, small
from ml.pages.monitoring import month_figures as figures
from ml.pages.monitoring.month_figures import BEFORE, SEEN, Line
from ml.pages.monitoring.shown_months import Shown

MOST_FEATURES = 24
# Labels of the level axis of a histogram, beside that of missing values.
MOST_EDGES = 4
HISTOGRAM, PSI = (3.15, 1.75), (3.15, 1.35)
_LOOK_AT = """
    select name from monitored
    where feature_month = $month and status in ('alarmed', 'warned')
    order by psi desc, name
"""
_FEATURES = """
    select name, family, status, cause, coalesce(null_share, 0), mean, psi, psi_noise, step_psi,
        step_noise, wasserstein, bins, reference_null_share, reference_mean, reference_bins, edges,
        usual_psi, usual_step, usual_wasserstein, reference_from, reference_until
    from marts.mart_monitoring_features
    where feature_month = $month and list_contains($names, name)
"""
_SERIES = """
    select name, feature_month, psi, psi_noise from monitored
    where list_contains($names, name) and feature_month between $first and $last
    order by name, feature_month
"""
_DESCRIPTIONS = "select name, description from marts.dim_features where list_contains($names, name)"


@dataclass(frozen=True)
class MovedFeature:
    """A feature of the month beside its reference, as mart_monitoring_features has it."""

    name: str
    family: str
    status: str
    cause: str | None
    null_share: float
    mean: float | None
    psi: float
    psi_noise: float
    step_psi: float | None
    step_noise: float | None
    wasserstein: float | None
    bins: Sequence[int]
    reference_null_share: float
    reference_mean: float | None
    reference_bins: Sequence[int]
    edges: Sequence[float] | None
    usual_psi: float | None
    usual_step: float | None
    usual_wasserstein: float | None
    reference_from: date
    reference_until: date

    @property
    def numbers(self) -> list[tuple[str, str, str]]:
        """Its measures: what is measured, in the month, and what is usual."""
        step = None
        if self.step_psi is not None:
            step = max(self.step_psi - (self.step_noise or 0), 0)
        return [
            ("Mean", _number(self.mean), _number(self.reference_mean)),
            ("Missing", share(self.null_share), share(self.reference_null_share)),
            ("PSI less noise", small(max(self.psi - self.psi_noise, 0)), _most(self.usual_psi)),
            ("PSI to the month before, less noise", small(step), _most(self.usual_step)),
            ("Wasserstein", small(self.wasserstein), _most(self.usual_wasserstein)),
        ]

    @property
    def reference(self) -> str:
        """The months of its reference, in words."""
        if self.reference_from == self.reference_until:
            return month(self.reference_from)
        return f"{month(self.reference_from)} to {month(self.reference_until)}"


@dataclass(frozen=True)
class DrawnFeature:
    """A feature with its description and its pictures."""

    feature: MovedFeature
    description: str
    histogram: Markup
    psi: Markup


@dataclass(frozen=True)
class FeatureChapter:
    """The features that need a look and are drawn, and the names of all others that do."""

    drawn: Sequence[DrawnFeature]
    more: Sequence[str]


def read_features(shown: Shown) -> FeatureChapter:
    """Return the chapter about features: the largest PSI first."""
    names = [name for (name,) in shown.rows(_LOOK_AT)]
    chosen = names[:MOST_FEATURES]
    found = {row[0]: MovedFeature(*row) for row in shown.rows(_FEATURES, names=chosen)}
    described = descriptions(shown, chosen)
    series: dict[str, list[tuple[date, float, float]]] = {name: [] for name in chosen}
    for name, *point in shown.rows(_SERIES, names=chosen):
        series[name].append((point[0], point[1], point[2]))
    drawn = [
        DrawnFeature(
            found[name],
            described.get(name, ""),
            _histogram(shown, found[name]),
            _psi(shown, found[name], series[name]),
        )
        for name in chosen
    ]
    return FeatureChapter(drawn, names[MOST_FEATURES:])


def descriptions(shown: Shown, names: Sequence[str]) -> dict[str, str]:
    """Return the descriptions of features by name, of those that have one."""
    rows = shown.rows(_DESCRIPTIONS, names=list(names))
    return {name: description for name, description in rows if description}


def _histogram(shown: Shown, feature: MovedFeature) -> Markup:
    """Return the shares of the bins in the reference and, beside them, in the month."""
    sides = [np.array(side, dtype=float) for side in (feature.reference_bins, feature.bins)]
    # Bins whose edges coincide are empty.
    kept = [place for place in range(len(sides[0])) if sides[0][place] + sides[1][place] > 0]
    drawn = [side[kept] / max(side.sum(), 1) for side in sides]
    missing = len(sides[0]) - 1
    places = np.arange(len(kept), dtype=float)
    if kept[-1] == missing:
        places[-1] += 0.7

    def paint(axes: Axes) -> None:
        axes.bar(places - 0.2, drawn[0], width=0.4, color=PALE, label="reference")
        axes.bar(places + 0.2, drawn[1], width=0.4, color=MODEL, label=f"{shown.month:%Y-%m}")
        axes.tick_params(axis="x", pad=6)
        axes.set_xticks(*_bin_ticks(feature, kept, places, missing))
        axes.grid(axis="x", visible=False)
        percent_axis(axes.yaxis, 1.05 * float(max(side.max() for side in drawn)))
        figures.legend(axes)

    alt = (
        f"Distribution of {feature.name} in {month(shown.month)} beside its reference: mean "
        f"{_number(feature.mean)}, then {_number(feature.reference_mean)}; missing "
        f"{share(feature.null_share)}, then {share(feature.reference_null_share)}"
    )
    return draw(f"bins-{feature.name}", alt, paint, HISTOGRAM)


def _bin_ticks(
    feature: MovedFeature, kept: Sequence[int], places: np.ndarray, missing: int
) -> tuple[list[float], list[str]]:
    """Return where bins meet, and at which value; and the place of missing values."""
    edges = feature.edges or []
    values = [place for place, bin in enumerate(kept) if bin < missing]
    between = [(places[place] + 0.5, edges[kept[place]]) for place in values[:-1]]
    step = max(1, -(-len(between) // MOST_EDGES))
    ticks = [(float(place), short_number(value)) for place, value in between[::step]]
    if kept[-1] == missing:
        ticks.append((float(places[-1]), "missing"))
    return [place for place, _ in ticks], [text for _, text in ticks]


def _psi(
    shown: Shown, feature: MovedFeature, points: Sequence[tuple[date, float, float]]
) -> Markup:
    lines = [
        Line("noise", [(day, noise) for day, _, noise in points], BEFORE),
        Line("PSI", [(day, psi) for day, psi, _ in points], SEEN),
    ]
    # A first month, of nothing but new customers, may lie far above all others.
    judged = [psi for day, psi, _ in points if day > feature.reference_until]
    top = 1.15 * max([feature.psi, 2 * feature.psi_noise, *judged])

    def paint(axes: Axes) -> None:
        figures.draw_lines(axes, lines, shown.month)
        figures.from_zero(axes)
        axes.set_ylim(0, top)

    alt = (
        f"PSI of {feature.name} by month: {small(feature.psi).strip()} in {month(shown.month)}, "
        f"{small(feature.psi_noise).strip()} of it noise"
    )
    return draw(f"psi-{feature.name}", alt, paint, PSI)


def _number(number: float | None) -> str:
    return NOTHING if number is None else short_number(number)


def _most(number: float | None) -> str:
    return NOTHING if number is None else f"≤ {small(number)}"
