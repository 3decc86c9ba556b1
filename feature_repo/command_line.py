"""What Feast's command line shows of an error that a person can mend: its message alone."""

import sys
from pathlib import Path
from types import TracebackType

import click

from ml.workspace.errors import AlmanacError


def print_without_traceback() -> None:
    """Print an AlmanacError that ends the program `feast` as click prints its own errors.

    Feast's commands let errors of the offline store and of its sources through; other programs,
    where an error's traceback helps, keep what they have.
    """
    if Path(sys.argv[0]).stem == "feast":
        sys.excepthook = _show


def _show(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if isinstance(error, AlmanacError):
        click.ClickException(str(error)).show()
    else:
        sys.__excepthook__(kind, error, traceback)
