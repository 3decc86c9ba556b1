"""The choice: candidates judged out of fold, the best of them or several, fitted to all rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from tqdm import tqdm

from ml.data.split import folds, parts
from ml.data.training_set import Labels, Matrix, Rows, TrainingSet, Vector
from ml.evaluation.metrics import roc_auc_within
from ml.evaluation.thresholds import best_threshold
from ml.models import Blend, Model, Stack
from ml.models import parallel as workers
from ml.models.calibration import line, stacked
from ml.training.crossfit import (
    FOLDS,
    Candidate,
    Part,
    chosen_columns,
    fit,
    out_of_fold,
    parts_of,
    told,
)
from ml.training.plan import Plan
from ml.training.search import Bar, Study, progress
from ml.workspace.errors import AlmanacError

# A blend or a stack is of the best, one a family, of at most so many families.
MOST_MEMBERS = 4


@dataclass(frozen=True)
class Trial:
    """A candidate with its log-odds out of fold, calibrated, and the mean of the folds' ROC-AUC."""

    candidate: Candidate
    log_odds: Vector
    auc: float
    slope: float
    intercept: float


@dataclass(frozen=True)
class _Mix:
    """Trials taken together: their log-odds out of fold, and weights unless they count alike."""

    trials: Sequence[Trial]
    log_odds: Vector
    weights: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Learnt:
    """The model, the columns it takes, and what was seen on the way.

    `probabilities` are out of fold, made of log-odds by one calibration: `auc` is the mean of the
    folds' ROC-AUC. `best` has the best trial of each family, best first; `trials` counts all.
    """

    model: Model
    columns: Rows
    fold_of: Rows
    probabilities: Vector
    auc: float
    threshold: float
    best: tuple[Trial, ...]
    members: tuple[Candidate, ...]
    trials: int

    def predict(self, matrix: Matrix) -> Vector:
        """Return the probabilities of rows that have all columns, those it does not take too."""
        rows = np.arange(len(matrix))
        return np.asarray(expit(told(self.model, matrix, rows, self.columns)), dtype=np.float64)


def learn(  # noqa: PLR0913
    data: TrainingSet,
    plan: Plan,
    *,
    merge_equals: bool,
    title: str = "",
    journal: Path | None = None,
    quiet: bool = False,
) -> Learnt:
    """Return the model that the plan finds in these rows, calibrated, with its threshold.

    Everything is chosen by cross-validation within `data`: judge it on other rows.

    Args:
        data: the rows to learn from.
        plan: what to try.
        merge_equals: whether equal customers stay in one fold, as they should where time is absent.
        title: shown beside the progress.
        journal: a file from which an interrupted search goes on.
        quiet: whether progress is not shown.

    Raises:
        AlmanacError: none of the plan's families can be had for so many rows.
    """
    fold_of = folds(data, FOLDS, plan.seed, merge_equals=merge_equals)
    judge = _Judge(data, plan.seed, fold_of, parts_of(data, fold_of, plan.features, plan.seed))
    trials, count = _trials(judge, plan, progress(title, quiet=quiet), journal)
    chosen = max(_mixes(judge, trials, plan), key=lambda mix: judge.auc(mix.log_odds))
    slope, intercept = line(data.labels, chosen.log_odds)
    probabilities = expit(slope * chosen.log_odds + intercept)
    rows = np.arange(len(data))
    columns = chosen_columns(data, rows, plan.features, plan.seed)
    return Learnt(
        model=_fitted(chosen, data, rows, columns, plan.seed),
        columns=columns,
        fold_of=fold_of,
        probabilities=probabilities,
        auc=judge.auc(probabilities),
        threshold=best_threshold(data.labels, probabilities, plan.criterion, plan.costs),
        best=tuple(trials),
        members=tuple(trial.candidate for trial in chosen.trials),
        trials=count,
    )


