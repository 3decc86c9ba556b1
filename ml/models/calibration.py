"""Calibration: Platt scaling (Platt, 1999), and the weights of a stack (Wolpert, 1992).

Both are logistic regressions of the labels on log-odds out of fold, with weights bounded below.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from ml.data.training_set import Labels, Vector

# A slope below 0 would turn the ranking round.
_LEAST_SLOPE = 0.05


def platt(labels: Labels, log_odds: Vector) -> tuple[float, float]:
    """Return slope and intercept that make calibrated log-odds of log-odds out of fold."""
    spread, middle = float(log_odds.std()) or 1.0, float(log_odds.mean())
    scaled = (log_odds - middle) / spread
    found = _regression(labels, scaled, np.array([spread, middle]), _LEAST_SLOPE * spread)
    slope = float(found[0]) / spread
    return slope, float(found[1]) - slope * middle


def stack_weights(labels: Labels, log_odds: NDArray[np.float64]) -> tuple[Vector, float]:
    """Return the weights, none below 0, and the intercept of several models' log-odds out of fold.

    Args:
        labels: 0 or 1 a row.
        log_odds: a row a row, a column a model.
    """
    models = log_odds.shape[1]
    found = _regression(labels, log_odds, np.append(np.full(models, 1 / models), 0.0), 0.0)
    return found[:-1], float(found[-1])


def _regression(
    labels: Labels, log_odds: NDArray[np.float64], start: Vector, least: float
) -> Vector:
    """Return the maximum-likelihood weights, none below `least`, and the intercept last."""
    columns = np.column_stack([log_odds, np.ones(len(labels))])

    def loss(weights: Vector) -> tuple[float, Vector]:
        predicted = columns @ weights
        value = np.logaddexp(0, predicted).sum() - predicted[labels == 1].sum()
        return float(value), (expit(predicted) - labels) @ columns

    bounds = [(least, None)] * (len(start) - 1) + [(None, None)]
    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x)
