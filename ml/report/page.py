"""Assembling the page: facts and pictures into the template, then onto the disk in one step."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from ml.config import Workspace
from ml.pages import fill, replace_file
from ml.report import curves, figures, words
from ml.report.curves import Campaign, Curve, Floats
from ml.report.facts import Rows, Target, read_targets
from ml.report.marts import Marts, Scores, Segmentation, read_marts


@dataclass(frozen=True)
class Chapter:
    """One target's part of the page: the target, its pictures and its tables."""

    target: Target
    verdict: str
    reachable: str
    pictures: dict[str, Markup]
    campaigns: list[Campaign]
    scores: Scores | None
    scores_caption: str
    protocol: str
    lines: list[str]


def write_report(ws: Workspace) -> Path:
    """Write the report of every trained target to `ws.report` and return its path.

    The page is one file without scripts or outside requests; the same inputs give the same bytes.
    A reader sees the old page or the new one, never half of one.

    Raises:
        AlmanacError: no target has a champion, an artifact is unreadable, or the warehouse is held.
    """
    return replace_file(ws.report, render(read_targets(ws), read_marts(ws)))


def render(targets: tuple[Target, ...], marts: Marts) -> str:
    """Return the page as HTML."""
    return fill(
        "ml.report",
        filters={"auc": words.auc},
        marts=marts,
        chapters=[chapter(target, marts) for target in targets],
        overview=figures.overview(targets) if any(t.rows.judged for t in targets) else None,
        scatters=[_scatter(each) for each in marts.segmentations],
    )


def chapter(target: Target, marts: Marts) -> Chapter:
    """Return one target's part of the page."""
    rows, scores = target.rows, marts.scores.get(target.name)
    pictures = _judgements(target.name, rows) if rows.judged else {}
    if scores is not None:
        threshold = target.card.get("threshold")
        pictures["scores"] = figures.scores(target.name, scores.values, threshold)
    return Chapter(
        target=target,
        verdict=words.verdict(target),
        reachable=words.reachable(target),
        pictures=pictures,
        campaigns=curves.campaigns(rows.label, rows.probability) if rows.judged else [],
        scores=scores,
        scores_caption=words.scored(target, scores) if scores else "",
        protocol=words.protocol(target),
        lines=words.measured(target),
    )


def _judgements(name: str, rows: Rows) -> dict[str, Markup]:
    """Return the pictures that need rows of both classes."""
    label, other = rows.label, rows.baseline
    precision = curves.precision_recall(label, rows.probability)
    lift = None if other is None else curves.lift_by_decile(label, other)
    return {
        "roc": figures.roc(name, curves.roc(label, rows.probability), _of(curves.roc, rows)),
        "precision": figures.precision_recall(
            name, precision, _of(curves.precision_recall, rows), rows.prevalence
        ),
        "lift": figures.lift(name, curves.lift_by_decile(label, rows.probability), lift),
        "calibration": figures.calibration(name, curves.calibration(label, rows.probability)),
    }


def _of(curve: Callable[[Floats, Floats], Curve], rows: Rows) -> Curve | None:
    """Return the baseline's curve, where there is a baseline."""
    return None if rows.baseline is None else curve(rows.label, rows.baseline)


def _scatter(found: Segmentation) -> Markup | None:
    if found.dots is None:
        return None
    # By name, so that a segment has one colour in all pictures.
    order = sorted(set(found.dots.segment))
    return figures.segments(found.basis, found.dots, order)
