"""The choice of a model: candidates judged out of fold, the best alone or several combined."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from ml.data.split import train_and_held_out
from ml.data.training_set import Labels, Matrix, Rows, Vector
from ml.evaluation.thresholds import best_threshold
from ml.models import Blend, Model, Stack, parallel
from ml.models.calibration import platt, stack_weights
from ml.training.crossfit import Candidate, CrossFit
from ml.training.plan import Plan
from ml.training.search import Bar, Search, progress
from ml.workspace.errors import BadInput
from ml.workspace.progress import Progress

# A blend or a stack is of the best, one a family, of at most so many families.
MOST_MEMBERS = 4


@dataclass(frozen=True)
class Trial:
    """A candidate, its log-odds out of fold after Platt scaling, the mean ROC-AUC of its folds."""

    candidate: Candidate
    log_odds: Vector
    auc: float
    slope: float
    intercept: float


@dataclass(frozen=True)
class _Combination:
    """Trials combined: their log-odds out of fold, and weights unless all count alike."""

    trials: Sequence[Trial]
    log_odds: Vector
    weights: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Learnt:
    """The model, the columns it takes, and what was seen on the way.

    `probabilities` are out of fold, all by one Platt scaling; `auc` is the mean of the folds'
    ROC-AUC. `best` has the best trial of each family, best first; `tried` every candidate with its
    ROC-AUC.
    """

    model: Model
    columns: Rows
    fold_of: Rows
    probabilities: Vector
    auc: float
    threshold: float
    best: tuple[Trial, ...]
    members: tuple[Candidate, ...]
    tried: tuple[tuple[Candidate, float], ...]

    def predict(self, matrix: Matrix) -> Vector:
        """Return the probabilities of rows that have all columns, those it does not take too."""
        log_odds = self.model.log_odds_at(matrix, np.arange(len(matrix)), self.columns)
        return np.asarray(expit(log_odds), dtype=np.float64)


def learn(
    cross_fit: CrossFit,
    plan: Plan,
    *,
    title: str = "",
    journal: Path | None = None,
    quiet: bool = False,
) -> Learnt:
    """Return the model that the plan finds in these rows, calibrated, with its threshold.

    Everything is chosen out of fold within these rows: judge it on other rows.

    Args:
        cross_fit: the rows to learn from, with their folds.
        plan: what to try.
        title: shown beside the progress.
        journal: a file from which an interrupted search goes on.
        quiet: whether progress is not shown.

    Raises:
        AlmanacError: none of the plan's families can be had for so many rows.
    """
    labels = cross_fit.data.labels
    trials, tried = _trials(cross_fit, plan, progress(title, quiet=quiet), journal)
    combinations = _combinations(cross_fit, trials, plan)
    chosen = max(combinations, key=lambda each: cross_fit.roc_auc(each.log_odds))
    slope, intercept = platt(labels, chosen.log_odds)
    probabilities = expit(slope * chosen.log_odds + intercept)
    return Learnt(
        model=_fitted(cross_fit, chosen),
        columns=cross_fit.columns,
        fold_of=cross_fit.fold_of,
        probabilities=probabilities,
        auc=cross_fit.roc_auc(probabilities),
        threshold=best_threshold(labels, probabilities, plan.criterion, plan.costs),
        best=tuple(trials),
        members=tuple(trial.candidate for trial in chosen.trials),
        tried=tuple(tried),
    )


def _trials(
    cross_fit: CrossFit, plan: Plan, show: Bar, journal: Path | None
) -> tuple[list[Trial], list[tuple[Candidate, float]]]:
    """Return the best trial of each family, best first, and every candidate with its ROC-AUC."""
    rows = len(cross_fit.data)
    families = plan.families_for(rows)
    if not families:
        raise BadInput(
            f"None of the model families can be had: {', '.join(plan.left_out(rows))}.",
            "Name another: ml train --model lightgbm",
        )
    if plan.searches:
        found, tried = _searched(cross_fit, plan, families, show, journal)
    else:
        starts = [Candidate(*start) for start in plan.starts(rows)]
        with show(len(starts) * len(cross_fit.folds), "fit") as bar:
            found = [_trial(cross_fit, start, bar) for start in starts]
        tried = [(trial.candidate, trial.auc) for trial in found]
    ranked = sorted(found, key=lambda trial: -trial.auc)
    best = {trial.candidate.family: trial for trial in reversed(ranked)}
    return sorted(best.values(), key=lambda trial: -trial.auc), tried


def _trial(cross_fit: CrossFit, candidate: Candidate, bar: Progress | None = None) -> Trial:
    """Return the candidate with what it is worth."""
    raw = cross_fit.log_odds(candidate, bar)
    slope, intercept = platt(cross_fit.data.labels, raw)
    return Trial(candidate, slope * raw + intercept, cross_fit.roc_auc(raw), slope, intercept)


def _searched(
    cross_fit: CrossFit, plan: Plan, families: Sequence[str], show: Bar, journal: Path | None
) -> tuple[list[Trial], list[tuple[Candidate, float]]]:
    seen: dict[int, Trial] = {}

    def worth(number: int, candidate: Candidate) -> float:
        seen[number] = _trial(cross_fit, candidate)
        return seen[number].auc

    search = Search(plan, families, cross_fit.data.labels, journal)
    search.run(worth, show)
    # What an earlier run judged is judged again: a journal keeps no predictions.
    best = [seen.get(n) or _trial(cross_fit, each) for n, each in search.best().items()]
    return best, search.tried()


def _combinations(
    cross_fit: CrossFit, trials: Sequence[Trial], plan: Plan
) -> Iterator[_Combination]:
    """Yield what may be chosen, the simplest first: the best alone, means and a stack of the best.

    The stack's weights come from the other folds' rows, so that it is judged as fairly as a mean.
    """
    yield _Combination(trials[:1], trials[0].log_odds)
    if plan.blends:
        for count in range(2, min(MOST_MEMBERS, len(trials)) + 1):
            yield _Combination(trials[:count], _mean(trials[:count]))
    if plan.stacks:
        stack = _stack(cross_fit, trials[:MOST_MEMBERS])
        if len(stack.trials) > 1:
            yield stack


def _stack(cross_fit: CrossFit, trials: Sequence[Trial]) -> _Combination:
    labels = cross_fit.data.labels
    log_odds = np.column_stack([trial.log_odds for trial in trials])
    weights, _ = stack_weights(labels, log_odds)
    # A model of no weight need not be fitted.
    members = [int(i) for i in np.flatnonzero(weights)]
    return _Combination(
        [trials[i] for i in members],
        stacked_out_of_fold(labels, log_odds, cross_fit.fold_of),
        tuple(float(weights[i]) for i in members),
    )


def stacked_out_of_fold(labels: Labels, log_odds: NDArray[np.float64], fold_of: Rows) -> Vector:
    """Return each row's sum of its models' log-odds by the weights that the other folds give."""
    summed = np.empty(len(labels))
    for others, fold in train_and_held_out(fold_of):
        weights, intercept = stack_weights(labels[others], log_odds[others])
        summed[fold] = log_odds[fold] @ weights + intercept
    return summed


def _mean(trials: Sequence[Trial]) -> Vector:
    return np.asarray(np.mean([trial.log_odds for trial in trials], axis=0))


def _fitted(cross_fit: CrossFit, chosen: _Combination) -> Model:
    def fitted(member: Trial) -> Model:
        return cross_fit.fit(member.candidate).calibrated(member.slope, member.intercept)

    models = tuple(parallel.each(fitted, chosen.trials, most_threads=1))
    if len(models) == 1:
        return models[0]
    whole = Stack(models, chosen.weights) if chosen.weights else Blend(models)
    return whole.calibrated(*platt(cross_fit.data.labels, chosen.log_odds))
