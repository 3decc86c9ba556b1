"""Model families: one entry of `FAMILIES` each, all fitted, asked and saved in the same way."""

from ml.models.blend import Blend, Stack, mixtures
from ml.models.estimators import (
    EXTRA_TREES,
    FOREST,
    HISTOGRAM,
    KNN,
    LOGISTIC,
    SVM,
    TREE,
)
from ml.models.family import Choice, Family, Format, Model, Parameters, Range
from ml.models.importance import importance, importance_and_contributions
from ml.models.lightgbm import LIGHTGBM, LightGBM
from ml.models.pipeline import Pipelined
from ml.models.xgboost import XGBOOST, XGBoost

FAMILIES: dict[str, Family] = {
    each.name: each
    for each in (
        LIGHTGBM,
        LOGISTIC,
        EXTRA_TREES,
        FOREST,
        HISTOGRAM,
        SVM,
        KNN,
        TREE,
        XGBOOST,
    )
}
# Blends and stacks are made of fitted models; they are read like any other.
MIXTURES = mixtures(FAMILIES)
FORMATS: dict[str, Format] = {**FAMILIES, **MIXTURES}

__all__ = [
    "FAMILIES",
    "FORMATS",
    "MIXTURES",
    "Blend",
    "Choice",
    "Family",
    "Format",
    "LightGBM",
    "Model",
    "Parameters",
    "Pipelined",
    "Range",
    "Stack",
    "XGBoost",
    "importance",
    "importance_and_contributions",
]
