"""Imports Feast without the run-time type checks of its classes; to be imported before Feast.

Feast decorates its classes with typeguard's `typechecked`, which parses and rewrites their source
at every import: two thirds of the import's time. `python -O` leaves that out; here Feast alone does
without it, and our calls of Feast are checked by mypy. Where Feast was imported before, as by its
own commands, nothing changes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import typeguard

Checked = TypeVar("Checked")


@contextmanager
def without_type_checks() -> Iterator[None]:
    """Let modules imported meanwhile be as they are written, not rewritten by typeguard."""
    original = typeguard.typechecked
    typeguard.typechecked = _unchanged  # type: ignore[assignment]
    try:
        yield
    finally:
        typeguard.typechecked = original


def _unchanged(target: Checked) -> Checked:
    return target


with without_type_checks():
    import feast  # noqa: F401
