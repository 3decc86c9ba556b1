"""Learning from one target's rows: fetching them, fitting, predicting out of fold."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from tqdm import tqdm

from ml.config import AlmanacError, Workspace
from ml.matrix import Feature, Matrix, Rows, TrainingSet, Vector, training_set
from ml.models import FAMILIES, Model
from ml.split import Split, customer_groups, parts, stratified, temporal, thin
from ml.targets import Target

FOLDS = 5
SEED = 7
LEAST_OF_A_CLASS = 10
# Beyond this many negatives, or five a positive, more of them cost time and teach nothing.
LEAST_NEGATIVES_KEPT = 10_000
NEGATIVES_A_POSITIVE = 5


def labelled_rows(ws: Workspace, target: Target) -> TrainingSet:
    """Return the target's label rows with their features as they were known then.

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
    """Return the label rows of `table` that have a value among `values`, in canonical order.

    Raises:
        AlmanacError: none has.
    """
    rows = training_set(table, features, values)
    if not len(rows):
        raise AlmanacError(
            f"None of the {table.num_rows} label rows of {target.name} has a feature at its time.\n"
            "Build the features first: dbt build, then feast apply"
        )
    return rows


def split_of(rows: TrainingSet, target: Target) -> Split:
    """Return the split that the target's validation asks for."""
    if target.temporal:
        return temporal(rows.times, target.horizon_months)
    return stratified(rows.times)


def refuse_poor(training: TrainingSet, target: Target) -> None:
    """Raise AlmanacError unless both classes have rows and customers enough to learn from."""
    positives, negatives = training.positives, len(training) - training.positives
    if min(positives, negatives) < LEAST_OF_A_CLASS:
        raise AlmanacError(
            f"{target.name} has {positives} positives and {negatives} negatives to train on; "
            f"a model needs {LEAST_OF_A_CLASS} of each.\n"
            "Add data to the raw folder, then: dbt build"
        )
    groups, _ = customer_groups(training, merge_equals=not target.temporal)
    customers = len(np.unique(groups[training.labels == 1]))
    if customers < FOLDS:
        raise AlmanacError(
            f"The positives of {target.name} are those of {customers} customers; "
            f"{FOLDS} folds need at least {FOLDS}.\nAdd data to the raw folder, then: dbt build"
        )


def fit(family: str, data: TrainingSet, seed: int = SEED) -> Model:
    """Return a model of this family fitted to the rows; plentiful negatives are thinned."""
    most = max(LEAST_NEGATIVES_KEPT, NEGATIVES_A_POSITIVE * data.positives)
    rows, weights = thin(data.labels, most, seed)
    return FAMILIES[family].fit(data.matrix[rows], data.labels[rows], weights, seed)


def out_of_fold(family: str, data: TrainingSet, fold_of: Rows, progress: "tqdm[Any]") -> Vector:
    """Return each row's probability from the model that did not see the row's fold."""
    probabilities = np.empty(len(data))
    for train_rows, judged_rows in parts(fold_of):
        model = fit(family, data.take(train_rows))
        probabilities[judged_rows] = model.predict(data.matrix[judged_rows])
        progress.update()
    return probabilities


def baseline_of(rows: TrainingSet, target: Target) -> Vector:
    """Return the baseline feature, larger meaning likelier; NaN throughout where there is none."""
    names = [feature.name for feature in rows.features]
    if target.baseline is None or target.baseline.feature not in names:
        return np.full(len(rows), np.nan)
    values = rows.matrix[:, names.index(target.baseline.feature)].astype(np.float64)
    return values if target.baseline.descending else -values
