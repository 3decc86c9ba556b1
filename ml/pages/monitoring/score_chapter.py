"""The chapter about scores: how each target's scores moved over months, and by which features."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from matplotlib.axes import Axes

from ml.pages.axes import short_number
from ml.pages.drawing import GROUPS, MARKERS
from ml.pages.formatting import in_prose, month, share, small
from ml.pages.monitoring import month_figures as figures
from ml.pages.monitoring.feature_chapter import descriptions
from ml.pages.monitoring.month_figures import BEFORE, SEEN, Line, Picture, Points
from ml.pages.monitoring.shown_months import Shown, months_later

DRIVERS = 3
_SCORES = """
    select target, model_id, score_month, status, mean_log_odds, psi, psi_noise,
        share_above_threshold, churn_top_decile, log_odds_change
    from marts.mart_monitoring_scores
    where segment = 'everyone' and score_month between $first and $scored_until
    order by target, score_month, model_id
"""
_SEGMENTS = """
    select segment, status, customers, mean_score, greatest(psi - psi_noise, 0)
    from marts.mart_monitoring_scores
    where target = $target and model_id = $model_id and score_month = $score_month
        and segment <> 'everyone'
    order by segment
"""
_ATTRIBUTION = """
    select feature, change, mean_value, mean_value_before
    from marts.mart_monitoring_attribution
    where target = $target and model_id = $model_id and score_month = $score_month
        and change is not null
    order by feature = '', abs(change) desc, feature
"""


@dataclass(frozen=True)
class ScoredMonth:
    """All scores that a model made in a month, as mart_monitoring_scores has them."""

    target: str
    model_id: str
    month: date
    status: str
    mean_log_odds: float
    psi: float | None
    psi_noise: float | None
    share_above_threshold: float | None
    churn_top_decile: float | None
    log_odds_change: float | None


@dataclass(frozen=True)
class Measure:
    """What is drawn of scores over months: its value, its text, its axis, and how to read it."""

    title: str
    value: Callable[[ScoredMonth], float | None]
    text: Callable[[float], str]
    axis: Callable[[Axes], None]
    how: str


@dataclass(frozen=True)
class Driver:
    """A feature's part in the change of the mean log-odds, and its mean before and after."""

    feature: str
    change: float
    mean: float | None
    mean_before: float | None


@dataclass(frozen=True)
class DriverInWords:
    """A feature's part in a change: how much, what it is, its name, and how its mean moved."""

    change: str
    what: str
    name: str = ""
    moved: str = ""


@dataclass(frozen=True)
class SegmentScores:
    """The newest scores of a segment; `psi` is that above noise."""

    name: str
    status: str
    customers: int
    mean_score: float
    psi: float | None


@dataclass(frozen=True)
class TargetScores:
    """A target's scores over months; why the newest moved, in words; and these by segment.

    `status` is that of the newest scores, `finding` how they are, in a line.
    """

    target: str
    status: str
    finding: str
    change: str
    drivers: Sequence[DriverInWords]
    pictures: Sequence[Picture]
    segments: Sequence[SegmentScores]


def signed(number: float) -> str:
    """Return a number with its sign and as many digits as it needs."""
    return f"{'−' if number < 0 else '+'}{_size(number)}"


def _size(number: float) -> str:
    return f"{abs(number):.{2 if abs(number) >= 0.1 else 3}f}"


MEASURES = (
    Measure(
        "Mean log-odds",
        lambda each: each.mean_log_odds,
        signed,
        figures.numbers,
        "0 is even odds; 0.7 more doubles the odds of yes.",
    ),
    Measure(
        "PSI",
        lambda each: each.psi,
        lambda number: small(number).strip(),
        figures.from_zero,
        "How far the scores' distribution is from that of the model's first month; what lies below "
        "the dotted line is chance.",
    ),
    Measure(
        "Share above the threshold",
        lambda each: each.share_above_threshold,
        share,
        figures.shares,
        "The customers to whom the model says yes.",
    ),
    Measure(
        "Churn of the top tenth",
        lambda each: each.churn_top_decile,
        share,
        figures.shares,
        "Of the tenth that is scored highest, the share that was not in it the month before.",
    ),
)


def read_scores(shown: Shown) -> list[TargetScores]:
    """Return the chapter about scores: a target each, by name."""
    rows = shown.rows(_SCORES, scored_until=shown.scored_until)
    found = [ScoredMonth(*row) for row in rows]
    return [
        _target_scores(shown, list(months))
        for _, months in groupby(found, lambda each: each.target)
    ]


