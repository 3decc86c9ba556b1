"""What a command answers: text for people or, with `--json`, the same records as one document."""

import json
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext, redirect_stdout
from functools import wraps
from typing import Any

import click

from ml.cli import text
from ml.workspace.errors import AlmanacError
from ml.workspace.plain import plain

# Exit codes beside 0 (fine), 1 (an error, or what was compared differs) and 2 (wrong usage).
WARNED, ALARMED = 3, 4


class Differs(AlmanacError):  # noqa: N818
    """What was compared differs: an error, but the answer is given all the same."""


class Answer:
    """What a command says: printed at once as text, or kept for the one document of `--json`."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._document: dict[str, Any] = {}

    def say(self, *lines: str) -> None:
        """Print lines for people; the document leaves them out."""
        if not self._as_json:
            click.echo("\n".join(lines))

    def give(self, shown: str | None = None, **values: object) -> None:
        """Give values by their keys; people see `shown`, or nothing."""
        self._document.update(values)
        if shown is not None:
            self.say(shown)

    def add(self, name: str, record: text.Record, shown: str | None = None) -> None:
        """Give one more record of the list `name`; people see `shown`, or nothing."""
        self._document.setdefault(name, []).append(record)
        if shown is not None:
            self.say(shown)

    def table(self, name: str, records: Sequence[text.Record], columns: text.Columns) -> None:
        """Give the records as the list `name`; people see them as a table of these columns."""
        self.give(text.records_table(records, columns), **{name: records})

    def end(self) -> None:
        """Print the document, where it is asked for."""
        if self._as_json:
            document = json.dumps(plain(self._document), indent=2, ensure_ascii=False)
            click.echo(document)


def answers(command: Callable[..., int | None]) -> Callable[..., None]:
    """Let a command answer through the `Answer` that it gets first, with an option `--json`.

    With `--json` standard output holds the document and nothing else, whatever a library prints.
    What the command returns is its exit code; after an error, other than Differs, there is no
    document.
    """

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON document for scripts.")
    @wraps(command)
    def run(*arguments: object, as_json: bool, **options: object) -> None:
        context = click.get_current_context()
        if context.invoked_subcommand:
            if as_json:
                raise click.UsageError("--json goes behind the last word of the command.")
            return
        answer = Answer(as_json)
        try:
            with redirect_stdout(sys.stderr) if as_json else nullcontext():
                code = command(answer, *arguments, **options)
        except Differs:
            answer.end()
            raise
        answer.end()
        if code:
            context.exit(code)

    return run
