"""What the catalogue lists, and how its facts become text that a script reads."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ml.workspace.plain import plain

DIGITS = 5


@dataclass(frozen=True)
class Item:
    """One thing of the catalogue.

    `kind` is feature, target, model, source, table or mart; kind and name together are unique.
    `words` say what it is, `tags` what else it is found by. `facts` are all else that its page
    shows; they lie in the file of its `group`, which is read once somebody opens one of them.
    """

    kind: str
    name: str
    words: str
    group: str
    tags: tuple[str, ...]
    facts: Mapping[str, object]


@dataclass(frozen=True)
class Items:
    """Items in their order, and by group the facts that those of a group share."""

    items: Sequence[Item]
    shared: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


def as_json(value: object) -> str:
    """Return a value as JSON without spaces: five digits, what is not finite as null."""
    return json.dumps(
        plain(value, DIGITS), ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )
