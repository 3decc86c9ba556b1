"""The scores of a matrix of features, and reasons for them, wherever the matrix is made."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ml.data.feature import Feature
from ml.data.training_set import Matrix, check_features, finite
from ml.models import Model
from ml.serving.reasons import Meaning, reasons

if TYPE_CHECKING:
    from ml.store import FeatureMatrix

SCORES = pa.schema(
    [("customer_id", pa.string()), ("score", pa.float64()), ("reasons", pa.list_(pa.string()))]
)


@dataclass(frozen=True)
class Scorer:
    """A model as a picklable callable: features of customers in, their scores out.

    `means` are the meanings of the features, in the model's order; None where no reasons are asked.
    """

    model: Model
    features: tuple[Feature, ...]
    means: Sequence[Meaning] | None

    def __call__(self, found: "FeatureMatrix") -> pa.Table:
        """Return the scores of retrieved features, columns as SCORES.

        Raises:
            AlmanacError: a feature is missing or has another type than it had in training.
        """
        matrix = inputs(found, self.features)
        return self.scored(found.rows["customer_id"].combine_chunks(), matrix)

    def scored(self, customers: pa.Array, matrix: Matrix) -> pa.Table:
        """Return the scores of the customers who have any feature, columns as SCORES."""
        known = have_any(matrix)
        given = matrix[known]
        if self.means is None:
            texts = pa.nulls(len(given), pa.list_(pa.string()))
        else:
            texts = pa.array(reasons(self.model, given, self.means), pa.list_(pa.string()))
        ids = customers.filter(pa.array(known)).cast(pa.string())
        scores = pa.array(self.model.predict(given), pa.float64())
        return pa.table([ids, scores, texts], schema=SCORES)


def inputs(found: "FeatureMatrix", features: Sequence[Feature]) -> Matrix:
    """Return retrieved features in a model's order, an infinity as NaN.

    Raises:
        AlmanacError: a feature is missing or has another type than it had in training.
    """
    check_features(pa.schema(list(found.types.items())), features)
    place_of = {name: place for place, name in enumerate(found.types)}
    return finite(found.values[:, [place_of[feature.name] for feature in features]])


def have_any(matrix: Matrix) -> NDArray[np.bool_]:
    """Return which rows have any feature."""
    return np.logical_not(np.isnan(matrix).all(axis=1))
