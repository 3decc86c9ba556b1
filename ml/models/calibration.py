"""Calibration: the line through log-odds that makes them probabilities (Platt, 1999).

And its like through those of several models: a stack (Wolpert, 1992), none against its own word.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from ml.data.training_set import Labels, Vector

# A line that falls would turn the ranking round.
_LEAST_SLOPE = 0.05


def line(labels: Labels, log_odds: Vector) -> tuple[float, float]:
    """Return slope and intercept of the likeliest line through log-odds out of fold."""
    spread, middle = float(log_odds.std()) or 1.0, float(log_odds.mean())
    scaled = (log_odds - middle) / spread
    found = _likeliest(labels, scaled, np.array([spread, middle]), _LEAST_SLOPE * spread)
    slope = float(found[0]) / spread
    return slope, float(found[1]) - slope * middle


def stacked(labels: Labels, log_odds: NDArray[np.float64]) -> tuple[Vector, float]:
    """Return the likeliest weights, none below 0, and intercept of log-odds out of fold.

    Args:
        labels: 0 or 1 a row.
        log_odds: a row a row, a column a model.
    """
    models = log_odds.shape[1]
    found = _likeliest(labels, log_odds, np.append(np.full(models, 1 / models), 0.0), 0.0)
    return found[:-1], float(found[-1])


def _likeliest(
    labels: Labels, log_odds: NDArray[np.float64], start: Vector, least: float
) -> Vector:
    """Return the likeliest weights of the columns, none below `least`, and the intercept last."""
    columns = np.column_stack([log_odds, np.ones(len(labels))])

    def loss(weights: Vector) -> tuple[float, Vector]:
        told = columns @ weights
        value = np.logaddexp(0, told).sum() - told[labels == 1].sum()
        return float(value), (expit(told) - labels) @ columns

    bounds = [(least, None)] * (len(start) - 1) + [(None, None)]
    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x)
