"""Calibration: the line through log-odds that makes them probabilities (Platt, 1999).

And its like through those of several models: a stack (Wolpert, 1992), none against its own word.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from ml.matrix import Labels, Vector

# A line that falls would turn the ranking round.
_LEAST_SLOPE = 0.05


def line(labels: Labels, log_odds: Vector) -> tuple[float, float]:
    """Return slope and intercept of the likeliest line through log-odds out of fold."""
    spread, middle = float(log_odds.std()) or 1.0, float(log_odds.mean())
    scaled = (log_odds - middle) / spread

    def loss(line: Vector) -> tuple[float, Vector]:
        told = line[0] * scaled + line[1]
        wrong = expit(told) - labels
        value = np.logaddexp(0, told).sum() - told[labels == 1].sum()
        return float(value), np.array([wrong @ scaled, wrong.sum()])

    start = np.array([spread, middle])
    bounds = [(_LEAST_SLOPE * spread, None), (None, None)]
    slope, height = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    slope = float(slope) / spread
    return slope, float(height) - slope * middle


def stacked(labels: Labels, log_odds: NDArray[np.float64]) -> tuple[Vector, float]:
    """Return the likeliest weights, none below 0, and intercept of log-odds out of fold.

    Args:
        labels: 0 or 1 a row.
        log_odds: a row a row, a column a model.
    """
    columns = np.column_stack([log_odds, np.ones(len(labels))])

    def loss(weights: Vector) -> tuple[float, Vector]:
        told = columns @ weights
        value = np.logaddexp(0, told).sum() - told[labels == 1].sum()
        return float(value), (expit(told) - labels) @ columns

    models = log_odds.shape[1]
    start = np.append(np.full(models, 1 / models), 0.0)
    bounds = [(0.0, None)] * models + [(None, None)]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return np.asarray(found[:-1]), float(found[-1])