@dataclass(frozen=True)
class _Judge:
    """The rows and folds that all candidates are judged on."""

    data: TrainingSet
    seed: int
    fold_of: Rows
    folds: Sequence[Part]

    def trial(self, candidate: Candidate, bar: "tqdm[Any] | None" = None) -> Trial:
        """Return what the candidate is worth."""
        raw = out_of_fold(candidate, self.data, self.folds, self.seed, bar)
        slope, intercept = line(self.data.labels, raw)
        return Trial(candidate, slope * raw + intercept, self.auc(raw), slope, intercept)

    def auc(self, scores: Vector) -> float:
        """Return the mean of the folds' ROC-AUC; 0 where it is undefined."""
        return roc_auc_within(self.data.labels, scores, self.fold_of) or 0.0


def _trials(judge: _Judge, plan: Plan, show: Bar, journal: Path | None) -> tuple[list[Trial], int]:
    """Return the best trial of each family, best first, and how many trials there were."""
    rows = len(judge.data)
    families = plan.families_for(rows)
    if not families:
        raise AlmanacError(
            f"None of the model families can be had: {', '.join(plan.left_out(rows))}.\n"
            "Name another: ml train --model lightgbm"
        )
    if plan.searches:
        found, count = _searched(judge, plan, families, show, journal)
    else:
        starts = [Candidate(*start) for start in plan.starts(rows)]
        with show(len(starts) * len(judge.folds), "fit") as bar:
            found, count = [judge.trial(start, bar) for start in starts], len(starts)
    ranked = sorted(found, key=lambda trial: -trial.auc)
    best = {trial.candidate.family: trial for trial in reversed(ranked)}
    return sorted(best.values(), key=lambda trial: -trial.auc), count


def _searched(
    judge: _Judge, plan: Plan, families: Sequence[str], show: Bar, journal: Path | None
) -> tuple[list[Trial], int]:
    seen: dict[int, Trial] = {}

    def worth(number: int, candidate: Candidate) -> float:
        seen[number] = judge.trial(candidate)
        return seen[number].auc

    study = Study(plan, families, judge.data.labels, journal)
    count = study.run(worth, show)
    # What an earlier run judged is judged again: a journal keeps no predictions.
    return [seen.get(n) or judge.trial(each) for n, each in study.best().items()], count


def _mixes(judge: _Judge, trials: Sequence[Trial], plan: Plan) -> Iterator[_Mix]:
    """Yield what may be chosen, the simplest first: the best alone, means and a stack of the best.

    The stack's weights come from the other folds' rows, so that it is judged as fairly as a mean.
    """
    yield _Mix(trials[:1], trials[0].log_odds)
    if plan.blends:
        for count in range(2, min(MOST_MEMBERS, len(trials)) + 1):
            yield _Mix(trials[:count], _mean(trials[:count]))
    if plan.stacks:
        stack = _stack(judge, trials[:MOST_MEMBERS])
        if len(stack.trials) > 1:
            yield stack


def _stack(judge: _Judge, trials: Sequence[Trial]) -> _Mix:
    labels, told = judge.data.labels, np.column_stack([trial.log_odds for trial in trials])
    weights, _ = stacked(labels, told)
    # Who counts for nothing need not be fitted.
    counted = [int(i) for i in np.flatnonzero(weights)]
    return _Mix(
        [trials[i] for i in counted],
        stacked_out_of_fold(labels, told, judge.fold_of),
        tuple(float(weights[i]) for i in counted),
    )


def stacked_out_of_fold(labels: Labels, log_odds: NDArray[np.float64], fold_of: Rows) -> Vector:
    """Return each row's sum of its models' log-odds by the weights that the other folds give."""
    told = np.empty(len(labels))
    for others, fold in parts(fold_of):
        weights, intercept = stacked(labels[others], log_odds[others])
        told[fold] = log_odds[fold] @ weights + intercept
    return told


def _mean(trials: Sequence[Trial]) -> Vector:
    return np.asarray(np.mean([trial.log_odds for trial in trials], axis=0))


def _fitted(mix: _Mix, data: TrainingSet, rows: Rows, columns: Rows, seed: int) -> Model:
    def fitted(member: Trial) -> Model:
        model = fit(member.candidate, data, rows, columns, seed)
        return model.calibrated(member.slope, member.intercept)

    models = tuple(workers.each(fitted, mix.trials, at_once=1))
    if len(models) == 1:
        return models[0]
    whole = Stack(models, mix.weights) if mix.weights else Blend(models)
    return whole.calibrated(*line(data.labels, mix.log_odds))
