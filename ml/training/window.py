"""Choosing which months a model learns from, by a backtest."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ml.data.split import months_of, temporal
from ml.data.training_set import Rows, TrainingSet, Vector
from ml.data.window import EVERYTHING, Window, parse_window
from ml.evaluation.delong import compare
from ml.training.crossfit import Candidate, chosen_columns, fit
from ml.training.plan import Plan
from ml.workspace.errors import BadInput
from ml.workspace.targets import LEAST_OF_A_CLASS, Target

# So many of the newest months to learn from judge the windows.
JUDGING_MONTHS = 3
SURE = 1.96


def windowed(data: TrainingSet, train: Rows, target: Target, plan: Plan) -> tuple[Rows, Plan]:
    """Return the rows to train on, of `train`, and the plan with the one window it is now of.

    Of several windows a backtest chooses: the last three months of `train` are predicted by the
    plan's first family, fitted before each on each window. Another window than the plan's first is
    chosen only where its ROC-AUC is higher by DeLong's paired test, the months taken together.

    Raises:
        BadInput: the rows have no time.
    """
    windows = [parse_window(name) for name in plan.windows] or [Window()]
    if not target.temporal:
        if plan.windows and plan.windows != (EVERYTHING,):
            raise BadInput(
                f"{target.name} has no time, so it has no training window.",
                "Train the targets with a time: ml train --target …",
                target=target.name,
            )
        return train, plan
    chosen = _chosen(data.take(train), target, plan, windows) if len(windows) > 1 else windows[0]
    kept = chosen.rows(data.times[train])
    return train[kept], replace(plan, windows=(chosen.name,) if plan.windows else ())


def weights_of(data: TrainingSet, plan: Plan) -> Vector | None:
    """Return how much each row counts by the plan's one window; None where all count alike."""
    return parse_window(plan.windows[0]).weights(data.times) if plan.windows else None


def _chosen(data: TrainingSet, target: Target, plan: Plan, windows: Sequence[Window]) -> Window:
    months = np.unique(months_of(data.times))[-JUDGING_MONTHS:]
    judged: list[tuple[Rows, Rows]] = []
    for month in months:
        try:
            split = temporal(data.times, target.horizon_months, month)
        except BadInput:
            continue
        if _carries(data, split.train) and _carries(data, split.test):
            judged.append((split.train, split.test))
    if not judged:
        return windows[0]
    scores = [[_predicted(data, *rows, plan, window) for rows in judged] for window in windows]
    best, gained = windows[0], 0.0
    for window, found in zip(windows[1:], scores[1:], strict=True):
        compared = [
            compare(data.labels[test].astype(float), mine, first)
            for (_, test), mine, first in zip(judged, found, scores[0], strict=True)
        ]
        gain = float(np.mean([each.gain for each in compared]))
        error = float(np.sqrt(np.sum([each.error**2 for each in compared]))) / len(compared)
        if gain > max(gained, SURE * error):
            best, gained = window, gain
    return best


def _carries(data: TrainingSet, rows: Rows) -> bool:
    positives = int(data.labels[rows].sum())
    return min(positives, len(rows) - positives) >= LEAST_OF_A_CLASS


def _predicted(data: TrainingSet, train: Rows, test: Rows, plan: Plan, window: Window) -> Vector:
    """Return the log-odds of the test rows by the plan's first family, fitted on the window."""
    rows = train[window.rows(data.times[train])]
    if not _carries(data, rows):
        return np.zeros(len(test))
    candidate = Candidate(plan.families_for(len(rows))[0])
    columns = chosen_columns(data, rows, plan.features, plan.seed)
    model = fit(candidate, data, rows, columns, plan.seed, window.weights(data.times[rows]))
    return model.log_odds_at(data.matrix, test, columns)
