"""How sure a number is: bootstrap intervals over customers, the same draws each time."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.matrix import Rows

DRAWS = 200
Interval = tuple[float, float]


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
