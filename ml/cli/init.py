"""The command that begins a project: `ml init`."""

import shlex
from pathlib import Path

import click

from ml.cli.answer import Answer, answers
from ml.cli.group import examples
from ml.scaffold import KINDS, write_project


@click.command(epilog=examples("ml init shop", "ml init bank ~/work/lending"))
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@answers
def init(answer: Answer, kind: str, folder: Path | None) -> None:
    """Write a new project into FOLDER, by default a folder called KIND.

    The project imports Almanac's dbt models and Feast definitions, and has folders for your own.
    The kind `shop` reads transactions through a mapping, `bank` reads a bank's records.
    """
    place = folder or Path(kind)
    written = write_project(kind, place)
    answer.give(folder=place, files=written)
    answer.say(*(f"  {place / path}" for path in written))
    answer.say(f"Next: cd {shlex.quote(str(place))} && source .envrc && dbt deps && make demo")
