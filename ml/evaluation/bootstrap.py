"""How sure a number is: 95 % bootstrap intervals over customers, whose rows come together.

Every interval of a model's figures comes from here, by the same draws: a figure has one interval
wherever it is shown, inside its measure's range, and differences are paired.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.data.training_set import Vector
from ml.evaluation.metrics import Counts, Statistic

DRAWS = 200
# With one customer of a class, 37 % of the draws are without; with two, 14 %.
_MOST_UNDEFINED = 0.25
Interval = tuple[float, float]


@dataclass(frozen=True)
class Estimate:
    """A number made of rows, and what it is in each draw of customers; NaN where undefined."""

    value: float
    drawn: Vector

    def __sub__(self, other: "Estimate") -> "Estimate":
        """Return the difference of two numbers made of the same rows."""
        return Estimate(self.value - other.value, self.drawn - other.drawn)

    @property
    def interval(self) -> Interval | None:
        """The middle 95 % of the draws; None with a single customer of a class, or none."""
        undefined = np.isnan(self.drawn)
        if undefined.mean() > _MOST_UNDEFINED:
            return None
        low, high = np.quantile(self.drawn[~undefined], (0.025, 0.975))
        return float(low), float(high)


def estimate(statistic: Statistic, customers: NDArray[Any]) -> Estimate | None:
    """Return the statistic of the rows as `estimates` does; None where it is undefined."""
    return estimates({"": statistic}, customers).get("")


def estimates(statistics: Mapping[str, Statistic], customers: NDArray[Any]) -> dict[str, Estimate]:
    """Return each statistic of the rows, with its draws; none that the rows leave undefined.

    Customers are drawn with replacement, in the order of their ids, by the same seed always.

    Args:
        statistics: each takes how often every row is drawn.
        customers: whose each row is; a customer's rows are drawn together, for they are alike.
    """
    names, codes = np.unique(customers, return_inverse=True)
    whole = np.ones(len(codes), dtype=np.int64)
    values = {name: each(whole) for name, each in statistics.items()}
    known = {name: value for name, value in values.items() if value is not None}
    if not known:
        return {}
    drawn = [[statistics[name](counts) for name in known] for counts in _draws(len(names), codes)]
    columns = np.array(drawn, dtype=np.float64).T
    return {
        name: Estimate(value, column)
        for (name, value), column in zip(known.items(), columns, strict=True)
    }


def _draws(customers: int, codes: NDArray[np.int64]) -> Iterator[Counts]:
    """Yield how often each row is drawn with its customer."""
    rng = np.random.default_rng(0)
    for _ in range(DRAWS):
        drawn = rng.integers(customers, size=customers)
        yield np.bincount(drawn, minlength=customers)[codes]
