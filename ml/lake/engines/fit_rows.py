"""Rows of a mapped matrix as Spark's rows, which executors read from its file."""

import platform
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa

from ml.data.elsewhere import FitSample
from ml.data.mapped import FileRows
from ml.workspace import extras
from ml.workspace.errors import BadInput

FIT_ROWS = "features array<float>, label float, weight float"
# Rows in one batch: of 2,266 features 9 MB.
ROWS_AT_ONCE = 1_000


@dataclass(frozen=True)
class FitRows:
    """A sample of a mapped matrix, by files that the executors see under the same paths.

    `folder` has each row's place in the matrix's file, its label and its weight.
    """

    matrix: Path
    folder: Path
    columns: tuple[int, ...]
    count: int

    @classmethod
    def written(cls, sample: FitSample, file: FileRows, folder: Path) -> "FitRows":
        """Return the sample, of which all but the matrix has been written to `folder`."""
        assert isinstance(sample.matrix, np.memmap)
        # Other machines see what is on the disk.
        sample.matrix.flush()
        np.save(folder / "rows.npy", sample.rows + file.first)
        np.save(folder / "labels.npy", sample.labels.astype(np.float32))
        np.save(folder / "weights.npy", sample.weights.astype(np.float32))
        return cls(file.path, folder, tuple(sample.columns.tolist()), len(sample.rows))

    def batches(self, numbers: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the rows of these numbers, the features of each as one list."""
        matrix = np.load(self.matrix, mmap_mode="r")
        rows, labels, weights = (
            np.load(self.folder / f"{name}.npy", mmap_mode="r")
            for name in ("rows", "labels", "weights")
        )
        columns = np.array(self.columns)
        for batch in numbers:
            asked = batch.column(0).to_numpy()
            for start in range(0, len(asked), ROWS_AT_ONCE):
                some = asked[start : start + ROWS_AT_ONCE]
                values = matrix[rows[some][:, None], columns]
                ends = np.arange(0, values.size + 1, len(columns), dtype=np.int32)
                features = pa.ListArray.from_arrays(ends, values.reshape(-1))
                yield pa.record_batch(
                    [features, pa.array(labels[some]), pa.array(weights[some])],
                    names=["features", "label", "weight"],
                )


def check_xgboost() -> None:
    """Check that this executor can fit.

    Raises:
        BadInput: it has no xgboost.
    """
    if find_spec("xgboost") is None:
        raise BadInput(
            f"The executor on {platform.node()} has no xgboost.",
            f"Into the Python of the executors: {extras.advice('xgboost')}",
        )
