"""What publishers give to an online store and readers get from it, whichever store it is."""

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple, Protocol

from ml.store.values import Blob, Column


class Edition(NamedTuple):
    """What is published of a view: the moment (naive UTC) at which it is true, and its layout.

    The layout is the hash of a model input's features in order; empty for views of names.
    """

    moment: datetime
    layout: str


@dataclass(frozen=True)
class Generation:
    """Everything that one publisher made visible in one step."""

    name: str
    views: Mapping[str, Edition]

    def to_json(self) -> str:
        """Return the text that the online store keeps."""
        views = {name: [each.moment.isoformat(), each.layout] for name, each in self.views.items()}
        return json.dumps({"generation": self.name, "views": views})


@lru_cache(maxsize=8)
def read_generation(text: str | bytes | None) -> Generation | None:
    """Return the generation that an online store keeps as `text`; None where it keeps none."""
    if text is None:
        return None
    kept = json.loads(text)
    views = {
        name: Edition(datetime.fromisoformat(moment), layout)
        for name, (moment, layout) in kept["views"].items()
    }
    return Generation(kept["generation"], views)


class Batch(NamedTuple):
    """Rows of a view to be published: each row's key and moment (naive UTC), columns by feature."""

    view: str
    keys: Sequence[bytes]
    moments: Sequence[datetime]
    columns: Mapping[str, Column]


class Found(NamedTuple):
    """What an online store holds for the keys asked for, all of one generation.

    `seconds` says when each row became known (since 1970, UTC; 0 where there is no row); `values`
    has a list a feature, with a value a key.
    """

    generation: Generation | None
    seconds: Sequence[int]
    values: Sequence[Sequence[Blob]]


class Publishing(Protocol):
    """A publication under way, of which nobody sees anything yet."""

    def stage(self, batch: Batch) -> None:
        """Write the rows where no reader looks."""

    def switch(self, generation: Generation) -> None:
        """Let everything staged take the place of everything published, in one step."""


class OnlineRows(Protocol):
    """An online store in the layout that Feast gives it, published in generations."""

    def publishing(self) -> AbstractContextManager[Publishing]:
        """Return the right to publish, which one process has at a time.

        Raises:
            AlmanacError: the store cannot be written, or another publisher is at work.
        """

    def read(self, view: str, features: Sequence[str], keys: Sequence[bytes]) -> Found:
        """Return what the store holds of the view for the keys, in their order.

        Raises:
            AlmanacError: the store is absent or cannot be read.
        """

    def keys(self, view: str) -> list[bytes]:
        """Return the keys of all rows of the view, in no order.

        Raises:
            AlmanacError: the store is absent or cannot be read.
        """


def epoch(moment: datetime) -> int:
    """Return the seconds since 1970 at a moment; naive means UTC."""
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
