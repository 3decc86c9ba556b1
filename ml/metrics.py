"""How good predictions are, each measure beside what a trivial answer would score."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from ml.matrix import Labels, Rows, Vector


@dataclass(frozen=True)
class Metric:
    """A measure, the same measure of a trivial answer, and which answer that is.

    A value is None where it is undefined, as ROC-AUC is when a class is absent.
    """

    name: str
    value: float | None
    trivial: float | None
    trivial_is: str
    error: float | None = None


@dataclass(frozen=True)
class Measured:
    """All metrics of one set of rows."""

    rows: int
    positives: int
    metrics: tuple[Metric, ...]

    def value(self, name: str) -> float | None:
        """Return the model's value of the metric called `name`."""
        return next(m.value for m in self.metrics if m.name == name)


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
    auc, error = roc_auc(labels, probabilities)
    ranked = roc_auc(labels, missing_last(baseline))[0]
    metrics = (
        Metric("roc_auc", auc, ranked, "baseline feature alone", error),
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


def roc_auc(labels: Labels, scores: Vector) -> tuple[float | None, float | None]:
    """Return ROC-AUC and its standard error (DeLong, 1988); None where it is undefined."""
    positive = labels == 1
    many, few = int((~positive).sum()), int(positive.sum())
    if not many or not few:
        return None, None
    ranks = rankdata(scores)
    above = (ranks[positive] - rankdata(scores[positive])) / many
    below = (ranks[~positive] - rankdata(scores[~positive])) / few
    if min(many, few) < 2:
        return float(above.mean()), None
    variance = above.var(ddof=1) / few + below.var(ddof=1) / many
    return float(above.mean()), float(np.sqrt(variance))


def roc_auc_within(labels: Labels, scores: Vector, fold_of: Rows) -> float | None:
    """Return the mean of the folds' ROC-AUC; None where no fold has both classes.

    Rows of different folds have their scores from different models, and are not compared.
    """
    found = [roc_auc(labels[fold_of == fold], scores[fold_of == fold])[0] for fold in set(fold_of)]
    known = [value for value in found if value is not None]
    return float(np.mean(known)) if known else None


def average_precision(labels: Labels, scores: Vector) -> float | None:
    """Return the area under the precision-recall curve; None without a positive."""
    positives = int(labels.sum())
    if not positives:
        return None
    _, found, taken = cuts(labels, scores)
    gained = np.diff(found, prepend=0)
    return float((gained * found / taken).sum() / positives)


def brier(labels: Labels, probabilities: Vector) -> float | None:
    """Return the mean squared error of the probabilities; None without rows."""
    return float(np.mean((probabilities - labels) ** 2)) if len(labels) else None


def log_loss(labels: Labels, probabilities: Vector) -> float | None:
    """Return the mean negative log-likelihood in nats; None without rows."""
    if not len(labels):
        return None
    right = np.where(labels == 1, probabilities, 1 - probabilities)
    return float(-np.log(np.clip(right, 1e-15, 1)).mean())


def f1(labels: Labels, chosen: NDArray[np.bool_]) -> float | None:
    """Return the F1 of choosing these rows; None without a positive."""
    positives = int(labels.sum())
    if not positives:
        return None
    return float(2 * labels[chosen].sum() / (positives + chosen.sum()))


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
    """Return the mean gap between promised and seen rates over ten equally full bins."""
    if not len(labels):
        return None
    order = np.argsort(probabilities, kind="stable")
    parts = np.array_split(order, min(bins, len(order)))
    gaps = [abs(float(probabilities[p].sum()) - float(labels[p].sum())) for p in parts]
    return sum(gaps) / len(labels)


def cuts(labels: Labels, scores: Vector) -> tuple[Vector, NDArray[Any], NDArray[Any]]:
    """Return each distinct score downwards, with the positives and the rows at or above it."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last = np.flatnonzero(np.append(np.diff(ranked) != 0, True))
    return ranked[last], np.cumsum(labels[order], dtype=np.int64)[last], last + 1
