"""Predictions for records given by the caller, with checks of every field and reasons."""

from ml.serving.predict.predictor import Prediction, Predictor
from ml.serving.predict.records import Problem

__all__ = ["Prediction", "Predictor", "Problem"]
