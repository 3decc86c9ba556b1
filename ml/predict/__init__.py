"""Predictions for records at hand: checked field by field, answered with reasons."""

from ml.predict.predictor import Prediction, Predictor
from ml.predict.records import Problem

__all__ = ["Prediction", "Predictor", "Problem"]
