"""The chapter of the page about one target: sections of pictures, each with a finding."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from markupsafe import Markup

from ml.evaluation.thresholds import Costs
from ml.pages.formatting import plain
from ml.pages.report import curves, findings
from ml.pages.report.curves import Campaign, Curve, Floats, Point, ThresholdCurves
from ml.pages.report.figures import contribution_plots, measures, probabilities, ranking
from ml.pages.report.findings import Words
from ml.pages.report.judged_rows import JudgedRows
from ml.pages.report.marts import Marts, NewestScores
from ml.pages.report.target_report import TargetReport

# How many of the most important features have a dependence plot of their own.
DEPENDENCE_PLOTS = 4


@dataclass(frozen=True)
class TargetSection:
    """Pictures that answer one question, and the answer in a line."""

    finding: str
    pictures: Mapping[str, Markup]


@dataclass(frozen=True)
class TargetChapter:
    """One target's chapter: its sections by name, without those that its rows cannot show.

    `words` says what a feature measures.
    """

    target: TargetReport
    scores: NewestScores | None
    sections: Mapping[str, TargetSection]
    campaigns: list[Campaign]
    words: Words


def target_chapter(target: TargetReport, marts: Marts) -> TargetChapter:
    """Return one target's chapter of the page."""
    rows, scores = target.rows, marts.scores.get(target.name)
    thresholds = _thresholds(target) if rows.has_both_classes else None
    campaigns = curves.campaigns(rows.label, rows.probability) if rows.has_both_classes else []
    words = _words(target, marts)
    sections = {
        "comparison": _comparison(target),
        "ranking": _ranking(target, thresholds, campaigns) if thresholds else None,
        "probabilities": _probabilities(target, thresholds, scores),
        "importance": _importance(target, words),
        "months": _months(target),
    }
    shown = {name: section for name, section in sections.items() if section is not None}
    return TargetChapter(target, scores, shown, campaigns, words)


def _words(target: TargetReport, marts: Marts) -> Words:
    """Return what says in words what a feature measures: the artifact, the marts, or its name."""
    learnt = {each.feature: each.description for each in target.importance if each.description}
    return lambda feature: learnt.get(feature) or marts.descriptions.get(feature) or plain(feature)


def _thresholds(target: TargetReport) -> ThresholdCurves:
    rows, chosen = target.rows, target.card.threshold
    return curves.threshold_curves(rows.label, rows.probability, chosen, target.costs or Costs())


def _comparison(target: TargetReport) -> TargetSection | None:
    if not target.compared_models:
        return None
    picture = measures.compared_models(target.name, target.compared_models)
    return TargetSection(findings.comparison_finding(target), {"comparison": picture})


def _ranking(
    target: TargetReport, thresholds: ThresholdCurves, campaigns: list[Campaign]
) -> TargetSection:
    name, rows = target.name, target.rows
    label, probability = rows.label, rows.probability
    on_roc = curves.on_roc(label, probability, thresholds.chosen.threshold)
    chosen = Point(thresholds.chosen.recall, thresholds.chosen.precision)
    lift = None if rows.baseline is None else curves.lift_by_decile(label, rows.baseline)
    pictures = {
        "roc": ranking.roc(
            name, curves.roc(label, probability), _baseline(curves.roc, rows), on_roc
        ),
        "precision": ranking.precision_recall(
            name,
            curves.precision_recall(label, probability),
            _baseline(curves.precision_recall, rows),
            rows.prevalence,
            chosen,
        ),
        "gain": ranking.gain(
            name, curves.gain(label, probability), _baseline(curves.gain, rows), rows.prevalence
        ),
        "lift": ranking.lift(name, curves.lift_by_decile(label, probability), lift),
    }
    return TargetSection(findings.ranking_finding(target, campaigns), pictures)


def _baseline(curve: Callable[[Floats, Floats], Curve], rows: JudgedRows) -> Curve | None:
    """Return the baseline's curve, where there is a baseline."""
    return None if rows.baseline is None else curve(rows.label, rows.baseline)


def _probabilities(
    target: TargetReport, thresholds: ThresholdCurves | None, scores: NewestScores | None
) -> TargetSection | None:
    name, rows = target.name, target.rows
    pictures = {}
    if thresholds is not None:
        groups = curves.calibration(rows.label, rows.probability)
        pictures["calibration"] = probabilities.calibration(name, groups)
        pictures["thresholds"] = probabilities.thresholds(name, thresholds)
        if target.costs is not None:
            pictures["profit"] = probabilities.profit(name, thresholds)
    if scores is not None:
        pictures["scores"] = probabilities.scores(name, scores.values, target.card.threshold)
    finding = findings.probability_finding(target, thresholds) if thresholds else ""
    return TargetSection(finding, pictures) if pictures else None


def _importance(target: TargetReport, words: Words) -> TargetSection | None:
    if not target.importance:
        return None
    pictures = {}
    if target.contributions:
        pictures["swarm"] = contribution_plots.beeswarm(target.name, target.contributions)
    for each in target.contributions[:DEPENDENCE_PLOTS]:
        pictures[each.feature] = contribution_plots.dependence(target.name, each)
    return TargetSection(findings.importance_finding(target, words), pictures)


def _months(target: TargetReport) -> TargetSection | None:
    if not target.months:
        return None
    picture = measures.months(target.name, target.months)
    return TargetSection(findings.months_finding(target), {"months": picture})
