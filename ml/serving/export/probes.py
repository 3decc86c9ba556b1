"""Probe rows for an exported formula, and its largest difference from the model on them."""

from collections.abc import Sequence

import duckdb
import numpy as np
import pyarrow as pa

from ml.data.training_set import Matrix, Vector

SEED = 7
# Values outside the usual range, of both signs, and values near common split points.
EXTREME_VALUES = np.array([0, -0.0, 0.5, -0.5, 1, -1, 999, -999, 1e-36, 3e38, -3e38], np.float32)


def probes(matrix: Matrix, count: int) -> Matrix:
    """Return `count` rows sampled from `matrix`: unchanged, with nulls, or with extreme values.

    Each kind is a third of the rows; the first row is all null. The result is deterministic.
    """
    rng = np.random.default_rng(SEED)
    rows = matrix[rng.integers(0, len(matrix), count)].copy()
    kind = np.arange(count) % 3
    nulls = (kind == 1)[:, None] & (rng.random(rows.shape) < 0.5)
    extreme = (kind == 2)[:, None] & (rng.random(rows.shape) < 0.3)
    rows[nulls] = np.nan
    rows[extreme] = rng.choice(EXTREME_VALUES, int(extreme.sum()))
    rows[0] = np.nan
    return rows


def evaluate_sql(formula: str, names: Sequence[str], matrix: Matrix) -> Vector:
    """Return the formula's value for each row of `matrix`, computed by DuckDB; NaN for null."""
    columns = [
        pa.array(matrix[:, place].astype(np.float64), pa.float64(), from_pandas=True)
        for place in range(len(names))
    ]
    with duckdb.connect() as connection:
        connection.register("probes", pa.table(columns, names=list(names)))
        found = connection.sql(f"select {formula} as score from probes").to_arrow_table()
    return np.asarray(found["score"].to_numpy(), dtype=np.float64)


def largest_difference(found: Vector, expected: Vector) -> float:
    """Return the largest absolute difference; infinite where the formula gave null."""
    if not len(expected):
        return 0.0
    return float(np.where(np.isnan(found), np.inf, np.abs(found - expected)).max())
