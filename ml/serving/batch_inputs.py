"""What a model takes in for many customers at one instant, a batch in memory at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ml.data.training_set import Matrix, check_features, finite
from ml.registry.artifact import Artifact
from ml.workspace.settings import Workspace

if TYPE_CHECKING:
    from ml.store import InputReader

# Customers times features of a batch: 20 MB, and what a model makes of them several times that.
CELLS_AT_ONCE = 5_000_000
ONLINE_AT_ONCE = 10_000


@dataclass(frozen=True)
class Source:
    """The features of a model as a store knows them at an instant (naive UTC)."""

    ws: Workspace
    model: Artifact
    as_of: datetime
    online: bool

    @property
    def name(self) -> str:
        """The store's name in the table of scores."""
        return "online" if self.online else "offline"

    @property
    def target(self) -> str:
        """What the model predicts, which is also the name of its features' service."""
        return self.model.card.target

    def batches(self, customers: pa.Array) -> Iterator[tuple[pa.Array, Matrix]]:
        """Yield those customers who have any of the model's features, and these, in order.

        Raises:
            AlmanacError: a feature is missing or has another type than it had in training.
        """
        for who, matrix in self._online(customers) if self.online else self._offline(customers):
            known = ~np.isnan(matrix).all(axis=1)
            yield who.filter(pa.array(known)), matrix[known]

    def _offline(self, customers: pa.Array) -> Iterator[tuple[pa.Array, Matrix]]:
        # Feast takes seconds to import; only what reads features pays for it.
        from ml import store

        names = [feature.name for feature in self.model.features]
        rows = max(1, CELLS_AT_ONCE // len(names))
        asked = rows_at(customers, self.as_of)
        for part in store.training_matrices(self.ws, names, asked, rows):
            check_features(pa.schema(list(part.types.items())), self.model.features)
            place_of = {name: place for place, name in enumerate(part.types)}
            matrix = part.values[:, [place_of[name] for name in names]]
            yield part.rows["customer_id"].combine_chunks(), finite(matrix)

    def _online(self, customers: pa.Array) -> Iterator[tuple[pa.Array, Matrix]]:
        reader = _reader(self.ws, self.model)
        for start in range(0, len(customers), ONLINE_AT_ONCE):
            part = customers.slice(start, ONLINE_AT_ONCE)
            yield part, reader.read(part.to_pylist(), self.as_of).matrix


def rows_at(customers: pa.Array | Sequence[str], moment: datetime) -> pa.Table:
    """Return the rows that ask `ml.store` what was known of customers at a moment (naive UTC)."""
    moments = pa.array([moment] * len(customers), pa.timestamp("us"))
    ids = pa.array(customers, pa.string())
    return pa.table({"customer_id": ids, "event_timestamp": moments})


def published(ws: Workspace, model: Artifact) -> datetime:
    """Return the moment (naive UTC) of which the model's input is published.

    Raises:
        AlmanacError: it is not.
    """
    return _reader(ws, model).read([]).moment


def _reader(ws: Workspace, model: Artifact) -> "InputReader":
    from ml import store

    card = model.card
    wanted = store.ModelInput.of(card.target, card.model_id, card.features)
    return store.input_reader(ws, wanted)
