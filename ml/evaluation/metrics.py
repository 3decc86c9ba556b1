"""How good predictions are, each measure beside what a trivial answer would score."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics as sklearn_metrics

from ml.data.training_set import Labels, Rows, Vector
from ml.evaluation.measured import Measured, Metric

# Bootstrap weights (how often each row counts), and a statistic of rows that count so.
Counts = NDArray[np.int64]
Statistic = Callable[[Counts], float | None]


def measure(
    labels: Labels,
    probabilities: Vector,
    *,
    prior: float,
    chosen: NDArray[np.bool_],
    baseline: Vector,
) -> Measured:
    """Return every metric of `probabilities` against `labels`.

    Args:
        labels: 0 or 1 a row.
        probabilities: the model's, in 0..1.
        prior: the prevalence in the training rows: what a model of no features would say.
        chosen: the rows above the threshold.
        baseline: the single-feature ranking, larger meaning likelier, NaN where it says nothing.
    """
    prevalence = float(labels.mean()) if len(labels) else None
    constant = np.full(len(labels), prior)
    precision, recall, lift = top_decile(labels, probabilities)
    auc, ranked = roc_auc(labels, probabilities), roc_auc(labels, missing_last(baseline))
    metrics = (
        Metric("roc_auc", auc, ranked, "baseline feature alone"),
        Metric("pr_auc", average_precision(labels, probabilities), prevalence, "prevalence"),
        Metric("brier", brier(labels, probabilities), brier(labels, constant), "prior"),
        Metric("log_loss", log_loss(labels, probabilities), log_loss(labels, constant), "prior"),
        Metric("f1", f1(labels, chosen), f1(labels, np.ones_like(chosen)), "always yes"),
        Metric("precision_top_decile", precision, prevalence, "random tenth"),
        Metric("recall_top_decile", recall, 0.1, "random tenth"),
        Metric("lift_top_decile", lift, 1.0, "random tenth"),
        Metric("calibration_error", calibration_error(labels, probabilities),
               calibration_error(labels, constant), "prior"),
    )  # fmt: skip
    return Measured(len(labels), int(labels.sum()), metrics)


def missing_last(ranking: Vector) -> Vector:
    """Return `ranking` with what is missing ranked below everything else."""
    return np.where(np.isnan(ranking), -np.inf, ranking)


def roc_auc(labels: Labels, scores: Vector) -> float | None:
    """Return ROC-AUC; None where a class is absent."""
    return roc_auc_statistic(labels, scores)(_once(labels))


def roc_auc_within(labels: Labels, scores: Vector, fold_of: Rows) -> float | None:
    """Return the mean of the folds' ROC-AUC; None where no fold has both classes.

    Rows of different folds have their scores from different models, and are not compared.
    """
    return roc_auc_statistic(labels, scores, fold_of)(_once(labels))


def roc_auc_statistic(labels: Labels, scores: Vector, fold_of: Rows | None = None) -> Statistic:
    """Return ROC-AUC, within folds if given their mean, as a statistic of bootstrap weights."""
    fold_of = np.zeros(len(labels), dtype=np.int64) if fold_of is None else fold_of
    folds = [_fold_auc(labels, scores, np.flatnonzero(fold_of == f)) for f in np.unique(fold_of)]

    def statistic(counts: Counts) -> float | None:
        known = [value for fold in folds if (value := fold(counts)) is not None]
        return float(np.mean(known)) if known else None

    return statistic


def _fold_auc(labels: Labels, scores: Vector, rows: Rows) -> Statistic:
    """Return the share of pairs of both classes that is rightly ranked, ties by half."""
    positive, negative = rows[labels[rows] == 1], rows[labels[rows] == 0]
    negative = negative[np.argsort(scores[negative])]
    below = np.searchsorted(scores[negative], scores[positive], "left")
    upto = np.searchsorted(scores[negative], scores[positive], "right")

    def statistic(counts: Counts) -> float | None:
        before, won = np.append(0, np.cumsum(counts[negative])), counts[positive]
        pairs = won.sum() * before[-1]
        return float(won @ (before[below] + before[upto]) / (2 * pairs)) if pairs else None

    return statistic


def average_precision(labels: Labels, scores: Vector) -> float | None:
    """Return the area under the precision-recall curve; None without a positive."""
    return average_precision_statistic(labels, scores)(_once(labels))


def average_precision_statistic(labels: Labels, scores: Vector) -> Statistic:
    """Return the area under the precision-recall curve as a statistic of bootstrap weights."""
    order = np.argsort(-scores)
    positive = order[labels[order] == 1]
    # As many rows, and as many positives, have at least the score of each positive.
    upto = np.searchsorted(-scores[order], -scores[positive], "right") - 1
    found_upto = np.searchsorted(-scores[positive], -scores[positive], "right") - 1

    def statistic(counts: Counts) -> float | None:
        gained = counts[positive]
        if not gained.any():
            return None
        found, taken = np.cumsum(gained)[found_upto], np.cumsum(counts[order])[upto]
        return float((gained * found / np.maximum(1, taken)).sum() / gained.sum())

    return statistic


def brier(labels: Labels, probabilities: Vector) -> float | None:
    """Return the mean squared error of the probabilities; None without rows."""
    return brier_statistic(labels, probabilities)(_once(labels))


def brier_statistic(labels: Labels, probabilities: Vector) -> Statistic:
    """Return the mean squared error of the probabilities as a statistic of bootstrap weights."""
    wrong = (probabilities - labels) ** 2
    return lambda counts: float((wrong * counts).sum() / counts.sum()) if len(counts) else None


def log_loss(labels: Labels, probabilities: Vector) -> float | None:
    """Return the mean negative log-likelihood in nats; None without rows."""
    if not len(labels):
        return None
    return float(sklearn_metrics.log_loss(labels, probabilities, labels=[0, 1]))


def f1(labels: Labels, chosen: NDArray[np.bool_]) -> float | None:
    """Return the F1 of choosing these rows; None without a positive."""
    if not labels.any():
        return None
    return float(sklearn_metrics.f1_score(labels, chosen, zero_division=0.0))


def top_decile(labels: Labels, scores: Vector) -> tuple[float | None, float | None, float | None]:
    """Return precision, recall and lift of the tenth with the highest scores.

    Ties at the cut count by their share, so that the rows' order does not matter.
    """
    positives = int(labels.sum())
    if not positives:
        return None, None, None
    size = -(-len(labels) // 10)
    cut = np.partition(scores, -size)[-size]
    above, tied = scores > cut, scores == cut
    hits = float(labels[above].sum() + (size - above.sum()) * labels[tied].mean())
    precision = hits / size
    return precision, hits / positives, precision * len(labels) / positives


def calibration_error(labels: Labels, probabilities: Vector, bins: int = 10) -> float | None:
    """Return the mean gap between predicted and observed rates over equally full bins."""
    if not len(labels):
        return None
    order = np.argsort(probabilities, kind="stable")
    groups = np.array_split(order, min(bins, len(order)))
    gaps = [abs(float(probabilities[g].sum()) - float(labels[g].sum())) for g in groups]
    return sum(gaps) / len(labels)


def cuts(labels: Labels, scores: Vector) -> tuple[Vector, NDArray[Any], NDArray[Any]]:
    """Return each distinct score downwards, with the positives and the rows at or above it."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last = np.flatnonzero(np.append(np.diff(ranked) != 0, True))
    return ranked[last], np.cumsum(labels[order], dtype=np.int64)[last], last + 1


def _once(labels: Labels) -> Counts:
    return np.ones(len(labels), dtype=np.int64)
