"""What a model goes by: features by their share of all contributions."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from ml.matrix import Matrix
from ml.models.family import Model

_MOST_ROWS = 2000
# Models without exact contributions are asked once a column.
_MOST_VALUES = 20_000


def importance(model: Model, matrix: Matrix, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return features by their share of all contributions, largest first, with their direction.

    Shares sum to 1. The direction is `up` where larger values make label 1 likelier, `down` where
    less likely, `mixed` where neither, read from at most 2,000 rows evenly spaced; fewer where
    contributions cost much.
    """
    few = max(100, min(_MOST_ROWS, _MOST_VALUES // matrix.shape[1]))
    most = _MOST_ROWS if model.exact else few
    sample = matrix[:: max(1, len(matrix) // most)][:most]
    added = model.contributions(sample)
    weight = np.abs(added - added.mean(axis=0)).mean(axis=0)
    share = weight / (weight.sum() or 1.0)
    ways = [_way(sample[:, i], added[:, i]) for i in range(len(names))]
    found = [
        {"feature": name, "importance": float(share_of), "direction": way}
        for name, share_of, way in zip(names, share, ways, strict=True)
    ]
    return sorted(found, key=lambda entry: -float(entry["importance"]))


def _way(values: NDArray[Any], added: NDArray[np.float64]) -> str:
    known = ~np.isnan(values)
    values, added = values[known], added[known].round(12)
    if len(values) < 3 or np.ptp(values) == 0 or np.ptp(added) == 0:
        return "mixed"
    link = float(np.corrcoef(rankdata(values), rankdata(added))[0, 1])
    return "up" if link > 0.2 else "down" if link < -0.2 else "mixed"
