"""The interface of an online store: what `ml materialize` writes and what readers get back.

A generation is everything that one materialization made visible. Readers see one generation or the
next, never a mix of both.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple, Protocol

from ml.store.values import Blob, EncodedColumn


class ViewVersion(NamedTuple):
    """The materialized state of a view: the moment (naive UTC) its values are as of, its layout.

    The layout is the hash of a model input's features in order; empty for views with a column a
    feature.
    """

    moment: datetime
    layout: str


@dataclass(frozen=True)
class Generation:
    """Everything that one materialization made visible, in one step."""

    name: str
    views: Mapping[str, ViewVersion]

    def to_json(self) -> str:
        """Return the text that the online store keeps."""
        views = {name: [each.moment.isoformat(), each.layout] for name, each in self.views.items()}
        return json.dumps({"generation": self.name, "views": views})


@lru_cache(maxsize=8)
def read_generation(text: str | bytes | None) -> Generation | None:
    """Return the generation that an online store keeps as `text`; None where it keeps none."""
    if text is None:
        return None
    stored = json.loads(text)
    views = {
        name: ViewVersion(datetime.fromisoformat(moment), layout)
        for name, (moment, layout) in stored["views"].items()
    }
    return Generation(stored["generation"], views)


class Batch(NamedTuple):
    """Rows of a view to write online: each row's key and moment (naive UTC), columns by feature."""

    view: str
    keys: Sequence[bytes]
    moments: Sequence[datetime]
    columns: Mapping[str, EncodedColumn]


class StoredRows(NamedTuple):
    """What an online store holds for the requested keys, all of one generation.

    `seconds` is the time at which each row became known, in seconds since 1970 (UTC), 0 where there
    is no row. `values` has one list per feature, with one value per key.
    """

    generation: Generation | None
    seconds: Sequence[int]
    values: Sequence[Sequence[Blob]]


class Materialization(Protocol):
    """A materialization that is being written; readers do not see it before `switch`."""

    def stage(self, batch: Batch) -> None:
        """Write the rows to a staging area that readers do not use."""

    def switch(self, generation: Generation) -> None:
        """Replace the previous generation by everything that was staged, in one step."""


class OnlineRows(Protocol):
    """An online store in Feast's own layout, written in generations."""

    def begin_materialization(self) -> AbstractContextManager[Materialization]:
        """Lock the store for one writer and yield the materialization to write with.

        Raises:
            AlmanacError: the store cannot be written, or another process is writing to it.
        """

    def read(self, view: str, features: Sequence[str], keys: Sequence[bytes]) -> StoredRows:
        """Return what the store holds of the view for the keys, in their order.

        Raises:
            AlmanacError: the store is absent or cannot be read.
        """

    def keys(self, view: str) -> list[bytes]:
        """Return the keys of all rows of the view, in no order.

        Raises:
            AlmanacError: the store is absent or cannot be read.
        """

    def forget(self, keys: Sequence[bytes]) -> int:
        """Remove all that the store holds of the keys; return the number of rows removed.

        Raises:
            AlmanacError: the store cannot be written, or another process is writing to it.
        """


def epoch(moment: datetime) -> int:
    """Return the seconds since 1970 at a moment; naive means UTC."""
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
