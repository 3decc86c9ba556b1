"""What a task answers from another process: its value, or the error that it ended with."""

import pickle
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ml.workspace.errors import AlmanacError

# How often a task may lose its process before the work stops.
ATTEMPTS = 4


class WorkerTraceback(Exception):  # noqa: N818
    """The traceback of another process as a text; the cause of the error raised there."""


@dataclass(frozen=True)
class Failure:
    """An error of a task, and the traceback of the process where it was raised."""

    error: Exception
    traceback: str

    @property
    def is_for_a_person(self) -> bool:
        """Whether the error is one that a person can mend: to try again would not help."""
        return isinstance(self.error, AlmanacError)

    def raised(self) -> Exception:
        """Return the error to raise here: an AlmanacError as it was, others with their cause."""
        if not self.is_for_a_person:
            self.error.__cause__ = WorkerTraceback(f"\n{self.traceback}")
        return self.error


def done(task: bytes) -> Any:  # noqa: ANN401
    """Return what a pickled callable returns."""
    return pickle.loads(task)()


def answer_of(call: Callable[[], Any]) -> Any:  # noqa: ANN401
    """Return what `call` returns, or the Failure that it ended with."""
    try:
        return call()
    except (Exception, SystemExit) as error:
        return failure_of(error)


def failure_of(error: BaseException) -> Failure:
    """Return the Failure of an error just caught; what cannot be pickled becomes its text."""
    text = "".join(traceback.format_exception(error))
    named = RuntimeError(f"{type(error).__name__}: {error}")
    if not isinstance(error, Exception):
        return Failure(named, text)
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return Failure(named, text)
    return Failure(error, text)


def packed(answer: object) -> bytes:
    """Return an answer as bytes; an answer that cannot be pickled is a Failure that says so."""
    try:
        return pickle.dumps(answer)
    except Exception as error:
        return pickle.dumps(failure_of(error))


def value_of(answer: bytes) -> Any:  # noqa: ANN401
    """Return the value that an answer holds.

    Raises:
        Exception: the answer is a Failure; its error.
    """
    found = pickle.loads(answer)
    if isinstance(found, Failure):
        raise found.raised()
    return found


def lost(words: str, task: str, end: str) -> AlmanacError:
    """Return the error of a task whose process ended each time without an answer.

    Args:
        words: what the work is.
        task: which task of it, as `task 3 of 8`.
        end: how its process ended.
    """
    what = f"{words}: {task} was tried {ATTEMPTS} times and lost its process each time ({end})"
    if end.startswith("exit code"):
        return AlmanacError(f"{what}.", "What the process said stands above.")
    return AlmanacError(
        f"{what}; most likely the memory of the machine ran out.",
        "Set a smaller bucket_memory, or more buckets, then run the command again.",
    )
