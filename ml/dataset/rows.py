"""A target's label rows with their features, as a training set for models."""

from collections.abc import Sequence

import pyarrow as pa

from ml.data.feature import Feature
from ml.data.training_set import Matrix, TrainingSet, training_set
from ml.workspace.errors import NotBuilt
from ml.workspace.settings import Workspace
from ml.workspace.targets import Target


def labelled_rows(ws: Workspace, target: Target) -> TrainingSet:
    """Return the target's label rows with the features known at their timestamps.

    Raises:
        AlmanacError: no label row has any feature.
    """
    # Feast takes seconds to import; only what reads features pays for it.
    from ml import store

    found = store.training_matrix(ws, target.name, target.label_sql)
    view_of = {name: view for name, view, _ in store.feature_names(ws, target.name)}
    features = [Feature(name, str(kind), view_of[name]) for name, kind in found.types.items()]
    return usable_rows(found.rows, features, found.values, target)


def usable_rows(
    table: pa.Table, features: Sequence[Feature], values: Matrix, target: Target
) -> TrainingSet:
    """Return the label rows of `table` that have at least one feature, in canonical order.

    Raises:
        AlmanacError: no row has any feature.
    """
    rows = training_set(table, features, values)
    if not len(rows):
        raise NotBuilt(
            f"None of the {table.num_rows} label rows of {target.name} has a feature at its time.",
            "Build the features first: dbt build, then feast apply",
            target=target.name,
        )
    return rows
