"""Training sets that can be shown again: how each is made, under an id that follows from it."""

from ml.dataset.compare import Verdict, verify
from ml.dataset.storage import Dataset, current, datasets, find, make, remove

__all__ = ["Dataset", "Verdict", "current", "datasets", "find", "make", "remove", "verify"]
