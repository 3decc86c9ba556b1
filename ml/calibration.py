"""Calibration: the line through log-odds that makes them probabilities (Platt, 1999)."""

import numpy as np
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
