"""Training sets that can be shown again: how each is made, under an id that follows from it."""

from ml.dataset.kept import Dataset, current, datasets, find, make, remove
from ml.dataset.verify import Verdict, verify

__all__ = ["Dataset", "Verdict", "current", "datasets", "find", "make", "remove", "verify"]
