"""What was tried, side by side: every family's best and trivial answers, on the same folds."""

import numpy as np
from scipy.special import expit
from scipy.stats import rankdata

from ml.data.training_set import Matrix, TrainingSet, Vector, evenly
from ml.evaluation.bootstrap import estimates
from ml.evaluation.metrics import average_precision, brier, missing_last, roc_auc_statistic
from ml.registry.card import LeaderboardEntry
from ml.training.ensemble import Learnt
from ml.workspace.targets import Target

BASELINE, BEST, NOTHING = "baseline feature alone", "best feature alone", "no features"
# So many rows of each class, evenly spaced, decide which single feature ranks best.
ROWS_OF_A_CLASS = 2_500
COLUMNS_AT_ONCE = 256


def leaderboard(learnt: Learnt, data: TrainingSet, baseline: Vector) -> list[LeaderboardEntry]:
    """Return what each family's best, the model and trivial answers reach out of fold, best first.

    ROC-AUC and gains are within folds, with 95 % intervals over customers.

    Args:
        learnt: what was tried.
        data: the rows that it was tried on.
        baseline: the single-feature ranking, as `baseline_ranking` gives it.

    Beside that feature stands the one that ranks the same rows best, which flatters it: a model has
    to beat it all the same.
    """
    probabilities = {each.candidate.family: expit(each.log_odds) for each in learnt.best}
    probabilities[learnt.model.family] = learnt.probabilities
    rankings = {**probabilities, NOTHING: np.full(len(data), data.labels.mean())}
    if not np.isnan(baseline).all():
        rankings[BASELINE] = missing_last(baseline)
    if best_feature := best_single_feature(data):
        name, ranking = best_feature
        rankings[f"{BEST}: {name}"] = ranking
    found = estimates(
        {
            name: roc_auc_statistic(data.labels, scores, learnt.fold_of)
            for name, scores in rankings.items()
        },
        data.customers,
    )
    best = found[learnt.model.family]
    entries = [
        LeaderboardEntry(
            name=name,
            chosen=name == learnt.model.family,
            roc_auc=each.value,
            roc_auc_interval=each.interval,
            gain=(best - each).value,
            gain_interval=(best - each).interval,
            pr_auc=average_precision(data.labels, rankings[name]) or 0.0,
            # A ranking by one feature promises no probability.
            brier=None if name.startswith((BASELINE, BEST)) else brier(data.labels, rankings[name]),
        )
        for name, each in found.items()
    ]
    return sorted(entries, key=lambda entry: -entry.roc_auc)


def is_trivial(name: str) -> bool:
    """Return whether an entry of this name was not fitted: one feature's ranking, or none's."""
    return name.startswith((BASELINE, BEST, NOTHING))


def best_single_feature(rows: TrainingSet) -> tuple[str, Vector] | None:
    """Return the feature that ranks the rows best alone, up or down, and its ranking of them.

    The name begins with `-` where a small value makes a positive likelier. A missing value ranks
    last. None where no row or no feature is there, or a class is.
    """
    positive = np.flatnonzero(rows.labels == 1)
    negative = np.flatnonzero(rows.labels == 0)
    if not len(positive) or not len(negative) or not rows.features:
        return None
    sample = [evenly(each, ROWS_OF_A_CLASS) for each in (positive, negative)]
    chosen, ones = np.concatenate(sample), len(sample[0])
    reached = np.concatenate(
        [
            _rising_and_falling(rows.matrix[chosen, start : start + COLUMNS_AT_ONCE], ones)
            for start in range(0, len(rows.features), COLUMNS_AT_ONCE)
        ],
        axis=1,
    )
    falls, place = np.unravel_index(int(reached.argmax()), reached.shape)
    values = rows.matrix[:, place].astype(np.float64)
    name = rows.features[int(place)].name
    return (f"-{name}", missing_last(-values)) if falls else (name, missing_last(values))


def _rising_and_falling(values: Matrix, ones: int) -> Vector:
    """Return the ROC-AUC of each column and of its negative; the first `ones` rows are positive.

    Shape (2, columns). It is the Mann-Whitney U of the positives' ranks, missing values last.
    """
    missing = np.isnan(values)
    signed = [np.where(missing, -np.inf, each) for each in (values, -values)]
    ranks = [rankdata(each, axis=0)[:ones].sum(axis=0) for each in signed]
    pairs = ones * (len(values) - ones)
    return (np.array(ranks) - ones * (ones + 1) / 2) / pairs


def baseline_ranking(rows: TrainingSet, target: Target) -> Vector:
    """Return the target's baseline feature, larger meaning likelier; NaN where it says nothing."""
    names = [feature.name for feature in rows.features]
    if target.baseline is None or target.baseline.feature not in names:
        return np.full(len(rows), np.nan)
    values = rows.matrix[:, names.index(target.baseline.feature)].astype(np.float64)
    return values if target.baseline.descending else -values
