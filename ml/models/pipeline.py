"""Models of scikit-learn: one class for every family of them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.base import ClassifierMixin
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from ml.data.mapped import blocks
from ml.data.training_set import Labels, Matrix, Vector, evenly
from ml.models import parallel
from ml.models.bounds import check_estimator
from ml.models.encoding import adding, encoded
from ml.models.family import Columns, Family, Model, Parameters, Space
from ml.models.sealed import seal, unseal

# Makes an unfitted pipeline of parameters, for so many columns, with a seed.
Maker = Callable[[Parameters, int, int], Pipeline]
CLASSIFY = "classify"
# Medians and scales need no more rows, evenly spaced.
_TYPICAL_ROWS = 10_000
# Rows changed in one column each are asked about together: so many values are 20 MB.
_MOST_CHANGED_VALUES = 5_000_000


@dataclass(frozen=True)
class Pipelined(Model):
    """A fitted pipeline, and the values that stand for a typical row: medians in training."""

    family: str  # type: ignore[misc]
    pipeline: Pipeline
    typical: NDArray[np.float32]

    def margin(self, matrix: Matrix) -> Vector:
        """Return the classifier's decision function, or the log-odds of its voters' share."""
        classify, prepared = self.pipeline[CLASSIFY], _transformed(self.pipeline, matrix)
        if isinstance(classify, LogisticRegression):
            # Each row by itself: a product of matrices adds in an order that their shapes decide.
            rows = np.ascontiguousarray(prepared, dtype=np.float64)
            added = np.einsum("ij,j->i", rows, classify.coef_[0])
            return np.asarray(added + classify.intercept_[0])
        if hasattr(classify, "decision_function"):
            return np.asarray(classify.decision_function(prepared), dtype=np.float64)
        share = np.asarray(_share(classify, prepared), dtype=np.float64)
        # Half a vote for either side: nobody is sure, and the order stays.
        votes = votes_of(classify)
        return np.asarray(logit((share * votes + 0.5) / (votes + 1)))

    @property
    def exact(self) -> bool:
        """Whether the classifier is linear."""
        return isinstance(self.pipeline[CLASSIFY], LogisticRegression)

    def margin_parts(self, matrix: Matrix, asked: Columns | None = None) -> NDArray[np.float64]:
        """Return coefficient times scaled value, or what a typical value in its place changes."""
        if self.exact:
            return self._linear_parts(matrix)
        rows, width = matrix.shape
        whole, parts = self.margin(matrix), np.zeros(matrix.shape)
        columns = np.arange(width) if asked is None else np.asarray(asked, dtype=np.int64)

        def compare(some: NDArray[np.int64]) -> None:
            changed = np.repeat(matrix[None], len(some), axis=0)
            changed[np.arange(len(some)), :, some] = self.typical[some, None]
            margins = self.margin(changed.reshape(-1, width)).reshape(len(some), rows)
            parts[:, some] = (whole - margins).T

        at_once = max(1, _MOST_CHANGED_VALUES // max(1, rows * width))
        pieces = [columns[i : i + at_once] for i in range(0, len(columns), at_once)]
        if len(pieces) == 1:
            # Asking all libraries for one thread takes longer than so little work.
            compare(pieces[0])
        else:
            parallel.each(compare, pieces)
        return parts

    def content(self) -> bytes:
        """Return a skops file."""
        return self._sealed

    @cached_property
    def _sealed(self) -> bytes:
        # A model's id and its file both need it, and a forest takes seconds to seal.
        return seal({"pipeline": self.pipeline, "typical": self.typical})

    def _linear_parts(self, matrix: Matrix) -> NDArray[np.float64]:
        """Return each value's addend, those of its null flag and of its codes counted with it."""
        weights = adding(self.pipeline, matrix.shape[1], self.pipeline[CLASSIFY].coef_[0])
        return np.asarray(_transformed(self.pipeline, matrix) @ weights, dtype=np.float64)


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
        classify = pipeline[CLASSIFY].fit(_prepared(pipeline, matrix), labels, **given)
        if isinstance(classify, LogisticRegression):
            classify.coef_ = classify.coef_.astype(np.float64)
            classify.intercept_ = classify.intercept_.astype(np.float64)
        return Pipelined(name, pipeline, typical)

    def parse(content: bytes) -> Pipelined:
        held = unseal(content)
        check_estimator(held["pipeline"])
        return Pipelined(name, held["pipeline"], held["typical"])

    return Family(name, "model.skops", parse, learn, space, weighted=weighted)


def _prepared(pipeline: Pipeline, matrix: Matrix) -> Matrix | NDArray[np.float64]:
    """Return what the classifier is given; the steps before it learn from few rows.

    They work on doubles, several copies of them: a block of rows at a time.
    """
    if len(pipeline) == 1:
        return matrix
    pipeline[:-1].fit(evenly(matrix, _TYPICAL_ROWS))
    width = _transformed(pipeline, matrix[:1]).shape[1]
    # A logistic regression's steps read all rows twice: half the bytes take half the time.
    narrow = isinstance(pipeline[CLASSIFY], LogisticRegression)
    prepared = np.empty((len(matrix), width), np.float32 if narrow else np.float64)
    for block in blocks(len(matrix)):
        prepared[block] = _transformed(pipeline, matrix[block])
    return prepared


def _transformed(pipeline: Pipeline, matrix: Matrix) -> Matrix | NDArray[np.float64]:
    """Return what the steps before the classifier make of the rows, to the bit."""
    values: NDArray[Any] = matrix
    for _, step in pipeline.steps[:-1]:
        flagged = isinstance(step, SimpleImputer) and step.indicator_ is not None
        values = _imputed(step, values) if flagged else step.transform(values)
    return values


def _imputed(imputer: SimpleImputer, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what the imputer makes of the values, without its checks of each of them."""
    missing = np.isnan(values)
    # The step before made the values: they may be filled where they lie.
    np.copyto(values, imputer.statistics_.astype(values.dtype), where=missing)
    return np.hstack([values, missing[:, imputer.indicator_.features_]])


def _share(classify: ClassifierMixin, prepared: NDArray[Any]) -> NDArray[np.float64]:
    """Return the share of votes for label 1.

    A forest's trees are asked one after another, as scikit-learn does on one core: its `Parallel`
    may not run in several threads.
    """
    if not isinstance(classify, ExtraTreesClassifier | RandomForestClassifier):
        return np.asarray(classify.predict_proba(prepared)[:, 1])
    rows = np.ascontiguousarray(prepared, dtype=np.float32)
    votes = np.zeros((len(rows), len(classify.classes_)))
    for tree in classify.estimators_:
        # What `predict_proba` of the tree returns, without its checks.
        votes += tree.tree_.predict(rows)
    return np.asarray(votes[:, 1] / len(classify.estimators_))


def _typical(matrix: Matrix) -> NDArray[np.float32]:
    known = ~np.isnan(matrix).all(axis=0)
    typical = np.full(matrix.shape[1], np.nan, dtype=np.float32)
    typical[known] = np.nanmedian(matrix[:, known], axis=0)
    return typical


def votes_of(classify: ClassifierMixin) -> int:
    """Return how many voters the classifier has, of whose share its probability is made."""
    return int(getattr(classify, "n_estimators", 0) or getattr(classify, "n_neighbors", 20))
