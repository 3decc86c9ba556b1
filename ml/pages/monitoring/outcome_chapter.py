"""The chapter about outcomes: how scores turned out, beside what the models promised."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

from markupsafe import Markup
from matplotlib.axes import Axes

from ml.pages.axes import month_number
from ml.pages.drawing import BASELINE, MODEL, PALE, PAPER, draw, percent_axis
from ml.pages.formatting import count, month
from ml.pages.monitoring import month_figures as figures
from ml.pages.monitoring.month_figures import EXPECTED, Line, Picture
from ml.pages.monitoring.shown_months import Shown

RIPE: Mapping[str, Any] = {"color": MODEL, "marker": "o", "markersize": 4.5, "lw": 0}
UNRIPE = {**RIPE, "markerfacecolor": PAPER}
_OUTCOMES = """
    select target, model_id, score_month, status, labelled, positives, roc_auc, roc_auc_low,
        roc_auc_high, estimated_roc_auc, promised_roc_auc,
        case when labelled > 0 then expected_of_labelled else expected_positives end,
        baseline, baseline_roc_auc
    from marts.mart_monitoring_outcomes
    where score_month between $first and $scored_until
    order by target, score_month, model_id
"""
_CALIBRATION = """
    select target, score_month, mean_score, prevalence, prevalence_low, prevalence_high
    from marts.mart_monitoring_calibration
    where score_month <= $month
    qualify score_month = max(score_month) over (partition by target)
        and model_id = max(model_id) over (partition by target, score_month)
    order by target, tenth
