"""Model families: one entry of `FAMILIES` each, all fitted, asked and saved in the same way."""

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import lightgbm
import numpy as np
import skops.io
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from ml.matrix import Labels, Matrix, Vector

# What a logistic artifact may hold beyond what skops itself takes for safe.
TRUSTED = ["ml.models.signed_log", "numpy.dtype"]


class Model(Protocol):
    """A fitted model of some family."""

    family: ClassVar[str]
    file: ClassVar[str]

    @classmethod
    def fit(cls, matrix: Matrix, labels: Labels, weights: Vector, seed: int) -> Self:
        """Return a model fitted to these rows, each counting as much as its weight."""

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return the model that `save` wrote."""

    def save(self, path: Path) -> None:
        """Write the model in a format that runs no code when read."""

    def predict(self, matrix: Matrix) -> Vector:
        """Return each row's probability of label 1."""

    def contributions(self, matrix: Matrix) -> NDArray[np.float64]:
        """Return what each value adds to its row's log-odds, in the matrix's shape."""

    def text(self) -> str:
        """Return the model in words: equal for equal models, whenever they were fitted."""


@dataclass(frozen=True)
class LightGBM:
    """Gradient-boosted trees: nulls as they are, no scaling."""

    booster: lightgbm.Booster
    family: ClassVar[str] = "lightgbm"
    file: ClassVar[str] = "model.txt"

    @classmethod
    def fit(cls, matrix: Matrix, labels: Labels, weights: Vector, seed: int) -> Self:
        """Return trees whose size follows from how many rows of the rarer class there are."""
        settings = _tree_settings(int(min(labels.sum(), (1 - labels).sum())), len(labels))
        data = lightgbm.Dataset(matrix, labels, weight=weights, params={"verbosity": -1})
        rounds = settings.pop("rounds")
        # On few rows a second thread waits more than it works.
        steady = _STEADY | {"seed": seed, "num_threads": int(len(labels) < 10_000)}
        return cls(lightgbm.train(settings | steady, data, rounds))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return the booster in LightGBM's own text format."""
        return cls(lightgbm.Booster(model_file=path))

    def save(self, path: Path) -> None:
        """Write LightGBM's own text format."""
        path.write_text(self.text(), encoding="utf-8")

    def predict(self, matrix: Matrix) -> Vector:
        """Return each row's probability of label 1."""
        if not len(matrix):
            return np.empty(0)
        return np.asarray(self.booster.predict(matrix), dtype=np.float64)

    def contributions(self, matrix: Matrix) -> NDArray[np.float64]:
        """Return SHAP values, without the column of the expected value."""
        return np.asarray(self.booster.predict(matrix, pred_contrib=True))[:, :-1]

    def text(self) -> str:
        """Return LightGBM's own text format."""
        return str(self.booster.model_to_string())


# Two runs on the same rows must give the same trees, however many threads the machine has.
_STEADY = {
    "objective": "binary",
    "verbosity": -1,
    "deterministic": True,
    "force_row_wise": True,
}
_BAGGED = {"bagging_fraction": 0.8, "bagging_freq": 1}


def _tree_settings(rarer: int, rows: int) -> dict[str, Any]:
    """Return settings for so many rows of the rarer class: few examples, small shy trees."""
    if rarer >= 2000:
        return _BAGGED | {
            "rounds": 400,
            "learning_rate": 0.05,
            "num_leaves": 31,
            "min_data_in_leaf": 100,
            "feature_fraction": 0.5,
            "lambda_l2": 5.0,
        }
    if rarer < rows / 20:
        # Few events among many rows: in cross-validation, larger trees learnt them by heart.
        return _BAGGED | {
            "rounds": 200,
            "learning_rate": 0.03,
            "num_leaves": 4,
            "min_data_in_leaf": 20,
            "feature_fraction": 0.2,
            "lambda_l2": 20.0,
        }
    return _BAGGED | {
        "rounds": 300,
        "learning_rate": 0.03,
        "num_leaves": 8,
        "min_data_in_leaf": 20,
        "feature_fraction": 0.5,
        "lambda_l2": 1.0,
    }


# Up to so many columns, the penalty of the logistic regression does not depend on their number.
_FEW_COLUMNS = 100


