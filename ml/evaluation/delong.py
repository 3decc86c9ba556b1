"""Two rankings of the same rows: which is better, and whether luck explains it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

Floats = NDArray[np.float64]
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Comparison:
    """ROC-AUC of two rankings of the same rows: the gain of one on the other, and its error.

    `p_value` is that of DeLong's paired test, two-sided: how often luck alone parts two equally
    good rankings so far.
    """

    rows: int
    positives: int
    value: float
    other: float
    gain: float
    error: float
    p_value: float

    @property
    def worse(self) -> bool:
        """Whether the ranking is worse than the other by more than luck explains."""
        return self.gain < 0 and self.p_value < SIGNIFICANT

    def __str__(self) -> str:
        return (
            f"ROC-AUC {self.value:.4f} against {self.other:.4f} ({self.gain:+.4f} ± "
            f"{self.error:.4f}, p = {self.p_value:.2g}, DeLong's paired test)"
        )


def compare(label: Floats, score: Floats, other: Floats) -> Comparison:
    """Return how `score` compares with `other`; `label` (0 or 1) needs both classes."""
    gain, error = auc_gain(label, score, other)
    distance = abs(gain) / error if error else float("inf") if gain else 0.0
    positive = label == 1
    return Comparison(
        rows=len(label),
        positives=int(positive.sum()),
        value=float(placements(label, score)[positive].mean()),
        other=float(placements(label, other)[positive].mean()),
        gain=gain,
        error=error,
        p_value=float(2 * norm.sf(distance)),
    )


def auc_gain(label: Floats, score: Floats, other: Floats) -> tuple[float, float]:
    """Return how much ROC-AUC `score` gains on `other`, and that gain's standard error.

    Both rank the same rows, so DeLong's placements are subtracted row by row (DeLong, 1988).
    Needs both classes; the error is infinite where a class has one row.
    """
    positive = label == 1
    few, many = int(positive.sum()), int((~positive).sum())
    difference = placements(label, score) - placements(label, other)
    gain = float(difference[positive].mean())
    if min(few, many) < 2:
        return gain, float("inf")
    variance = difference[positive].var(ddof=1) / few + difference[~positive].var(ddof=1) / many
    return gain, float(np.sqrt(variance))


def placements(label: NDArray[Any], score: Floats) -> Floats:
    """Return for each row the share of the other class that it is rightly ranked against."""
    positive = label == 1
    placed = np.empty(len(label))
    ranks = rankdata(score)
    placed[positive] = (ranks[positive] - rankdata(score[positive])) / (~positive).sum()
    placed[~positive] = 1 - (ranks[~positive] - rankdata(score[~positive])) / positive.sum()
    return placed
