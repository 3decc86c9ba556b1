"""The command line; commands are listed in the order of use."""

from ml.cli.files import publish, report, simulate
from ml.cli.group import main
from ml.cli.models import evaluate, list_targets, score, train

__all__ = ["main"]

for command in (simulate, list_targets, train, evaluate, score, publish, report):
    main.add_command(command)
