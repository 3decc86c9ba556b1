"""An export beside its model: on every customer of today, and on rows that no training saw."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from ml.data.training_set import Matrix, Vector
from ml.registry.artifact import Artifact
from ml.serving.batch import scoring_population
from ml.serving.batch_inputs import rows_per_batch
from ml.serving.export.probes import largest_difference, probes
from ml.serving.scorer import have_any, inputs
from ml.workspace.errors import AlmanacError
from ml.workspace.settings import Workspace

PROBE_ROWS = 3_000


@dataclass(frozen=True)
class Exported:
    """The files written, the number of rows compared, and the largest absolute difference."""

    model_id: str
    paths: tuple[Path, ...]
    rows: int
    largest_difference: float


@dataclass(frozen=True)
class Compared:
    """How many rows were compared, the largest absolute difference, and the probe rows."""

    rows: int
    largest_difference: float
    probes: Matrix


def compared(
    ws: Workspace,
    champion: Artifact,
    form: str,
    answer: Callable[[Matrix], Vector],
    tolerance: float,
) -> Compared:
    """Compare an export and its artifact.

    Args:
        ws: the workspace.
        champion: the artifact.
        form: what the export is, for the error.
        answer: returns the export's probabilities of rows of inputs, NaN where it has none.
        tolerance: the largest difference of two probabilities.

    Raises:
        AlmanacError: they differ by more than the tolerance, or there is no row to compare.
    """
    as_of, customers = scoring_population(ws, champion, None)
    rows, largest, probe_rows = 0, 0.0, np.empty((0, len(champion.features)), np.float32)
    for real in _inputs(ws, champion, as_of, customers):
        matrix = real
        if len(real) and not len(probe_rows):
            probe_rows = probes(real, PROBE_ROWS)
            matrix = np.concatenate([probe_rows, real])
        difference = largest_difference(answer(matrix), champion.model.predict(matrix))
        rows, largest = rows + len(matrix), max(largest, difference)
    if not rows or largest > tolerance:
        outcome = (
            f"differ by up to {largest:.3g}" if rows else "cannot be compared: no customer has any"
        )
        raise AlmanacError(
            f"The {form} of {champion.model_id} and its artifact {outcome}; nothing was written.",
            "Score with the artifact: ml score",
            target=champion.card.target,
        )
    return Compared(rows, largest, probe_rows)


def _inputs(
    ws: Workspace, champion: Artifact, as_of: datetime, customers: pa.Array
) -> Iterator[Matrix]:
    """Yield the inputs of the customers who have any feature, in batches."""
    # Feast takes seconds to import; only what reads features pays for it.
    from ml import store

    names = [feature.name for feature in champion.features]
    asked = store.rows_at(customers, as_of)
    for found in store.training_matrices(ws, names, asked, rows_per_batch(champion)):
        matrix = inputs(found, champion.features)
        yield matrix[have_any(matrix)]