def _target_scores(shown: Shown, months: Sequence[ScoredMonth]) -> TargetScores:
    newest = _newest(shown, months)
    change, drivers = _change_in_words(shown, newest)
    pictures = _pictures(shown, months, newest)
    return TargetScores(
        target=newest.target,
        status=newest.status,
        finding=_finding(newest),
        change=change,
        drivers=drivers,
        pictures=pictures,
        segments=_segments(shown, newest),
    )


def _finding(newest: ScoredMonth) -> str:
    """Return in one line the status of the newest scores, and how far they moved."""
    text = f"{month(newest.month)}: {newest.status}"
    if newest.log_odds_change is None:
        return text
    return f"{text}; mean log-odds {signed(newest.log_odds_change)} in a month"


def _segments(shown: Shown, newest: ScoredMonth) -> list[SegmentScores]:
    rows = shown.rows(
        _SEGMENTS, target=newest.target, model_id=newest.model_id, score_month=newest.month
    )
    return [SegmentScores(*row) for row in rows]


def _newest(shown: Shown, months: Sequence[ScoredMonth]) -> ScoredMonth:
    """Return the scores that the page's month led to; where there are none, the nearest ones."""
    earlier = [each for each in months if each.month <= shown.scored]
    return earlier[-1] if earlier else months[0]


def _pictures(shown: Shown, months: Sequence[ScoredMonth], newest: ScoredMonth) -> list[Picture]:
    return [
        _picture(shown, measure, months, newest)
        for measure in MEASURES
        if any(measure.value(each) is not None for each in months)
    ]


def _picture(
    shown: Shown, measure: Measure, months: Sequence[ScoredMonth], newest: ScoredMonth
) -> Picture:
    name = f"{measure.title} of {newest.target}"
    here = measure.value(newest)
    words = "not known of" if here is None else f"{measure.text(here)} in"
    words = f"{words[:1].upper()}{words[1:]} {month(newest.month)}."
    lines = _lines(months, measure.value)
    if measure.title == "PSI":
        noise = _lines(months, lambda each: each.psi_noise)[-1]
        lines.insert(0, Line("noise", noise.points, BEFORE))
    alt = f"{name} by month. {words}"
    svg = figures.by_month(name, alt, lines, shown.scored, measure.axis)
    return Picture(measure.title, svg, f"{words} {measure.how}")


def _lines(
    months: Sequence[ScoredMonth], value: Callable[[ScoredMonth], float | None]
) -> list[Line]:
    """Return a line a model, in the order in which they first scored."""
    models: dict[str, list[ScoredMonth]] = {}
    for each in months:
        models.setdefault(each.model_id, []).append(each)
    lines = []
    for place, (model, scored) in enumerate(models.items()):
        points: Points = [(each.month, value(each)) for each in scored]
        look = SEEN if len(models) == 1 else _model_look(place)
        name = model.removeprefix(f"{scored[0].target}-")
        lines.append(Line("scores" if len(models) == 1 else name, points, look))
    return lines


def _model_look(place: int) -> dict[str, object]:
    """Return the look of one of several models."""
    return {
        "color": GROUPS[place % len(GROUPS)],
        "marker": MARKERS[place % len(MARKERS)],
        "markersize": 3.4,
    }


def _change_in_words(shown: Shown, newest: ScoredMonth) -> tuple[str, list[DriverInWords]]:
    """Return how far the mean log-odds moved, and a line for each feature that moved it most."""
    if newest.log_odds_change is None:
        return f"{month(newest.month)} has no scores of the month before to compare with.", []
    before = months_later(newest.month, -1)
    moved = "rose" if newest.log_odds_change >= 0 else "fell"
    change = (
        f"From {month(before)} to {month(newest.month)} the mean log-odds {moved} by "
        f"{_size(newest.log_odds_change)}"
    )
    rows = shown.rows(
        _ATTRIBUTION, target=newest.target, model_id=newest.model_id, score_month=newest.month
    )
    parts = [Driver(*row) for row in rows]
    if not parts:
        return f"{change}; which features moved it was not kept.", []
    strongest = [part for part in parts[:DRIVERS] if part.feature and part.change]
    described = descriptions(shown, [part.feature for part in strongest])
    lines = [_driver(part, described.get(part.feature, "")) for part in strongest]
    rest = parts[len(strongest) :]
    if rest:
        together = signed(sum(part.change for part in rest))
        lines.append(DriverInWords(together, "all others together"))
    return f"{change}. What moved it most:", lines


def _driver(part: Driver, description: str) -> DriverInWords:
    what = in_prose(description) or part.feature
    moved = ""
    if part.mean is not None and part.mean_before is not None:
        mean, before = short_number(part.mean), short_number(part.mean_before)
        way = "rose" if part.mean > part.mean_before else "fell"
        moved = f"{way} from {before} to {mean}" if mean != before else f"stayed at {mean}"
    return DriverInWords(signed(part.change), what, part.feature, moved)
