"""Feast, for the rest of ml: training sets and online rows; the only package that imports it."""

from ml.store.online import online_rows, published_until
from ml.store.training import (
    Feature,
    feature_names,
    feature_store,
    training_matrix,
    training_recipe,
    training_set,
)

__all__ = [
    "Feature",
    "feature_names",
    "feature_store",
    "online_rows",
    "published_until",
    "training_matrix",
    "training_recipe",
    "training_set",
]
