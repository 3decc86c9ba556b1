"""Texts on one line, and names of which only a few are shown."""

from collections.abc import Sequence


def one_line(text: object) -> str:
    """Return a text with single spaces, and none around it; empty of None."""
    return " ".join(str(text or "").split())


def few(names: Sequence[str], most: int) -> str:
    """Return the first `most` names in a row, and how many more there are."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
