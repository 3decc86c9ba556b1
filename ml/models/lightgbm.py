"""LightGBM: gradient-boosted trees, nulls as they are, no scaling."""

from dataclasses import dataclass
from typing import Any, ClassVar

import lightgbm
import numpy as np
from numpy.typing import NDArray

from ml.data.training_set import Labels, Matrix, Vector
from ml.models.bounds import check_lightgbm
from ml.models.family import Columns, Family, Model, Parameters, Range

# A hundred rows of a thousand features.
MOST_VALUES_OF_ONE_THREAD = 100_000


@dataclass(frozen=True)
class LightGBM(Model):
    """A LightGBM booster."""

    booster: lightgbm.Booster
    family: ClassVar[str] = "lightgbm"

    def margin(self, matrix: Matrix) -> Vector:
        """Return the sum of the trees' leaves."""
        return np.asarray(self._asked(matrix, raw_score=True), dtype=np.float64)

    def margin_parts(self, matrix: Matrix, asked: Columns | None = None) -> NDArray[np.float64]:
        """Return SHAP values, without the column of the expected value."""
        return self._asked(matrix, pred_contrib=True)[:, :-1]

    def _asked(self, matrix: Matrix, **wanted: bool) -> NDArray[Any]:
        # Threads that wait for a busy core make a row take a hundred times as long.
        threads = 1 if matrix.size <= MOST_VALUES_OF_ONE_THREAD else 0
        return np.asarray(self.booster.predict(matrix, num_threads=threads, **wanted))

    def content(self) -> bytes:
        """Return LightGBM's own text format."""
        return str(self.booster.model_to_string()).encode()


def _learn(
    matrix: Matrix, labels: Labels, weights: Vector, parameters: Parameters, seed: int
) -> LightGBM:
    settings = {**_STEADY, **parameters, "seed": seed}
    rounds = int(settings.pop("rounds"))
    data = lightgbm.Dataset(matrix, labels, weight=weights, params=dict(_BINS))
    return LightGBM(lightgbm.train(settings, data, rounds))


# A quarter of the usual bins takes three quarters of the time or less, and ranked no worse; a tenth
# of the usual rows to find them in takes less memory, a fortieth less time too. Columns that
# exclude each other are rare among a bank's: looking for them takes longer than it saves.
_BINS: Parameters = {
    "max_bin": 63,
    "bin_construct_sample_cnt": 5_000,
    "enable_bundle": False,
    "verbosity": -1,
}
# Two runs on the same rows must give the same trees; folds are what the cores share.
_STEADY: Parameters = {
    **_BINS,
    "objective": "binary",
    "deterministic": True,
    "force_col_wise": True,
    "num_threads": 1,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
}


def _defaults_for(labels: Labels) -> dict[str, Any]:
    """Return settings for so many rows of the rarer class: few examples, small shy trees."""
    rarer = int(min(labels.sum(), (1 - labels).sum()))
    if rarer >= 2000:
        return {
            # Of 400 shorter steps, those after the first 150 to 250 gained nothing.
            "rounds": 150,
            "learning_rate": 0.08,
            # The more events there are, the more detail they bear out.
            "num_leaves": min(31, max(7, rarer // 1000)),
            "min_data_in_leaf": 100,
            "feature_fraction": 0.2,
            "lambda_l2": 5.0,
        }
    if rarer < len(labels) / 10:
        # Few events among many rows: in cross-validation, larger trees learnt them by heart.
        return {
            "rounds": 100,
            "learning_rate": 0.06,
            "num_leaves": 4,
            "min_data_in_leaf": 20,
            "feature_fraction": 0.2,
            "lambda_l2": 20.0,
        }
    return {}


def _parse(content: bytes) -> LightGBM:
    return LightGBM(lightgbm.Booster(model_str=check_lightgbm(content.decode())))


LIGHTGBM = Family(
    name=LightGBM.family,
    file="model.txt",
    parse=_parse,
    learn=_learn,
    defaults_for=_defaults_for,
    variants=({"num_leaves": 2},),
    space={
        "rounds": Range(50, 800, 300, log=True, whole=True),
        "learning_rate": Range(0.01, 0.2, 0.03, log=True),
        "num_leaves": Range(2, 64, 8, log=True, whole=True),
        "min_data_in_leaf": Range(5, 200, 20, log=True, whole=True),
        "feature_fraction": Range(0.1, 1.0, 0.5),
        "lambda_l1": Range(1e-3, 10.0, 1e-3, log=True),
        "lambda_l2": Range(1e-2, 100.0, 1.0, log=True),
    },
)
