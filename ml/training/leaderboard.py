"""What was tried, side by side: every family's best and trivial answers, on the same folds."""

import numpy as np
from scipy.special import expit

from ml.data.training_set import TrainingSet, Vector
from ml.evaluation.bootstrap import estimates
from ml.evaluation.metrics import average_precision, brier, missing_last, roc_auc_statistic
from ml.registry.card import LeaderboardEntry
from ml.training.ensemble import Learnt
from ml.workspace.targets import Target

BASELINE, NOTHING = "baseline feature alone", "no features"


def leaderboard(learnt: Learnt, data: TrainingSet, baseline: Vector) -> list[LeaderboardEntry]:
    """Return what each family's best, the model and trivial answers reach out of fold, best first.

    ROC-AUC and gains are within folds, with 95 % intervals over customers.

    Args:
        learnt: what was tried.
        data: the rows that it was tried on.
        baseline: the single-feature ranking, as `baseline_ranking` gives it.
    """
    probabilities = {each.candidate.family: expit(each.log_odds) for each in learnt.best}
    probabilities[learnt.model.family] = learnt.probabilities
    rankings = {**probabilities, NOTHING: np.full(len(data), data.labels.mean())}
    if not np.isnan(baseline).all():
        rankings[BASELINE] = missing_last(baseline)
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
            brier=None if name == BASELINE else brier(data.labels, rankings[name]),
        )
        for name, each in found.items()
    ]
    return sorted(entries, key=lambda entry: -entry.roc_auc)


def baseline_ranking(rows: TrainingSet, target: Target) -> Vector:
    """Return the target's baseline feature, larger meaning likelier; NaN where it says nothing."""
    names = [feature.name for feature in rows.features]
    if target.baseline is None or target.baseline.feature not in names:
        return np.full(len(rows), np.nan)
    values = rows.matrix[:, names.index(target.baseline.feature)].astype(np.float64)
    return values if target.baseline.descending else -values
