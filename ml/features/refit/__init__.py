"""Refits of the components and clusters that features of dialogues are computed with."""

from ml.features.refit.dialogs import Size, first_fit, refit_dialogs
from ml.features.refit.version import Version

__all__ = ["Size", "Version", "first_fit", "refit_dialogs"]