"""


@dataclass(frozen=True)
class Tenth:
    """A tenth of the scores of a target's newest month whose labels are known.

    `mean` is their mean probability, `share` that of positives, with its 95 % interval.
    """

    target: str
    month: date
    mean: float
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class OutcomeMonth:
    """A model's scores of a month and their labels, as mart_monitoring_outcomes has them.

    `expected` are the positives that the scores promise: of the labels that are known, or of all
    customers where none is yet. `baseline_roc_auc` is that of the feature `baseline` alone.
    """

    target: str
    model_id: str
    month: date
    status: str
    labelled: int
    positives: int
    roc_auc: float | None
    low: float | None
    high: float | None
    estimated: float | None
    promised: float | None
    expected: float | None
    baseline: str | None
    baseline_roc_auc: float | None

    @property
    def is_ripe(self) -> bool:
        """Whether labels are known."""
        return self.labelled > 0

    @property
    def in_words(self) -> str:
        """Its ROC-AUC and its positives, in a sentence."""
        expected = "" if self.expected is None else f"{count(self.expected)} expected"
        if not self.is_ripe:
            guess = "" if self.estimated is None else f"ROC-AUC estimated at {self.estimated:.3f}; "
            return f"{month(self.month)}: not known yet; {guess}{expected}."
        measured = "ROC-AUC not measured"
        if self.roc_auc is not None:
            measured = f"ROC-AUC {self.roc_auc:.3f}"
        if self.low is not None and self.high is not None:
            measured += f" ({self.low:.3f} to {self.high:.3f})"
        promised = "" if self.promised is None else f", promised {self.promised:.3f}"
        if self.baseline_roc_auc is not None:
            promised += f", {self.baseline} alone {self.baseline_roc_auc:.3f}"
        positives = f"{count(self.positives)} positives, {expected}"
        return f"{month(self.month)}: {measured}{promised}; {positives}."


@dataclass(frozen=True)
class TargetOutcomes:
    """A target's outcomes: those of the page's month in words, and pictures over months.

    `needs_a_look` is whether those of the month are alarmed or warned of.
    """

    target: str
    words: str
    needs_a_look: bool
    pictures: Sequence[Picture]


def read_outcomes(shown: Shown) -> list[TargetOutcomes]:
    """Return the chapter about outcomes: a target each, by name."""
    rows = shown.rows(_OUTCOMES, scored_until=shown.scored_until)
    found = [OutcomeMonth(*row) for row in rows]
    tenths = [Tenth(*row) for row in shown.rows(_CALIBRATION)]
    return [
        _target_outcomes(shown, list(months), [each for each in tenths if each.target == target])
        for target, months in groupby(found, lambda each: each.target)
    ]


def _target_outcomes(
    shown: Shown, months: Sequence[OutcomeMonth], tenths: Sequence[Tenth]
) -> TargetOutcomes:
    target = months[0].target
    here = [each for each in months if each.month == shown.month]
    words = " ".join(each.in_words for each in here)
    words = words or f"nothing was scored at the start of {month(shown.month)}"
    needs_a_look = any(each.status in ("alarmed", "warned") for each in here)
    pictures = [
        Picture(
            "ROC-AUC",
            _roc_auc(shown, months),
            "Filled dots are measured, their strokes 95 % intervals. Hollow dots are estimates "
            "from the scores alone, of months whose outcome is not known yet. The dashed line is "
            "what the model promised when it was trained; crosses are one feature alone, which "
            "the model should beat. Below 0.5 is worse than chance.",
        ),
        Picture(
            "Positives",
            _positives(shown, months),
            "Bars are outcomes that happened; diamonds what the probabilities add up to, hollow "
            "where the outcome is not known yet.",
        ),
    ]
    if tenths:
        caption = (
            f"{month(tenths[0].month)}: a dot is a tenth of the scored customers, lowest scores "
            "first, its stroke a 95 % interval. On the dashed line as many became positive as the "
            "probabilities say; below it fewer."
        )
        pictures.append(Picture("Calibration", _calibration(tenths), caption))
    return TargetOutcomes(target, words, needs_a_look, pictures)


def _roc_auc(shown: Shown, months: Sequence[OutcomeMonth]) -> Markup:
    measured = [each for each in months if each.is_ripe and each.roc_auc is not None]
    estimated = [each for each in months if not each.is_ripe and each.estimated is not None]
    promised = [(each.month, each.promised) for each in months]
    baselines = [(each.month, each.baseline_roc_auc) for each in measured]

    def paint(axes: Axes) -> None:
        for each in measured:
            if each.low is not None and each.high is not None:
                axes.vlines(month_number(each.month), each.low, each.high, color=MODEL, lw=2)
        _dots(axes, "measured", [(each.month, each.roc_auc) for each in measured], RIPE)
        _dots(axes, "one feature", baselines, {"color": BASELINE, "marker": "x", "lw": 0})
        _dots(axes, "estimate", [(each.month, each.estimated) for each in estimated], UNRIPE)
        if any(value is not None for _, value in promised):
            by_month = dict(promised)
            figures.draw_line(axes, Line("promise", list(by_month.items()), EXPECTED))
        _finish(axes, shown, months)
        figures.numbers(axes)

    words = "; ".join(each.in_words.rstrip(".") for each in months)
    return draw(
        f"auc-{months[0].target}", f"ROC-AUC of {months[0].target}: {words}", paint, figures.SMALL
    )


def _positives(shown: Shown, months: Sequence[OutcomeMonth]) -> Markup:
    ripe = [each for each in months if each.is_ripe]
    unripe = [each for each in months if not each.is_ripe]

    def paint(axes: Axes) -> None:
        if ripe:
            places = [month_number(each.month) for each in ripe]
            heights = [each.positives for each in ripe]
            axes.bar(places, heights, color=PALE, width=0.6, label="positives")
        diamond = {"color": BASELINE, "marker": "D", "markersize": 4, "lw": 0}
        _dots(axes, "expected", [(each.month, each.expected) for each in ripe], diamond)
        hollow = {**diamond, "markerfacecolor": PAPER}
        _dots(axes, "not known yet", [(each.month, each.expected) for each in unripe], hollow)
        _finish(axes, shown, months)
        figures.counts(axes)

    words = "; ".join(
        f"{each.month:%Y-%m} {count(each.positives) if each.is_ripe else 'not known yet'}"
        + ("" if each.expected is None else f", {count(each.expected)} expected")
        for each in months
    )
    alt = f"Positives of {months[0].target} by month: {words}"
    return draw(f"positives-{months[0].target}", alt, paint, figures.SMALL)


def _calibration(tenths: Sequence[Tenth]) -> Markup:
    def paint(axes: Axes) -> None:
        top = 1.05 * max(max(each.mean, each.high) for each in tenths)
        axes.plot([0, top], [0, top], **EXPECTED)
        for each in tenths:
            axes.vlines(each.mean, each.low, each.high, color=MODEL, lw=2)
        axes.plot([each.mean for each in tenths], [each.share for each in tenths], **RIPE)
        axes.set_xlim(0, top)
        axes.set_ylim(0, top)
        percent_axis(axes.xaxis, top)
        percent_axis(axes.yaxis, top)
        axes.set_xlabel("mean probability")
        axes.set_ylabel("share of positives")

    target = tenths[0].target
    words = "; ".join(f"{each.mean:.1%} promised, {each.share:.1%} came" for each in tenths)
    alt = f"Calibration of {target} by tenths of the scores: {words}"
    return draw(f"calibration-{target}", alt, paint, figures.SMALL)


def _dots(axes: Axes, label: str, points: figures.Points, look: Mapping[str, Any]) -> None:
    """Draw dots, and name them where there are any."""
    known = [(month_number(day), value) for day, value in points if value is not None]
    if known:
        axes.plot(*zip(*known, strict=True), label=label, **look)


def _finish(axes: Axes, shown: Shown, months: Sequence[OutcomeMonth]) -> None:
    days = [each.month for each in months]
    if min(days) <= shown.month <= max(days):
        figures.shade(axes, shown.month)
    figures.month_axis(axes, days)
    figures.legend(axes)
