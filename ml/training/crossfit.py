"""Cross-fitting: every row is judged by a model that was fitted without the row's fold."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ml.data.elsewhere import FitSample
from ml.data.resampling import most_rows_kept, resample
from ml.data.split import CustomerGroups, customer_groups, folds, train_and_held_out
from ml.data.training_set import Rows, TrainingSet, Vector, evenly, informative
from ml.evaluation.metrics import roc_auc_within
from ml.models import FAMILIES, LightGBM, Model, parallel
from ml.training.plan import Plan
from ml.workspace.errors import BadInput
from ml.workspace.progress import Progress
from ml.workspace.targets import LEAST_OF_A_CLASS, Target

FOLDS = 5
# Features are given up by halves: what a feature is worth depends on which others are there.
SHARE_KEPT = 0.5


@dataclass(frozen=True)
class Candidate:
    """What can be fitted: a family, its parameters (else defaults), a resampling of classes."""

    family: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    sampling: str = "none"


@dataclass(frozen=True)
class Fold:
    """Positions of the rows to fit on and of those held out, and the columns to fit on."""

    train: Rows
    held_out: Rows
    columns: Rows


@dataclass(frozen=True)
class CrossFit:
    """Training rows with their folds, and the columns chosen in each; made once a training.

    All that is fitted in a training is fitted by `log_odds` (out of fold) or `fit` (on all rows).
    """

    data: TrainingSet
    fold_of: Rows
    folds: tuple[Fold, ...]
    most_features: int | None
    seed: int
    weights: Vector | None = None

    @classmethod
    def of(
        cls, data: TrainingSet, target: Target, plan: Plan, weights: Vector | None = None
    ) -> "CrossFit":
        """Return the cross-fitting of these rows, customers whole, the same for every candidate.

        `weights` say how much each row counts in a fit; by default all count alike.

        Equal customers stay in one fold where time is absent: a copy would give the answer away.

        Raises:
            AlmanacError: a class has too few rows or customers to learn from.
        """
        groups = customer_groups(data, merge_equals=not target.temporal)
        refuse_poor(data, groups, target)
        fold_of = folds(data.labels, groups, FOLDS, plan.seed)

        def fold(rows: tuple[Rows, Rows]) -> Fold:
            return Fold(*rows, chosen_columns(data, rows[0], plan.features, plan.seed))

        chosen = parallel.each(fold, train_and_held_out(fold_of))
        return cls(data, fold_of, tuple(chosen), plan.features, plan.seed, weights)

    @cached_property
    def columns(self) -> Rows:
        """The columns that all rows together choose: those of the final model."""
        rows = np.arange(len(self.data))
        return chosen_columns(self.data, rows, self.most_features, self.seed)

    def log_odds(self, candidate: Candidate, progress: Progress | None = None) -> Vector:
        """Return each row's log-odds from the model that was fitted without the row's fold."""
        log_odds = np.empty(len(self.data))

        def judge(fold: Fold) -> None:
            weights = None if self.weights is None else self.weights[fold.train]
            model = fit(candidate, self.data, fold.train, fold.columns, self.seed, weights)
            log_odds[fold.held_out] = model.log_odds_at(
                self.data.matrix, fold.held_out, fold.columns
            )
            if progress is not None:
                progress.update()

        parallel.each(judge, self.folds, self._most_threads(candidate))
        return log_odds

    def fit(self, candidate: Candidate) -> Model:
        """Return the candidate fitted to all rows and their columns."""
        rows = np.arange(len(self.data))
        return fit(candidate, self.data, rows, self.columns, self.seed, self.weights)

    def roc_auc(self, scores: Vector) -> float:
        """Return the mean of the folds' ROC-AUC; 0 where it is undefined."""
        return roc_auc_within(self.data.labels, scores, self.fold_of) or 0.0

    def _most_threads(self, candidate: Candidate) -> int | None:
        """Return how many fits may run side by side.

        Raises:
            AlmanacError: the fit to all rows, which follows, needs more memory than there may be.
        """
        labels, family = self.data.labels, FAMILIES[candidate.family]
        values = max(most_rows_kept(labels[fold.train]) * len(fold.columns) for fold in self.folds)
        most = family.most_threads(candidate.parameters, values)
        elsewhere = self.data.elsewhere
        if elsewhere is None:
            return most
        family.check_elsewhere(elsewhere, _whole(candidate, self.data, self.columns, self.seed))
        beside = max(1, elsewhere.most_bytes // (4 * values * family.copies))
        return beside if most is None else min(most, beside)


def refuse_poor(data: TrainingSet, groups: CustomerGroups, target: Target) -> None:
    """Raise AlmanacError unless both classes have rows and customers enough to learn from."""
    positives, negatives = data.positives, len(data) - data.positives
    if min(positives, negatives) < LEAST_OF_A_CLASS:
        raise BadInput(
            f"{target.name} has {positives} positives and {negatives} negatives to train on; "
            f"a model needs {LEAST_OF_A_CLASS} of each.",
            "Add data to the raw folder, then: dbt build",
            target=target.name,
        )
    customers = len(np.unique(groups.of_row[data.labels == 1]))
    if customers < FOLDS:
        raise BadInput(
            f"The positives of {target.name} are those of {customers} customers; "
            f"{FOLDS} folds need at least {FOLDS}.",
            "Add data to the raw folder, then: dbt build",
            target=target.name,
        )


def fit(  # noqa: PLR0913, PLR0917
    candidate: Candidate,
    data: TrainingSet,
    rows: Rows,
    columns: Rows,
    seed: int,
    weights: Vector | None = None,
) -> Model:
    """Return a model fitted to these rows and columns, its probabilities at their prevalence.

    `weights` say how much each of the rows counts; families without weights ignore them.
    """
    family = FAMILIES[candidate.family]
    given, shift = _sampled(candidate, data, rows, columns, seed, weights)
    if data.elsewhere and family.is_beyond(data.elsewhere, given):
        model = family.fit_elsewhere(data.elsewhere, given, seed, candidate.parameters)
    else:
        matrix = data.matrix[given.rows[:, None], columns]
        model = family.fit(matrix, given.labels, given.weights, seed, candidate.parameters)
    return model.calibrated(intercept=shift)


def is_elsewhere(candidate: Candidate, data: TrainingSet, columns: Rows, seed: int) -> bool:
    """Return whether a fit to all rows needs more memory than there may be in this process."""
    if data.elsewhere is None:
        return False
    whole = _whole(candidate, data, columns, seed)
    return FAMILIES[candidate.family].is_beyond(data.elsewhere, whole)


def _whole(candidate: Candidate, data: TrainingSet, columns: Rows, seed: int) -> FitSample:
    return _sampled(candidate, data, np.arange(len(data)), columns, seed)[0]


def _sampled(  # noqa: PLR0913, PLR0917
    candidate: Candidate,
    data: TrainingSet,
    rows: Rows,
    columns: Rows,
    seed: int,
    weights: Vector | None = None,
) -> tuple[FitSample, float]:
    """Return what a fit to these rows sees, and the shift that restores their prevalence."""
    labels = data.labels[rows]
    weighted = FAMILIES[candidate.family].weighted
    sample = resample(labels, candidate.sampling, seed, weighted=weighted)
    counts = sample.weights if weights is None else sample.weights * weights[sample.rows]
    chosen = rows[sample.rows]
    return FitSample(data.matrix, chosen, columns, labels[sample.rows], counts), sample.shift


def chosen_columns(data: TrainingSet, rows: Rows, most: int | None, seed: int) -> Rows:
    """Return the positions of at most `most` columns that vary in these rows, in order.

    The gain of boosted trees says what each is worth; the lesser half goes, until `most` are left.
    """
    columns = np.flatnonzero(informative(data, rows))
    while most is not None and len(columns) > most:
        model = fit(
            Candidate(LightGBM.family), data, in_memory_rows(data, rows, columns), columns, seed
        )
        assert isinstance(model, LightGBM)
        worth = model.booster.feature_importance("gain")
        kept = max(most, int(len(columns) * SHARE_KEPT))
        columns = np.sort(columns[np.argsort(-worth, kind="stable")[:kept]])
    return columns


def in_memory_rows(data: TrainingSet, rows: Rows, columns: Rows) -> Rows:
    """Return as many of these rows as a fit in memory takes: of each class as many, evenly spaced.

    Of a class that has fewer, all.
    """
    if data.elsewhere is None:
        return rows
    a_row = len(columns) * data.matrix.itemsize * FAMILIES[LightGBM.family].copies
    most = max(2, data.elsewhere.most_bytes // a_row)
    if len(rows) <= most:
        return rows
    few, many = sorted((rows[data.labels[rows] == label] for label in (0, 1)), key=len)
    few = evenly(few, most // 2)
    return np.sort(np.concatenate([few, evenly(many, most - len(few))]))
