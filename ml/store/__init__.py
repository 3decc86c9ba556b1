"""Feast, for the rest of ml: training sets and online rows; the only package that imports it."""

from ml.store.materialization import Published, online_views, publish
from ml.store.model_input import ModelInput, define_input, input_view
from ml.store.reading import (
    MISSING,
    PRESENT,
    STALE,
    InputReader,
    family_rows,
    input_reader,
    online_rows,
    published_family,
)
from ml.store.retrieval import (
    Feature,
    feature_names,
    feature_store,
    training_matrices,
    training_matrix,
    training_recipe,
    training_set,
)

__all__ = [
    "MISSING",
    "PRESENT",
    "STALE",
    "Feature",
    "InputReader",
    "ModelInput",
    "Published",
    "define_input",
    "family_rows",
    "feature_names",
    "feature_store",
    "input_reader",
    "input_view",
    "online_rows",
    "online_views",
    "publish",
    "published_family",
    "training_matrices",
    "training_matrix",
    "training_recipe",
    "training_set",
]