@dataclass(frozen=True)
class Logistic:
    """L2-regularised logistic regression on medians for nulls, their flags, and scaled values."""

    pipeline: Pipeline
    family: ClassVar[str] = "logistic"
    file: ClassVar[str] = "model.skops"

    @classmethod
    def fit(cls, matrix: Matrix, labels: Labels, weights: Vector, seed: int) -> Self:
        """Return the fitted pipeline; medians and scales come from these rows only."""
        # Each column may add as much to the log-odds: of many columns each may add less.
        strength = 0.1 * min(1.0, _FEW_COLUMNS / matrix.shape[1])
        pipeline = Pipeline(
            [
                ("log", FunctionTransformer(signed_log)),
                ("impute", SimpleImputer(strategy="median", add_indicator=True,
                                         keep_empty_features=True)),
                ("scale", StandardScaler()),
                ("classify", LogisticRegression(C=strength, solver="newton-cholesky")),
            ]
        )  # fmt: skip
        with warnings.catch_warnings():
            # Not quite converged is still a model; its folds say how good.
            warnings.simplefilter("ignore", ConvergenceWarning)
            pipeline.fit(matrix.astype(np.float64), labels, classify__sample_weight=weights)
        return cls(pipeline)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return the pipeline in a skops file, trusting only the types named in `TRUSTED`."""
        return cls(skops.io.load(path, trusted=TRUSTED))

    def save(self, path: Path) -> None:
        """Write a skops file."""
        skops.io.dump(self.pipeline, path)

    def predict(self, matrix: Matrix) -> Vector:
        """Return each row's probability of label 1."""
        if not len(matrix):
            return np.empty(0)
        return np.asarray(self.pipeline.predict_proba(matrix.astype(np.float64))[:, 1])

    def contributions(self, matrix: Matrix) -> NDArray[np.float64]:
        """Return coefficient times scaled value, a feature's null flag counted with it."""
        scaled = self.pipeline[:-1].transform(matrix.astype(np.float64))
        added = scaled * self.pipeline["classify"].coef_[0]
        width = matrix.shape[1]
        of_values = added[:, :width].copy()
        of_values[:, self.pipeline["impute"].indicator_.features_] += added[:, width:]
        return np.asarray(of_values)

    def text(self) -> str:
        """Return a digest of every fitted number: a skops file itself holds the time of day."""
        classify, scale = self.pipeline["classify"], self.pipeline["scale"]
        fitted = (self.pipeline["impute"].statistics_, scale.mean_, scale.scale_,
                  classify.coef_, classify.intercept_)  # fmt: skip
        return hashlib.sha256(b"".join(np.asarray(part).tobytes() for part in fitted)).hexdigest()


def signed_log(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return sign(x) * log(1 + |x|): money's long tails drawn in, zero and sign kept."""
    return np.asarray(np.sign(matrix) * np.log1p(np.abs(matrix)))


FAMILIES: dict[str, type[Model]] = {model.family: model for model in (LightGBM, Logistic)}


def importance(model: Model, matrix: Matrix, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return features by their share of all contributions, largest first, with their direction.

    Shares sum to 1. The direction is `up` where larger values make label 1 likelier, `down` where
    less likely, `mixed` where neither, read from at most 2,000 rows evenly spaced.
    """
    sample = matrix[:: max(1, len(matrix) // 2000)][:2000]
    added = model.contributions(sample)
    weight = np.abs(added - added.mean(axis=0)).mean(axis=0)
    share = weight / (weight.sum() or 1.0)
    ways = [_way(sample[:, i], added[:, i]) for i in range(len(names))]
    found = [
        {"feature": name, "importance": float(share_of), "direction": way}
        for name, share_of, way in zip(names, share, ways, strict=True)
    ]
    return sorted(found, key=lambda entry: -float(entry["importance"]))


def _way(values: NDArray[Any], added: NDArray[np.float64]) -> str:
    known = ~np.isnan(values)
    values, added = values[known], added[known].round(12)
    if len(values) < 3 or np.ptp(values) == 0 or np.ptp(added) == 0:
        return "mixed"
    link = float(np.corrcoef(rankdata(values), rankdata(added))[0, 1])
    return "up" if link > 0.2 else "down" if link < -0.2 else "mixed"
