"""XGBoost, where it is installed: gradient-boosted trees, nulls as they are, no scaling."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ml.data.elsewhere import Elsewhere, FitSample
from ml.data.training_set import Labels, Matrix, Vector
from ml.models.bounds import check_xgboost
from ml.models.family import Columns, Family, Model, Parameters, Range


@dataclass(frozen=True)
class XGBoost(Model):
    """An XGBoost booster."""

    booster: Any
    family: ClassVar[str] = "xgboost"

    def margin(self, matrix: Matrix) -> Vector:
        """Return the sum of the trees' leaves."""
        return np.asarray(self.booster.inplace_predict(matrix, predict_type="margin"), np.float64)

    def margin_parts(self, matrix: Matrix, asked: Columns | None = None) -> NDArray[np.float64]:
        """Return SHAP values, without the column of the expected value."""
        from xgboost import DMatrix

        added = self.booster.predict(DMatrix(matrix), pred_contribs=True)
        return np.asarray(added, dtype=np.float64)[:, :-1]

    def content(self) -> bytes:
        """Return XGBoost's own JSON."""
        return bytes(self.booster.save_raw("json"))


def _learn(
    matrix: Matrix, labels: Labels, weights: Vector, parameters: Parameters, seed: int
) -> XGBoost:
    import xgboost

    settings, rounds = _settings(parameters)
    data = xgboost.DMatrix(matrix, labels, weight=weights)
    return XGBoost(xgboost.train({**settings, "seed": seed, "nthread": 1}, data, rounds))


def _learn_elsewhere(
    elsewhere: Elsewhere, sample: FitSample, parameters: Parameters, seed: int
) -> XGBoost:
    settings, rounds = _settings(parameters)
    return _parse(elsewhere.xgboost(sample, settings, rounds, seed))


def _settings(parameters: Parameters) -> tuple[dict[str, Any], int]:
    """Return XGBoost's own parameters, and how many trees it grows."""
    settings = {**_STEADY, **parameters}
    return settings, int(settings.pop("rounds"))


_STEADY: Parameters = {
    "objective": "binary:logistic",
    "tree_method": "hist",
    "subsample": 0.8,
    "verbosity": 0,
}


def _parse(content: bytes) -> XGBoost:
    import xgboost

    check_xgboost(content)
    booster = xgboost.Booster()
    booster.load_model(bytearray(content))
    return XGBoost(booster)


XGBOOST = Family(
    name=XGBoost.family,
    file="model.json",
    parse=_parse,
    learn=_learn,
    package="xgboost",
    copies=4,
    learn_elsewhere=_learn_elsewhere,
    space={
        "rounds": Range(50, 800, 200, log=True, whole=True),
        "learning_rate": Range(0.01, 0.2, 0.03, log=True),
        "max_depth": Range(1, 8, 3, whole=True),
        "min_child_weight": Range(0.1, 50.0, 5.0, log=True),
        "colsample_bytree": Range(0.1, 1.0, 0.5),
        "reg_alpha": Range(1e-3, 10.0, 1e-3, log=True),
        "reg_lambda": Range(1e-2, 100.0, 1.0, log=True),
    },
)
