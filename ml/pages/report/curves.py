"""The numbers behind the pictures: curves, lift, calibration and campaign sizes of one ranking."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from ml.evaluation.thresholds import Costs, outcome, outcomes

Floats = NDArray[np.float64]
DECILES = 10
FEWEST = 20
CAMPAIGNS = (0.01, 0.05, 0.10, 0.20, 0.30)


@dataclass(frozen=True)
class Curve:
    """A line to draw."""

    x: Floats
    y: Floats


@dataclass(frozen=True)
class Point:
    """A place on a line."""

    x: float
    y: float


@dataclass(frozen=True)
class Decision:
    """What comes of saying yes from a threshold on; the profit is what all rows bring in."""

    threshold: float
    precision: float
    recall: float
    f1: float
    profit: float


@dataclass(frozen=True)
class Thresholds:
    """What comes of every threshold, falling, and of the one that the model chose."""

    threshold: Floats
    precision: Floats
    recall: Floats
    f1: Floats
    profit: Floats
    chosen: Decision


@dataclass(frozen=True)
class Campaign:
    """What contacting the best-ranked `share` of the rows would have brought."""

    share: float
    contacted: int
    found: float
    precision: float
    recall: float


@dataclass(frozen=True)
class Calibration:
    """Groups of rows of like probability: what was promised, what came, and its 95 % interval."""

    promised: Floats
    came: Floats
    low: Floats
    high: Floats


def roc(label: Floats, score: Floats) -> Curve:
    """Return false-positive rate against true-positive rate; needs both classes."""
    false_rate, true_rate, _ = roc_curve(label, score)
    return Curve(false_rate, true_rate)


def precision_recall(label: Floats, score: Floats) -> Curve:
    """Return recall against precision, recall rising; needs a positive.

    Selections of fewer than FEWEST rows are left out: one row more or less would move them far.
    """
    precision, recall, _ = precision_recall_curve(label, score)
    found = recall[:-1] * label.sum()
    enough = found >= np.minimum(FEWEST, len(label)) * precision[:-1]
    return Curve(recall[:-1][enough][::-1], precision[:-1][enough][::-1])


def positives_by_rank(label: Floats, score: Floats) -> Floats:
    """Return the expected label at each rank, best score first.

    Rows of equal score share their positives evenly, so the order of the input cannot flatter a
    coarse score.
    """
    _, group, size = np.unique(-score, return_inverse=True, return_counts=True)
    mean = np.bincount(group, weights=label) / size
    return np.asarray(np.repeat(mean, size), dtype=np.float64)


def gain(label: Floats, score: Floats) -> Curve:
    """Return the share of rows selected, best first, against the share of the positives found."""
    found = np.cumsum(positives_by_rank(label, score))
    share = np.arange(len(label) + 1) / len(label)
    return Curve(share, np.concatenate([[0.0], found / found[-1]]))


def thresholds(label: Floats, probability: Floats, chosen: float, costs: Costs) -> Thresholds:
    """Return what comes of each threshold; needs both classes.

    Selections of fewer than FEWEST rows are left out: one row more or less would move them far.
    """
    labels = label.astype(np.int8)
    scores, every = outcomes(labels, probability)
    enough = every.true_positive + every.false_positive >= min(FEWEST, len(label))
    of_chosen = outcome(labels, probability >= chosen)
    return Thresholds(
        threshold=scores[enough],
        precision=np.asarray(every.precision)[enough],
        recall=np.asarray(every.recall)[enough],
        f1=np.asarray(every.f1)[enough],
        profit=np.asarray(every.profit(costs))[enough],
        chosen=Decision(
            threshold=chosen,
            precision=float(of_chosen.precision),
            recall=float(of_chosen.recall),
            f1=float(of_chosen.f1),
            profit=float(of_chosen.profit(costs)),
        ),
    )


def on_roc(label: Floats, probability: Floats, threshold: float) -> Point:
    """Return where the threshold lies on the ROC curve; needs both classes."""
    chosen = probability >= threshold
    return Point(float(chosen[label == 0].mean()), float(chosen[label == 1].mean()))


def lift_by_decile(label: Floats, score: Floats) -> Floats:
    """Return each tenth's share of positives over the overall share, best tenth first.

    With fewer than ten rows there are as many groups as rows. Needs a positive.
    """
    parts = np.array_split(positives_by_rank(label, score), min(DECILES, len(label)))
    shares = np.array([float(part.mean()) for part in parts], dtype=np.float64)
    return np.asarray(shares / label.mean())


def campaigns(label: Floats, score: Floats) -> list[Campaign]:
    """Return what campaigns of several sizes would have found; needs a positive."""
    found = np.cumsum(positives_by_rank(label, score))
    rows = []
    for share in CAMPAIGNS:
        contacted = max(1, round(share * len(label)))
        reached = float(found[contacted - 1])
        rows.append(
            Campaign(share, contacted, reached, reached / contacted, reached / float(found[-1]))
        )
    return rows


def calibration(label: Floats, probability: Floats) -> Calibration:
    """Return promised against observed shares in up to ten groups of equal size.

    The interval is Wilson's, which stays inside 0..1 for rare positives.
    """
    order = np.argsort(probability, kind="stable")
    parts = np.array_split(order, min(DECILES, len(order)))
    promised = np.array([probability[part].mean() for part in parts])
    came = np.array([label[part].mean() for part in parts])
    size = np.array([len(part) for part in parts], dtype=float)
    z = 1.96
    centre = (came + z**2 / (2 * size)) / (1 + z**2 / size)
    half = z / (1 + z**2 / size) * np.sqrt(came * (1 - came) / size + z**2 / (4 * size**2))
    return Calibration(
        promised, came, np.minimum(centre - half, came), np.maximum(centre + half, came)
    )
