"""A fit of components and clusters, and the period it was fitted on."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """PCA and k-means of n vectors of d values; the c centres are in the space of the k components.

    Shapes: mean (d), components (k, d), explained (k), centres (c, k), shares (c).
    """

    vectors: int
    mean: Doubles
    components: Doubles
    explained: Doubles
    centres: Doubles
    shares: Doubles

    def project(self, vectors: NDArray[np.float32]) -> Doubles:
        """Return the components of `vectors` (n, d) as (n, k)."""
        return np.asarray((vectors - self.mean) @ self.components.T, dtype=np.float64)


@dataclass(frozen=True)
class Version:
    """A fit on the dialogues of `fitted_from` up to, and without, `fitted_until`."""

    number: int
    fitted_from: datetime
    fitted_until: datetime
    fit: Fit
