"""Names that a person may have meant by one that does not exist."""

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """Return all known names, the most similar to `name` first, or `none` where there is none."""
    names = list(known)
    return ", ".join(similar(name, names, max(len(names), 1))) or "none"


def similar(name: str, known: Iterable[str], most: int, *, cutoff: float = 0.0) -> list[str]:
    """Return at most `most` of the known names, the most similar to `name` first.

    `cutoff` is the least similarity, from 0 (any) to 1 (equal), of difflib's ratio.
    """
    return difflib.get_close_matches(name, list(known), n=most, cutoff=cutoff)


def did_you_mean(name: str, known: Iterable[str], *, cutoff: float = 0.5) -> str:
    """Return ` (did you mean …?)` for the most similar known name, empty where none is."""
    return "".join(f" (did you mean {each}?)" for each in similar(name, known, 1, cutoff=cutoff))
