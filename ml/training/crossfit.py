"""Learning from one target's rows: fetching them, fitting a candidate, judging it out of fold."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from tqdm import tqdm

from ml.data.resampling import draw, drawn_at_most
from ml.data.split import Split, customer_groups, parts, stratified, temporal
from ml.data.training_set import (
    Matrix,
    Rows,
    TrainingSet,
    Vector,
    blocks,
    informative,
)
from ml.models import FAMILIES, LightGBM, Model
from ml.models import parallel as workers
from ml.workspace.errors import AlmanacError
from ml.workspace.targets import Target

FOLDS = 5
LEAST_OF_A_CLASS = 10
# Features are given up by halves: what a feature is worth depends on which others are there.
KEPT_AT_ONCE = 0.5


@dataclass(frozen=True)
class Candidate:
    """What can be fitted: a family, its parameters (else defaults), and how classes are evened."""

    family: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    sampling: str = "none"

    def record(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


@dataclass(frozen=True)
class Part:
    """A fold: rows to fit on, rows to judge, and the columns that the first of them chose."""

    train: Rows
    judged: Rows
    columns: Rows


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


def fit(candidate: Candidate, data: TrainingSet, rows: Rows, columns: Rows, seed: int) -> Model:
    """Return a model fitted to these rows and columns, its probabilities at their prevalence."""
    family = FAMILIES[candidate.family]
    labels = data.labels[rows]
    drawn = draw(labels, candidate.sampling, seed, weighted=family.weighted)
    matrix = data.matrix[rows[drawn.rows][:, None], columns]
    model = family.fit(matrix, labels[drawn.rows], drawn.weights, seed, candidate.parameters)
    return model.calibrated(intercept=drawn.shift)


def parts_of(data: TrainingSet, fold_of: Rows, most: int | None, seed: int) -> list[Part]:
    """Return the folds, each with columns chosen by its own training rows (at most `most`)."""

    def part(rows: tuple[Rows, Rows]) -> Part:
        return Part(*rows, chosen_columns(data, rows[0], most, seed))

    return workers.each(part, parts(fold_of))


def out_of_fold(
    candidate: Candidate,
    data: TrainingSet,
    folds: Sequence[Part],
    seed: int,
    progress: "tqdm[Any] | None" = None,
) -> Vector:
    """Return each row's log-odds from the model that did not see the row's fold."""
    log_odds = np.empty(len(data))

    def judge(part: Part) -> None:
        model = fit(candidate, data, part.train, part.columns, seed)
        log_odds[part.judged] = told(model, data.matrix, part.judged, part.columns)
        if progress is not None:
            progress.update()

    values = max(drawn_at_most(data.labels[part.train]) * len(part.columns) for part in folds)
    workers.each(judge, folds, FAMILIES[candidate.family].at_once(candidate.parameters, values))
    return log_odds


def told(model: Model, matrix: Matrix, rows: Rows, columns: Rows) -> Vector:
    """Return the log-odds of these rows, a block of them copied at a time."""
    return np.concatenate(
        [model.log_odds(matrix[rows[block][:, None], columns]) for block in blocks(len(rows))]
    )


def chosen_columns(data: TrainingSet, rows: Rows, most: int | None, seed: int) -> Rows:
    """Return the positions of at most `most` columns that vary in these rows, in order.

    Boosted trees say what each is worth; the lesser half goes, until `most` are left.
    """
    columns = np.flatnonzero(informative(data, rows))
    while most is not None and len(columns) > most:
        model = fit(Candidate(LightGBM.family), data, rows, columns, seed)
        assert isinstance(model, LightGBM)
        worth = model.booster.feature_importance("gain")
        kept = max(most, int(len(columns) * KEPT_AT_ONCE))
        columns = np.sort(columns[np.argsort(-worth, kind="stable")[:kept]])
    return columns


def baseline_of(rows: TrainingSet, target: Target) -> Vector:
    """Return the baseline feature, larger meaning likelier; NaN throughout where there is none."""
    names = [feature.name for feature in rows.features]
    if target.baseline is None or target.baseline.feature not in names:
        return np.full(len(rows), np.nan)
    values = rows.matrix[:, names.index(target.baseline.feature)].astype(np.float64)
    return values if target.baseline.descending else -values
