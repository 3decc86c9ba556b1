"""How sure a number is: 95 % intervals over customers, whose rows come together."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.matrix import Labels, Rows, Vector
from ml.paired import placements

DRAWS = 200
NORMAL = 1.96
Interval = tuple[float, float]


@dataclass(frozen=True)
class Estimate:
    """A number made of rows, and what each of them contributes to its error."""

    value: float
    influence: Vector

    def __sub__(self, other: "Estimate") -> "Estimate":
        """Return the difference of two numbers made of the same rows."""
        return Estimate(self.value - other.value, self.influence - other.influence)

    def interval(self, customers: NDArray[Any]) -> Interval:
        """Return the 95 % interval; `customers` says whose each row is."""
        _, codes = np.unique(customers, return_inverse=True)
        error = float(np.sqrt((np.bincount(codes, weights=self.influence) ** 2).sum()))
        return self.value - NORMAL * error, self.value + NORMAL * error


def estimated_auc(labels: Labels, scores: Vector, part_of: Rows) -> Estimate | None:
    """Return the mean of the parts' ROC-AUC; None where no part has two rows of each class.

    Rows of different parts are not compared. Influences are DeLong's placements (DeLong, 1988);
    with one row a customer and one part, the interval is his.
    """
    found, influence = [], np.zeros(len(labels))
    for part in np.unique(part_of):
        rows = np.flatnonzero(part_of == part)
        positive = labels[rows] == 1
        if min(positive.sum(), (~positive).sum()) < 2:
            continue
        placed = placements(labels[rows], scores[rows])
        value = float(placed[positive].mean())
        size = np.where(positive, positive.sum(), (~positive).sum())
        influence[rows] = (placed - value) / np.sqrt(size * (size - 1))
        found.append(value)
    if not found:
        return None
    return Estimate(float(np.mean(found)), influence / len(found))


def bootstrap(
    statistic: Callable[[Rows], float | None], customers: NDArray[Any], draws: int = DRAWS
) -> Interval | None:
    """Return the middle 95 % of a statistic over draws of customers with replacement.

    `statistic` takes the positions of rows, of which one may come several times. A customer's rows
    come together, for they are alike. None where it is undefined in most of the draws.
    """
    names, codes = np.unique(customers, return_inverse=True)
    if not len(names):
        return None
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(len(names) + 1))
    rng = np.random.default_rng(0)
    drawn = (rng.integers(len(names), size=len(names)) for _ in range(draws))
    found = [statistic(_rows_of(each, order, starts)) for each in drawn]
    known = [value for value in found if value is not None]
    if len(known) < draws / 2:
        return None
    low, high = np.quantile(known, (0.025, 0.975))
    return float(low), float(high)


def _rows_of(drawn: NDArray[Any], order: NDArray[Any], starts: NDArray[Any]) -> Rows:
    """Return the positions of the rows of the drawn customers."""
    lengths = starts[drawn + 1] - starts[drawn]
    ends = np.cumsum(lengths)
    within = np.arange(ends[-1]) - np.repeat(ends - lengths, lengths)
    return np.asarray(order[np.repeat(starts[drawn], lengths) + within])
