"""One target's part of the page: what there is to see of it, and what that says in a line each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from markupsafe import Markup

from ml.evaluation.thresholds import Costs
from ml.pages.report import curves
from ml.pages.report import findings as words
from ml.pages.report.curves import Campaign, Curve, Floats, Point, Thresholds
from ml.pages.report.facts import Target
from ml.pages.report.figures import effects as drivers
from ml.pages.report.figures import measures, promises, ranking
from ml.pages.report.judged_rows import Rows
from ml.pages.report.marts import Marts, Scores

# So many of the features have a picture of their own.
DEPENDENCES = 4


@dataclass(frozen=True)
class Part:
    """Pictures that answer one question, and the answer in a line."""

    finding: str
    pictures: Mapping[str, Markup]


@dataclass(frozen=True)
class Chapter:
    """One target: its parts by name, without those that its rows cannot show."""

    target: Target
    scores: Scores | None
    parts: Mapping[str, Part]
    campaigns: list[Campaign]


def chapter(target: Target, marts: Marts) -> Chapter:
    """Return one target's part of the page."""
    rows, scores = target.rows, marts.scores.get(target.name)
    found = _thresholds(target) if rows.judged else None
    campaigns = curves.campaigns(rows.label, rows.probability) if rows.judged else []
    parts = {
        "rivals": _rivals(target),
        "ranking": _ranking(target, found, campaigns) if found else None,
        "promises": _promises(target, found, scores),
        "drivers": _drivers(target),
        "months": _months(target),
    }
    shown = {name: part for name, part in parts.items() if part is not None}
    return Chapter(target, scores, shown, campaigns)


def _thresholds(target: Target) -> Thresholds:
    rows, chosen = target.rows, target.card.threshold
    return curves.thresholds(rows.label, rows.probability, chosen, target.costs or Costs())


def _rivals(target: Target) -> Part | None:
    if not target.rivals:
        return None
    picture = measures.rivals(target.name, target.rivals)
    return Part(words.compared(target), {"rivals": picture})


def _ranking(target: Target, found: Thresholds, campaigns: list[Campaign]) -> Part:
    name, rows = target.name, target.rows
    label, told = rows.label, rows.probability
    on_roc = curves.on_roc(label, told, found.chosen.threshold)
    chosen = Point(found.chosen.recall, found.chosen.precision)
    purity, share = curves.precision_recall, rows.prevalence
    lift = None if rows.baseline is None else curves.lift_by_decile(label, rows.baseline)
    pictures = {
        "roc": ranking.roc(name, curves.roc(label, told), _baseline(curves.roc, rows), on_roc),
        "precision": ranking.precision_recall(
            name, purity(label, told), _baseline(purity, rows), share, chosen
        ),
        "gain": ranking.gain(name, curves.gain(label, told), _baseline(curves.gain, rows), share),
        "lift": ranking.lift(name, curves.lift_by_decile(label, told), lift),
    }
    return Part(words.ranked(target, campaigns), pictures)


def _baseline(curve: Callable[[Floats, Floats], Curve], rows: Rows) -> Curve | None:
    """Return the baseline's curve, where there is a baseline."""
    return None if rows.baseline is None else curve(rows.label, rows.baseline)


def _promises(target: Target, found: Thresholds | None, scores: Scores | None) -> Part | None:
    name, rows = target.name, target.rows
    pictures = {}
    if found is not None:
        groups = curves.calibration(rows.label, rows.probability)
        pictures["calibration"] = promises.calibration(name, groups)
        pictures["thresholds"] = promises.thresholds(name, found)
        if target.costs is not None:
            pictures["profit"] = promises.profit(name, found)
    if scores is not None:
        pictures["scores"] = promises.scores(name, scores.values, target.card.threshold)
    finding = words.promised(target, found) if found else ""
    return Part(finding, pictures) if pictures else None


def _drivers(target: Target) -> Part | None:
    if not target.importance:
        return None
    pictures = {}
    if target.drivers:
        pictures["swarm"] = drivers.beeswarm(target.name, target.drivers)
    for each in target.drivers[:DEPENDENCES]:
        pictures[each.feature] = drivers.dependence(target.name, each)
    return Part(words.moved(target), pictures)


def _months(target: Target) -> Part | None:
    if not target.months:
        return None
    picture = measures.months(target.name, target.months)
    return Part(words.followed(target), {"months": picture})
