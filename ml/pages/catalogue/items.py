"""What the catalogue lists, and how its facts become text that a script reads."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

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
    return json.dumps(_plain(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def one_line(text: object) -> str:
    """Return a text with single spaces; none of None."""
    return " ".join(str(text or "").split())


def _plain(value: Any) -> object:  # noqa: ANN401
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
