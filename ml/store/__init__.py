"""The Feast boundary: training sets and online rows. No other package of ml imports Feast."""

from feature_repo.stores.retrieval import FeatureMatrix
from ml.store import feast_import  # noqa: F401  # before all that imports Feast
from ml.store.generation import ViewVersion
from ml.store.materialization import (
    Materialized,
    forget_customers,
    materialize,
    online_views,
    unwritable_store,
)
from ml.store.model_input import ModelInput, define_input, input_view
from ml.store.online_reader import (
    MISSING,
    PRESENT,
    STALE,
    InputReader,
    PublishedInputs,
    TargetInput,
    family_rows,
    input_reader,
    input_targets,
    materialized_family,
    online_rows,
    target_inputs,
)
from ml.store.retrieval import (
    ServiceFeature,
    applied,
    feature_names,
    feature_store,
    rows_at,
    training_matrices,
    training_matrix,
    training_recipe,
    training_set,
)

__all__ = [
    "MISSING",
    "PRESENT",
    "STALE",
    "FeatureMatrix",
    "InputReader",
    "Materialized",
    "ModelInput",
    "PublishedInputs",
    "ServiceFeature",
    "TargetInput",
    "ViewVersion",
    "applied",
    "define_input",
    "family_rows",
    "feature_names",
    "feature_store",
    "forget_customers",
    "input_reader",
    "input_targets",
    "input_view",
    "materialize",
    "materialized_family",
    "online_rows",
    "online_views",
    "rows_at",
    "target_inputs",
    "training_matrices",
    "training_matrix",
    "training_recipe",
    "training_set",
    "unwritable_store",
]
