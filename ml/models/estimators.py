"""The families of scikit-learn: what goes before the classifier, and what can be searched."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    QuantileTransformer,
    StandardScaler,
)
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from ml.models.encoding import ENCODINGS
from ml.models.family import Choice, Parameters, Range, Space
from ml.models.pipeline import CLASSIFY, family

# Up to so many columns, the penalty of the logistic regression does not depend on their number.
_FEW_COLUMNS = 100
# Newton's steps cost the square of the columns: 10,500 rows of 2,200 took 26 s, by L-BFGS 0.9 s.
_MANY_COLUMNS = 300
# What the first step of a pipeline gives is its own: the others may work where it lies.
_SCALERS = {
    "standard": partial(StandardScaler, copy=False),
    "minmax": partial(MinMaxScaler, copy=False),
    "rank": partial(QuantileTransformer, n_quantiles=100, output_distribution="normal", copy=False),
}
# How codes are encoded, nulls filled (with a flag beside each), and values brought to one scale.
_PREPARATION: Space = {
    "encode": Choice(ENCODINGS),
    "impute": Choice(("median", "mean", "zero")),
    "scale": Choice(("standard", "minmax", "rank")),
}


def signed_log(matrix: NDArray[Any]) -> NDArray[np.float64]:
    """Return sign(x) * log(1 + |x|), which compresses long tails and keeps zero and sign."""
    size = np.abs(matrix, dtype=np.float64)
    return np.asarray(np.copysign(np.log1p(size, out=size), matrix, out=size))


def _prepared(parameters: Parameters, classify: ClassifierMixin) -> Pipeline:
    """Return the pipeline for what takes no null and minds scales."""
    strategy = {"zero": "constant"}.get(parameters["impute"], parameters["impute"])
    impute = SimpleImputer(
        strategy=strategy,
        fill_value=0.0,
        copy=False,
        add_indicator=True,
        keep_empty_features=True,
    )
    return Pipeline(
        [
            ("log", FunctionTransformer(signed_log)),
            ("impute", impute),
            ("scale", _SCALERS[parameters["scale"]]()),
            (CLASSIFY, classify),
        ]
    )


def _logistic(parameters: Parameters, columns: int, seed: int) -> Pipeline:
    # Each column may add as much to the log-odds: of many columns each may add less.
    strength = parameters["strength"] * min(1.0, _FEW_COLUMNS / columns)
    share = {"l2": 0.0, "elasticnet": 0.5, "l1": 1.0}[parameters["penalty"]]
    solver = "saga" if share else "lbfgs" if columns > _MANY_COLUMNS else "newton-cholesky"
    # Half of L-BFGS's steps go to digits that move no ranking; the others need few.
    tolerance = 5e-4 if solver == "lbfgs" else 1e-4
    classify = LogisticRegression(
        C=strength, l1_ratio=share, solver=solver, max_iter=200, tol=tolerance, random_state=seed
    )
    return _prepared(parameters, classify)


def _neighbours(parameters: Parameters, _: int, __: int) -> Pipeline:
    classify = KNeighborsClassifier(parameters["neighbours"], algorithm="brute")
    return _prepared(parameters, classify)


def _vectors(parameters: Parameters, columns: int, seed: int) -> Pipeline:
    gamma = parameters["width"] / columns
    return _prepared(parameters, SVC(C=parameters["strength"], gamma=gamma, random_state=seed))


def _tree(parameters: Parameters, _: int, seed: int) -> Pipeline:
    return Pipeline([(CLASSIFY, DecisionTreeClassifier(**parameters, random_state=seed))])


def _forest(parameters: Parameters, _: int, seed: int) -> Pipeline:
    return Pipeline([(CLASSIFY, RandomForestClassifier(**parameters, random_state=seed))])


def _extra_trees(parameters: Parameters, _: int, seed: int) -> Pipeline:
    return Pipeline([(CLASSIFY, ExtraTreesClassifier(**parameters, random_state=seed))])


def _histogram(parameters: Parameters, _: int, seed: int) -> Pipeline:
    classify = HistGradientBoostingClassifier(**parameters, early_stopping=False, random_state=seed)
    return Pipeline([(CLASSIFY, classify)])


_CROWD: Space = {
    "n_estimators": Range(100, 600, 150, log=True, whole=True),
    "min_samples_leaf": Range(1, 50, 2, log=True, whole=True),
    "max_features": Choice(("sqrt", 0.2, 0.5, 1.0)),
}

LOGISTIC = replace(
    family(
        "logistic",
        _logistic,
        {
            "strength": Range(1e-3, 10.0, 0.1, log=True),
            "penalty": Choice(("l2", "l1", "elasticnet")),
            **_PREPARATION,
        },
    ),
    variants=({"penalty": "l1"},),
    # Doubles with a flag beside each are four times the values themselves.
    most_parallel_values=100_000_000,
)
KNN = replace(
    family(
        "knn",
        _neighbours,
        {"neighbours": Range(5, 200, 50, log=True, whole=True), **_PREPARATION},
        weighted=False,
    ),
    most_rows=20_000,
)
SVM = replace(
    family(
        "svc",
        _vectors,
        {
            "strength": Range(1e-2, 100.0, 1.0, log=True),
            "width": Range(0.05, 5.0, 1.0, log=True),
            **_PREPARATION,
        },
    ),
    most_rows=10_000,
)
TREE = family(
    "decision_tree",
    _tree,
    {
        "max_depth": Range(2, 12, 5, whole=True),
        "min_samples_leaf": Range(5, 200, 20, log=True, whole=True),
    },
)
FOREST = replace(family("random_forest", _forest, _CROWD), most_parallel_values=0)
EXTRA_TREES = replace(
    family("extra_trees", _extra_trees, _CROWD),
    variants=({"min_samples_leaf": 20},),
    most_parallel_values=0,
)
HISTOGRAM = replace(
    family(
        "hist_gradient_boosting",
        _histogram,
        {
            "max_iter": Range(50, 500, 150, log=True, whole=True),
            "learning_rate": Range(0.01, 0.2, 0.05, log=True),
            "max_leaf_nodes": Range(3, 63, 8, log=True, whole=True),
            "min_samples_leaf": Range(5, 200, 20, log=True, whole=True),
            "l2_regularization": Range(1e-2, 100.0, 1.0, log=True),
        },
    ),
    most_parallel_values=0,
)
