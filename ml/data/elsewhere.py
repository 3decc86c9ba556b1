"""What fits a model to rows of a mapped matrix where there is more memory than in this process."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray


class FitSample(NamedTuple):
    """Rows and columns of a matrix by position, and each row's label and weight."""

    matrix: NDArray[np.float32]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    labels: NDArray[np.int8]
    weights: NDArray[np.float64]

    @property
    def bytes(self) -> int:
        """How much memory a copy takes."""
        return len(self.rows) * len(self.columns) * self.matrix.itemsize


class Elsewhere(Protocol):
    """Fits models where there is more memory."""

    @property
    def most_bytes(self) -> int:
        """How many bytes a fit may take in this process."""
        ...

    def __enter__(self) -> Self:
        """Return it; what a fit starts serves the next ones."""
        ...

    def __exit__(self, *error: object) -> None:
        """End what the fits started."""
        ...

    def xgboost(
        self, sample: FitSample, parameters: Mapping[str, Any], rounds: int, seed: int
    ) -> bytes:
        """Return XGBoost's JSON of a classifier of so many trees, fitted to the sample.

        `parameters` are XGBoost's, by the names they have there.

        Raises:
            AlmanacError: it cannot be fitted there; the text says why.
        """
        ...
