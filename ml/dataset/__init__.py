"""Reproducible training sets: each has a manifest of how it is made, and an id derived from it."""

from ml.dataset.compare import DatasetComparison, verify
from ml.dataset.rows import RowsReader
from ml.dataset.storage import Dataset, current, datasets, find, forget_customer, make, remove

__all__ = [
    "Dataset",
    "DatasetComparison",
    "RowsReader",
    "current",
    "datasets",
    "find",
    "forget_customer",
    "make",
    "remove",
    "verify",
]
