"""Models of scikit-learn: one class for every family of them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.base import ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from ml.data.training_set import Labels, Matrix, Vector, blocks, evenly
from ml.models.encoding import adding, encoded
from ml.models.family import Columns, Family, Model, Parameters, Space
from ml.models.sealed import seal, unseal

# Makes an unfitted pipeline of parameters, for so many columns, with a seed.
Maker = Callable[[Parameters, int, int], Pipeline]
CLASSIFY = "classify"
# Medians and scales need no more rows, evenly spaced.
_TYPICAL_ROWS = 10_000


@dataclass(frozen=True)
class Pipelined(Model):
    """A fitted pipeline, and the values that stand for a typical row: medians in training."""

    family: str  # type: ignore[misc]
    pipeline: Pipeline
    typical: NDArray[np.float32]

    def margin(self, matrix: Matrix) -> Vector:
        """Return the classifier's decision function, or the log-odds of its voters' share."""
        classify = self.pipeline[CLASSIFY]
        if hasattr(classify, "decision_function"):
            return np.asarray(self.pipeline.decision_function(matrix), dtype=np.float64)
        share = np.asarray(self.pipeline.predict_proba(matrix)[:, 1], dtype=np.float64)
        # Half a vote for either side: nobody is sure, and the order stays.
        votes = _votes(classify)
        return np.asarray(logit((share * votes + 0.5) / (votes + 1)))

    @property
    def exact(self) -> bool:
        """Whether the classifier is linear."""
        return isinstance(self.pipeline[CLASSIFY], LogisticRegression)

    def margin_parts(self, matrix: Matrix, asked: Columns | None = None) -> NDArray[np.float64]:
        """Return coefficient times scaled value, or what a typical value in its place changes."""
        if self.exact:
            return self._linear_parts(matrix)
        whole, typical = self.margin(matrix), matrix.copy()
        parts = np.zeros(matrix.shape)
        for column in range(matrix.shape[1]) if asked is None else asked:
            typical[:, column] = self.typical[column]
            parts[:, column] = whole - self.margin(typical)
            typical[:, column] = matrix[:, column]
        return parts

    def content(self) -> bytes:
        """Return a skops file."""
        return seal({"pipeline": self.pipeline, "typical": self.typical})

    def _linear_parts(self, matrix: Matrix) -> NDArray[np.float64]:
        """Return each value's addend, those of its null flag and of its codes counted with it."""
        weights = adding(self.pipeline, matrix.shape[1], self.pipeline[CLASSIFY].coef_[0])
        return np.asarray(self.pipeline[:-1].transform(matrix) @ weights, dtype=np.float64)


def family(name: str, make: Maker, space: Space, *, weighted: bool = True) -> Family:
    """Return the family of the pipelines that `make` makes."""

    def learn(
        matrix: Matrix, labels: Labels, weights: Vector, parameters: Parameters, seed: int
    ) -> Pipelined:
        typical = _typical(evenly(matrix, _TYPICAL_ROWS))
        empty = np.isnan(matrix).all(axis=0)
        if empty.any():
            # A column of nulls alone says nothing, and not every classifier takes it.
            matrix = np.where(empty, np.float32(0), matrix)
        pipeline = make(parameters, matrix.shape[1], seed)
        pipeline = encoded(
            pipeline, parameters.get("encode", "none"), evenly(matrix, _TYPICAL_ROWS)
        )
        given = {"sample_weight": weights} if weighted else {}
        pipeline[CLASSIFY].fit(_prepared(pipeline, matrix), labels, **given)
        return Pipelined(name, pipeline, typical)

    def parse(content: bytes) -> Pipelined:
        held = unseal(content)
        return Pipelined(name, held["pipeline"], held["typical"])

    return Family(name, "model.skops", parse, learn, space, weighted=weighted)


def _prepared(pipeline: Pipeline, matrix: Matrix) -> Matrix | NDArray[np.float64]:
    """Return what the classifier is given; the steps before it learn from few rows.

    They work on doubles, several copies of them: a block of rows at a time.
    """
    if len(pipeline) == 1:
        return matrix
    steps = pipeline[:-1].fit(evenly(matrix, _TYPICAL_ROWS))
    prepared = np.empty((len(matrix), steps.transform(matrix[:1]).shape[1]))
    for block in blocks(len(matrix)):
        prepared[block] = steps.transform(matrix[block])
    return prepared


def _typical(matrix: Matrix) -> NDArray[np.float32]:
    known = ~np.isnan(matrix).all(axis=0)
    typical = np.full(matrix.shape[1], np.nan, dtype=np.float32)
    typical[known] = np.nanmedian(matrix[:, known], axis=0)
    return typical


def _votes(classify: ClassifierMixin) -> int:
    return int(getattr(classify, "n_estimators", 0) or getattr(classify, "n_neighbors", 20))
