"""What a fit has learnt, and from which time."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """What was learnt from n vectors of d values; a centre is a point among k components.

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
