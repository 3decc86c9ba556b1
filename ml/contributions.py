"""What single values do to the log-odds: a sample of rows, kept for the pictures of a model."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from ml.matrix import Matrix
from ml.models import Model

FEATURES = 12
_MOST_ROWS = 1_000


def sampled(model: Model, matrix: Matrix, names: Sequence[str], top: Sequence[str]) -> pa.Table:
    """Return values and contributions to the log-odds of the `top` features in a sample of rows.

    One line a feature and row: `feature`, `value` (null where it is missing), `contribution`. At
    most 1,000 rows of the matrix, evenly spaced.
    """
    sample = matrix[:: max(1, len(matrix) // _MOST_ROWS)][:_MOST_ROWS]
    columns = [names.index(name) for name in top[:FEATURES]]
    added = model.contributions(sample, columns)
    return pa.table(
        {
            "feature": np.repeat([names[column] for column in columns], len(sample)),
            "value": pa.array(sample[:, columns].ravel(order="F"), pa.float32(), from_pandas=True),
            "contribution": added[:, columns].ravel(order="F").astype(np.float32),
        }
    )
