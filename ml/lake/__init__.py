"""The lake: a workspace in buckets of customers, built by one machine's cores or by Spark."""

from importlib.util import find_spec

from ml.workspace import extras
from ml.workspace.errors import BadInput


def check_installed() -> None:
    """Raise BadInput where the library of the lake's tables is missing."""
    if find_spec("deltalake") is None:
        raise BadInput("ml lake needs deltalake, which is not installed.", extras.advice("lake"))
