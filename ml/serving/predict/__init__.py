"""Predictions for records at hand: checked field by field, answered with reasons."""

from ml.serving.predict.predictor import Prediction, Predictor
from ml.serving.predict.records import Problem

__all__ = ["Prediction", "Predictor", "Problem"]
