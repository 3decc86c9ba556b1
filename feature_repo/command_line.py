"""What Feast's command line shows of an error that a person can mend: its message alone."""

import sqlite3
import sys
from pathlib import Path
from types import TracebackType

import click

from ml.workspace.errors import AlmanacError
from ml.workspace.faults import refused
from ml.workspace.online_store import store_fault
from ml.workspace.settings import workspace


def print_without_traceback() -> None:
    """Print an AlmanacError that ends the program `feast` as click prints its own errors.

    Feast's commands let errors of the offline store and of its sources through; other programs,
    where an error's traceback helps, keep what they have.
    """
    if Path(sys.argv[0]).stem == "feast":
        sys.excepthook = _show


def _show(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    shown = _of_a_person(error)
    if shown:
        click.ClickException(str(shown)).show()
    else:
        sys.__excepthook__(kind, error, traceback)


def _of_a_person(error: BaseException) -> AlmanacError | None:
    """Return the error as one that a person can mend; None where it is none."""
    if isinstance(error, AlmanacError):
        return error
    if isinstance(error, sqlite3.Error):
        # Feast's own error does not say which file it is.
        return store_fault(error, workspace().home / "online_store.db")
    return refused(error)
