"""Rare classes: which rows a fit sees and how much each weighs, and the way back from there."""

from dataclasses import dataclass

import numpy as np

from ml.data.split import thin
from ml.data.training_set import Labels, Rows, Vector

# As they are; classes of equal weight; the majority undersampled; the minority oversampled.
SAMPLINGS = ("none", "balanced", "down", "up")
# Beyond this many negatives, or five a positive, more of them cost time and teach nothing.
LEAST_NEGATIVES_KEPT = 10_000
NEGATIVES_A_POSITIVE = 5


@dataclass(frozen=True)
class Sample:
    """Rows to fit on, their weights, and the shift of log-odds that restores the prevalence."""

    rows: Rows
    weights: Vector
    shift: float


def resample(labels: Labels, sampling: str, seed: int, *, weighted: bool = True) -> Sample:
    """Return the rows that a fit on these labels shall see.

    Plentiful negatives are thinned with weights; then `sampling` evens the classes out. A model
    that was fitted to them tells probabilities of their prevalence; adding `shift` to its log-odds
    brings these back to the prevalence of `labels`.

    Args:
        labels: of the training rows alone; whoever judges sees rows as they are.
        sampling: one of `SAMPLINGS`.
        seed: of the random choice.
        weighted: whether the fit minds weights; if not, only the numbers of rows count.
    """
    rows, weights = thin(labels, _most_negatives(labels), seed)
    if sampling == "balanced":
        weights = weights * _evening(labels[rows], weights)
    elif sampling in ("down", "up"):
        rows = _even_rows(labels, rows, seed, down=sampling == "down")
        weights = np.ones(len(rows))
    seen = weights if weighted else np.ones(len(rows))
    shift = _log_odds(labels, np.ones(len(labels))) - _log_odds(labels[rows], seen)
    return Sample(rows, weights, shift)


def most_rows_kept(labels: Labels) -> int:
    """Return how many of these rows are left when plentiful negatives are thinned."""
    return min(len(labels), int(labels.sum()) + _most_negatives(labels))


def _most_negatives(labels: Labels) -> int:
    return max(LEAST_NEGATIVES_KEPT, NEGATIVES_A_POSITIVE * int(labels.sum()))


def _evening(labels: Labels, weights: Vector) -> Vector:
    """Return the factors that make both classes weigh half of the whole."""
    whole = weights.sum()
    of_positives = weights[labels == 1].sum()
    of_negatives = whole - of_positives
    return np.asarray(np.where(labels == 1, whole / of_positives, whole / of_negatives) / 2)


def _even_rows(labels: Labels, rows: Rows, seed: int, *, down: bool) -> Rows:
    rng = np.random.default_rng(seed)
    few, many = sorted((rows[labels[rows] == 1], rows[labels[rows] == 0]), key=len)
    if down:
        many = rng.choice(many, len(few), replace=False)
    else:
        few = np.concatenate([few, rng.choice(few, len(many) - len(few))])
    return np.sort(np.concatenate([few, many]))


def _log_odds(labels: Labels, weights: Vector) -> float:
    of_positives = weights[labels == 1].sum()
    return float(np.log(of_positives / (weights.sum() - of_positives)))
