"""The choice: candidates judged out of fold, the best of them or their mean, fitted to all rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit
from tqdm import tqdm

from ml import workers
from ml.calibration import line
from ml.config import AlmanacError
from ml.learn import FOLDS, Candidate, Part, chosen_columns, fit, out_of_fold, parts_of, told
from ml.matrix import Matrix, Rows, TrainingSet, Vector
from ml.metrics import roc_auc_within
from ml.models import Blend, Model
from ml.plan import Plan
from ml.split import folds
from ml.study import Bar, Study, progress
from ml.thresholds import best_threshold

# A blend is the mean of the best, one a family, of at most so many families.
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
    parts = parts_of(data, fold_of, plan.features, plan.seed)
    judge = _Judge(data, plan.seed, fold_of, parts)
    trials, count = _trials(judge, plan, progress(title, quiet=quiet), journal)
    members = _members(judge, trials, plan)
    slope, intercept = line(data.labels, _mean(members))
    probabilities = expit(slope * _mean(members) + intercept)
    rows = np.arange(len(data))
    columns = chosen_columns(data, rows, plan.features, plan.seed)
    return Learnt(
        model=_fitted(members, data, rows, columns, plan.seed),
        columns=columns,
        fold_of=fold_of,
        probabilities=probabilities,
        auc=judge.auc(probabilities),
        threshold=best_threshold(data.labels, probabilities, plan.criterion, plan.costs),
        best=tuple(trials),
        members=tuple(trial.candidate for trial in members),
        trials=count,
    )


@dataclass(frozen=True)
class _Judge:
    """The rows and folds that all candidates are judged on."""

    data: TrainingSet
    seed: int
    fold_of: Rows
    parts: Sequence[Part]

    def trial(self, candidate: Candidate, bar: "tqdm[Any] | None" = None) -> Trial:
        """Return what the candidate is worth."""
        raw = out_of_fold(candidate, self.data, self.parts, self.seed, bar)
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
        with show(len(starts) * len(judge.parts), "fit") as bar:
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


def _members(judge: _Judge, trials: Sequence[Trial], plan: Plan) -> Sequence[Trial]:
    """Return the best few families whose mean ranks best, or the best alone."""
    most = MOST_MEMBERS if plan.blends else 1
    choices = [trials[:count] for count in range(1, min(most, len(trials)) + 1)]
    return max(choices, key=lambda some: judge.auc(_mean(some)))


def _mean(trials: Sequence[Trial]) -> Vector:
    return np.asarray(np.mean([trial.log_odds for trial in trials], axis=0))


def _fitted(
    members: Sequence[Trial], data: TrainingSet, rows: Rows, columns: Rows, seed: int
) -> Model:
    def fitted(member: Trial) -> Model:
        model = fit(member.candidate, data, rows, columns, seed)
        return model.calibrated(member.slope, member.intercept)

    models = workers.each(fitted, members, at_once=1)
    if len(models) == 1:
        return models[0]
    return Blend(tuple(models)).calibrated(*line(data.labels, _mean(members)))
