"""Rows that try a formula: real ones, and what real ones lack; and how far it is from the model."""

from collections.abc import Sequence

import duckdb
import numpy as np
import pyarrow as pa

from ml.data.training_set import Matrix, Vector

SEED = 7
# Beyond every category and amount, of both signs, and around what is most often a limit.
STRANGE = np.array([0, -0.0, 0.5, -0.5, 1, -1, 999, -999, 1e-36, 3e38, -3e38], np.float32)


def probes(matrix: Matrix, count: int) -> Matrix:
    """Return `count` rows made of those of `matrix`: as they are, with nulls, with strange values.

    The first has nulls alone; then come thirds of each kind. The same matrix gives the same rows.
    """
    rng = np.random.default_rng(SEED)
    rows = matrix[rng.integers(0, len(matrix), count)].copy()
    kind = np.arange(count) % 3
    nulls = (kind == 1)[:, None] & (rng.random(rows.shape) < 0.5)
    strange = (kind == 2)[:, None] & (rng.random(rows.shape) < 0.3)
    rows[nulls] = np.nan
    rows[strange] = rng.choice(STRANGE, int(strange.sum()))
    rows[0] = np.nan
    return rows


def answers(formula: str, names: Sequence[str], matrix: Matrix) -> Vector:
    """Return what the database makes of the formula, a row a row of `matrix`, NaN for null."""
    columns = [
        pa.array(matrix[:, place].astype(np.float64), pa.float64(), from_pandas=True)
        for place in range(len(names))
    ]
    with duckdb.connect() as connection:
        connection.register("probes", pa.table(columns, names=list(names)))
        found = connection.sql(f"select {formula} as score from probes").to_arrow_table()
    return np.asarray(found["score"].to_numpy(), dtype=np.float64)


def distance(found: Vector, expected: Vector) -> float:
    """Return the largest absolute difference, infinite where the formula gave no number."""
    if not len(expected):
        return 0.0
    return float(np.where(np.isnan(found), np.inf, np.abs(found - expected)).max())
