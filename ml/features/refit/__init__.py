"""Fitting anew what the warehouse computes with: components and clusters of dialogues."""

from ml.features.refit.dialogs import Size, first_fit, refit_dialogs
from ml.features.refit.version import Version

__all__ = ["Size", "Version", "first_fit", "refit_dialogs"]
