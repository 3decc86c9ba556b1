"""What was tried, side by side: every family's best and trivial answers, on the same folds."""

from typing import Any

import numpy as np
from scipy.special import expit

from ml.data.training_set import TrainingSet, Vector
from ml.evaluation.bootstrap import Estimate, estimates
from ml.evaluation.metrics import average_precision, brier, missing_last, roc_auc_of_draws
from ml.training.ensemble import Learnt

BASELINE, NOTHING = "baseline feature alone", "no features"


def compared(learnt: Learnt, data: TrainingSet, baseline: Vector) -> list[dict[str, Any]]:
    """Return what each family's best, the model and trivial answers reach out of fold, best first.

    An entry has the `name`, whether it is the `chosen` model, and its measures: `roc_auc` within
    folds, the `gain` of the chosen model on it, their 95 % intervals over customers, `pr_auc` and
    `brier`. An interval is null where a class has one customer.

    Args:
        learnt: what was tried.
        data: the rows that it was tried on.
        baseline: the single-feature ranking, larger meaning likelier, NaN where it says nothing.
    """
    told = {each.candidate.family: expit(each.log_odds) for each in learnt.best}
    told[learnt.model.family] = learnt.probabilities
    rankings = {**told, NOTHING: np.full(len(data), data.labels.mean())}
    if not np.isnan(baseline).all():
        rankings[BASELINE] = missing_last(baseline)
    found = estimates(
        {
            name: roc_auc_of_draws(data.labels, scores, learnt.fold_of)
            for name, scores in rankings.items()
        },
        data.customers,
    )
    chosen = learnt.model.family
    entries = [
        {
            "name": name,
            "chosen": name == chosen,
            **_measured("roc_auc", each),
            **_measured("gain", found[chosen] - each),
            "pr_auc": average_precision(data.labels, rankings[name]),
            # A ranking by one feature promises nothing.
            "brier": None if name == BASELINE else brier(data.labels, rankings[name]),
        }
        for name, each in found.items()
    ]
    return sorted(entries, key=lambda entry: -entry["roc_auc"])


def _measured(name: str, found: Estimate) -> dict[str, Any]:
    """Return the estimate and the ends of its interval under this name."""
    return {name: found.value, f"{name}_interval": found.interval}
