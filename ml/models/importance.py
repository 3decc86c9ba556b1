"""Feature importance and contributions: which features move a model's predictions, and how far."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.stats import rankdata

from ml.data.training_set import Matrix, evenly
from ml.models.family import Model

# Permutations cost a prediction each: of so many rows, so many at first, so many in all.
_PERMUTED_ROWS = 500
_BLOCKS = 200
_MOST_PERMUTATIONS = 400
_COPIES = 20
Change = NDArray[np.float64]
# Contributions are kept of so many features, in at most so many rows.
TOP_FEATURES = 12
_ROWS_KEPT = 1_000


def importance_and_contributions(
    model: Model, sample: Matrix, names: Sequence[str]
) -> tuple[list[dict[str, Any]], pa.Table]:
    """Return the features' `importance`, and the contributions of the top ones for the pictures.

    These have a line a feature and row, of at most 1,000 rows: `feature`, `value` (null where it is
    missing), `contribution` to the log-odds. Exact contributions, which take long, serve both.
    """
    added = model.contributions(sample) if model.exact else None
    entries = importance(model, sample, names, added)
    top = [str(entry["feature"]) for entry in entries[:TOP_FEATURES]]
    columns, shown = [names.index(name) for name in top], evenly(sample, _ROWS_KEPT)
    added = model.contributions(shown, columns) if added is None else evenly(added, _ROWS_KEPT)
    table = pa.table(
        {
            "feature": np.repeat(top, len(shown)),
            "value": pa.array(shown[:, columns].ravel(order="F"), pa.float32(), from_pandas=True),
            "contribution": added[:, columns].ravel(order="F").astype(np.float32),
        }
    )
    return entries, table


def importance(
    model: Model, sample: Matrix, names: Sequence[str], added: Change | None = None
) -> list[dict[str, Any]]:
    """Return features by their share, largest first, with their direction.

    Shares are of all contributions, `added`; without these, of what log-odds change when 500 rows'
    values change places (permutation importance). They sum to 1. The direction is `up` where larger
    values make label 1 likelier, `down` where less likely, `mixed` where neither.
    """
    weight, ways = _permuted(model, sample) if added is None else _contributed(sample, added)
    share = weight / (weight.sum() or 1.0)
    found = [
        {"feature": name, "importance": float(share_of), "direction": way}
        for name, share_of, way in zip(names, share, ways, strict=True)
    ]
    return sorted(found, key=lambda entry: -float(entry["importance"]))


def _contributed(sample: Matrix, added: Change) -> tuple[Change, list[str]]:
    ways = [_way(sample[:, i], added[:, i]) for i in range(sample.shape[1])]
    return np.abs(added - added.mean(axis=0)).mean(axis=0), ways


def _permuted(model: Model, sample: Matrix) -> tuple[Change, list[str]]:
    """Return how far permuting each column moves log-odds, on average, and which way.

    Of many columns blocks are permuted first, and those that move most are halved, as long as there
    are permutations left: what is never alone has an even part of its block, and no direction.
    """
    sample = evenly(sample, _PERMUTED_ROWS)
    order = np.random.default_rng(0).permutation(len(sample))
    whole, other = model.log_odds(sample), sample[order]

    def moved(several: Sequence[NDArray[np.int64]]) -> list[Change]:
        changed = np.tile(sample, (len(several), 1, 1))
        for copy, block in zip(changed, several, strict=True):
            copy[:, block] = other[:, block]
        log_odds = model.log_odds(changed.reshape(-1, sample.shape[1]))
        return [whole - each for each in log_odds.reshape(len(several), -1)]

    columns = np.arange(sample.shape[1])
    first = np.array_split(columns, min(_BLOCKS, len(columns)))
    # Each call of a forest costs as much as its trees are many: one for several copies.
    blocks = [
        pair
        for start in range(0, len(first), _COPIES)
        for some in (first[start : start + _COPIES],)
        for pair in zip(some, moved(some), strict=True)
    ]
    for _ in range((_MOST_PERMUTATIONS - len(blocks)) // 2):
        several = [i for i, (block, _) in enumerate(blocks) if len(block) > 1]
        if not several:
            break
        widest = max(several, key=lambda i: float(np.abs(blocks[i][1]).mean()))
        halves = np.array_split(blocks.pop(widest)[0], 2)
        blocks += [(half, moved([half])[0]) for half in halves]
    weight, ways = np.zeros(len(columns)), ["mixed"] * len(columns)
    for block, change in blocks:
        weight[block] = np.abs(change).mean() / len(block)
        if len(block) == 1:
            ways[block[0]] = _way(sample[:, block[0]] - other[:, block[0]], change)
    return weight, ways


def _way(values: NDArray[Any], added: NDArray[np.float64]) -> str:
    known = ~np.isnan(values)
    values, added = values[known], added[known].round(12)
    if len(values) < 3 or np.ptp(values) == 0 or np.ptp(added) == 0:
        return "mixed"
    link = float(np.corrcoef(rankdata(values), rankdata(added))[0, 1])
    return "up" if link > 0.2 else "down" if link < -0.2 else "mixed"
