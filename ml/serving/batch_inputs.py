"""Feature matrices for batch scoring: many customers at one instant, read in batches."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from ml.data.training_set import Matrix
from ml.registry.artifact import Artifact
from ml.serving.attribution import Attribution
from ml.serving.scorer import Scorer
from ml.workspace.settings import Workspace

if TYPE_CHECKING:
    from ml.store import FeatureMatrix, InputReader, ModelInput

# Customers times features: 20 MB as float32; a model needs several times that to predict.
CELLS_PER_BATCH = 5_000_000
ONLINE_ROWS_PER_BATCH = 10_000


@dataclass(frozen=True)
class FeatureReader:
    """Reads a model's features at one instant (naive UTC), from the warehouse or online."""

    ws: Workspace
    model: Artifact
    as_of: datetime
    online: bool

    @property
    def name(self) -> str:
        """The store's name in the table of scores."""
        return "online" if self.online else "offline"

    @property
    def view(self) -> str:
        """The feature view of the model's input in the online store."""
        return _input(self.model).view

    @property
    def target(self) -> str:
        """The model's target, which is also the name of its feature service."""
        return self.model.card.target

    def scored(self, customers: pa.Array, scorer: Scorer) -> Iterator[pa.Table]:
        """Yield the scores of the customers who have any feature, in batches, in no order of these.

        Raises:
            AlmanacError: a feature is missing or has another type than it had in training.
        """
        if self.online:
            for batch, matrix in self._online(customers):
                yield scorer.scored(batch, matrix)
            return
        yield from self._offline(customers, scorer)

    def attributed(self, customers: pa.Array, attribution: Attribution) -> Iterator[pa.Table]:
        """Yield the sums of contributions of the customers who have any feature, in batches.

        Raises:
            AlmanacError: as `scored`.
        """
        if self.online:
            for _, matrix in self._online(customers):
                yield attribution.summed(matrix)
            return
        yield from self._offline(customers, attribution)

    def _offline(
        self, customers: pa.Array, call: "Callable[[FeatureMatrix], pa.Table]"
    ) -> Iterator[pa.Table]:
        # Feast takes seconds to import; only what reads features pays for it.
        from ml import store

        names = [feature.name for feature in self.model.features]
        asked = store.rows_at(customers, self.as_of)
        yield from store.applied(self.ws, names, asked, rows_per_batch(self.model), call)

    def _online(self, customers: pa.Array) -> Iterator[tuple[pa.Array, Matrix]]:
        reader = _online_reader(self.ws, self.model)
        for start in range(0, len(customers), ONLINE_ROWS_PER_BATCH):
            batch = customers.slice(start, ONLINE_ROWS_PER_BATCH)
            yield batch, reader.read(batch.to_pylist(), self.as_of).matrix


def rows_per_batch(model: Artifact) -> int:
    """Return how many customers' inputs of a model are in memory at once."""
    return max(1, CELLS_PER_BATCH // len(model.features))


def materialized_moment(ws: Workspace, model: Artifact) -> datetime:
    """Return the moment (naive UTC) for which the model's input is materialized.

    Raises:
        AlmanacError: it is not materialized.
    """
    return _online_reader(ws, model).read([]).moment


def _online_reader(ws: Workspace, model: Artifact) -> "InputReader":
    from ml import store

    return store.input_reader(ws, _input(model))


def _input(model: Artifact) -> "ModelInput":
    from ml.store import ModelInput

    card = model.card
    return ModelInput.of(card.target, card.model_id, card.features)
