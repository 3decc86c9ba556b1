"""What a model goes by, in a sample of rows: features, and what their single values do."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from ml.data.training_set import Matrix, evenly
from ml.models import Model, importance

FEATURES = 12
_SHOWN_ROWS = 1_000


def driven(
    model: Model, sample: Matrix, names: Sequence[str]
) -> tuple[list[dict[str, Any]], pa.Table]:
    """Return the features' `importance`, and the contributions of the top ones for the pictures.

    These have a line a feature and row, of at most 1,000 rows: `feature`, `value` (null where it is
    missing), `contribution` to the log-odds. Exact contributions, which take long, serve both.
    """
    added = model.contributions(sample) if model.exact else None
    entries = importance(model, sample, names, added)
    top = [str(entry["feature"]) for entry in entries[:FEATURES]]
    columns, shown = [names.index(name) for name in top], evenly(sample, _SHOWN_ROWS)
    added = model.contributions(shown, columns) if added is None else evenly(added, _SHOWN_ROWS)
    table = pa.table(
        {
            "feature": np.repeat(top, len(shown)),
            "value": pa.array(shown[:, columns].ravel(order="F"), pa.float32(), from_pandas=True),
            "contribution": added[:, columns].ravel(order="F").astype(np.float32),
        }
    )
    return entries, table
