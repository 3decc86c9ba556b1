"""Almanac's machine learning: point-in-time training sets, honest models, scores.

`from ml import Predictor` gives the model that answers records.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ml.serving.predict import Predictor

__all__ = ["Predictor"]


def __getattr__(name: str) -> object:
    # Models bring numpy, pandas and LightGBM along: only what predicts pays for them.
    if name == "Predictor":
        from ml.serving.predict import Predictor

        return Predictor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
