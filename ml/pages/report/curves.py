"""The numbers behind the pictures: curves, lift, calibration and campaign sizes of a ranking."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from ml.evaluation.thresholds import Costs, outcome, outcomes

Floats = NDArray[np.float64]
DECILES = 10
# Selections of fewer rows are not drawn: one row more or less would move them far.
FEWEST = 20
CAMPAIGN_SHARES = (0.01, 0.05, 0.10, 0.20, 0.30)


@dataclass(frozen=True)
class Curve:
    """A curve to draw, one entry a point."""

    x: Floats
    y: Floats


@dataclass(frozen=True)
class Point:
    """A point on a curve."""

    x: float
    y: float


@dataclass(frozen=True)
class ThresholdOutcome:
    """Measures of answering yes from a threshold on; `profit` is the sum over all rows."""

    threshold: float
    precision: float
    recall: float
    f1: float
    profit: float


@dataclass(frozen=True)
class ThresholdCurves:
    """Measures at every threshold, the highest first, and at the model's own (`chosen`)."""

    threshold: Floats
    precision: Floats
    recall: Floats
    f1: Floats
    profit: Floats
    chosen: ThresholdOutcome


@dataclass(frozen=True)
class Campaign:
    """Contacting the best-ranked `share` of the rows: how many rows, and positives among them."""

    share: float
    contacted: int
    found: float
    precision: float
    recall: float


@dataclass(frozen=True)
class CalibrationGroups:
    """Groups of rows of similar probability, one entry a group.

    `predicted` is the mean probability, `observed` the share of positives; `low` and `high` are the
    ends of its 95 % interval.
    """

    predicted: Floats
    observed: Floats
    low: Floats
    high: Floats


def roc(label: Floats, score: Floats) -> Curve:
    """Return false-positive rate against true-positive rate; needs both classes."""
    false_rate, true_rate, _ = roc_curve(label, score)
    return Curve(false_rate, true_rate)


def precision_recall(label: Floats, score: Floats) -> Curve:
    """Return recall against precision, recall rising; needs a positive.

    Thresholds that select fewer than FEWEST rows are left out.
    """
    precision, recall, _ = precision_recall_curve(label, score)
    found = recall[:-1] * label.sum()
    enough = found >= np.minimum(FEWEST, len(label)) * precision[:-1]
    return Curve(recall[:-1][enough][::-1], precision[:-1][enough][::-1])


def positives_by_rank(label: Floats, score: Floats) -> Floats:
    """Return the expected label at each rank, best score first.

    Rows of equal score share their positives evenly, so that the order of the input does not
    matter.
    """
    _, group, size = np.unique(-score, return_inverse=True, return_counts=True)
    mean = np.bincount(group, weights=label) / size
    return np.asarray(np.repeat(mean, size), dtype=np.float64)


def gain(label: Floats, score: Floats) -> Curve:
    """Return the share of rows selected, best first, against the share of the positives found."""
    found = np.cumsum(positives_by_rank(label, score))
    share = np.arange(len(label) + 1) / len(label)
    return Curve(share, np.concatenate([[0.0], found / found[-1]]))


def threshold_curves(
    label: Floats, probability: Floats, chosen: float, costs: Costs
) -> ThresholdCurves:
    """Return the measures at each threshold; needs both classes.

    Thresholds that select fewer than FEWEST rows are left out.
    """
    labels = label.astype(np.int8)
    scores, all_outcomes = outcomes(labels, probability)
    enough = all_outcomes.true_positive + all_outcomes.false_positive >= min(FEWEST, len(label))
    chosen_outcome = outcome(labels, probability >= chosen)
    return ThresholdCurves(
        threshold=scores[enough],
        precision=np.asarray(all_outcomes.precision)[enough],
        recall=np.asarray(all_outcomes.recall)[enough],
        f1=np.asarray(all_outcomes.f1)[enough],
        profit=np.asarray(all_outcomes.profit(costs))[enough],
        chosen=ThresholdOutcome(
            threshold=chosen,
            precision=float(chosen_outcome.precision),
            recall=float(chosen_outcome.recall),
            f1=float(chosen_outcome.f1),
            profit=float(chosen_outcome.profit(costs)),
        ),
    )


def on_roc(label: Floats, probability: Floats, threshold: float) -> Point:
    """Return where the threshold lies on the ROC curve; needs both classes."""
    chosen = probability >= threshold
    return Point(float(chosen[label == 0].mean()), float(chosen[label == 1].mean()))


def lift_by_decile(label: Floats, score: Floats) -> Floats:
    """Return the lift of each tenth: its share of positives over the overall share, best first.

    With fewer than ten rows there are as many groups as rows. Needs a positive.
    """
    groups = np.array_split(positives_by_rank(label, score), min(DECILES, len(label)))
    shares = np.array([float(group.mean()) for group in groups], dtype=np.float64)
    return np.asarray(shares / label.mean())


def campaigns(label: Floats, score: Floats) -> list[Campaign]:
    """Return what campaigns of several sizes would have found; needs a positive."""
    found = np.cumsum(positives_by_rank(label, score))
    rows = []
    for share in CAMPAIGN_SHARES:
        contacted = max(1, round(share * len(label)))
        reached = float(found[contacted - 1])
        rows.append(
            Campaign(share, contacted, reached, reached / contacted, reached / float(found[-1]))
        )
    return rows


def calibration(label: Floats, probability: Floats) -> CalibrationGroups:
    """Return predicted against observed shares in up to ten groups of equal size.

    The interval is Wilson's, which stays inside 0..1 for rare positives.
    """
    order = np.argsort(probability, kind="stable")
    groups = np.array_split(order, min(DECILES, len(order)))
    predicted = np.array([probability[group].mean() for group in groups])
    observed = np.array([label[group].mean() for group in groups])
    size = np.array([len(group) for group in groups], dtype=float)
    z = 1.96
    centre = (observed + z**2 / (2 * size)) / (1 + z**2 / size)
    half = z / (1 + z**2 / size) * np.sqrt(observed * (1 - observed) / size + z**2 / (4 * size**2))
    return CalibrationGroups(
        predicted,
        observed,
        np.minimum(centre - half, observed),
        np.maximum(centre + half, observed),
    )
