"""What a command answers: text for people or, with `--json`, the same records as one document."""

import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, redirect_stdout
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from functools import wraps
from typing import Any

import click

from ml.cli import text
from ml.workspace.errors import AlmanacError

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


def plain(value: object) -> Any:  # noqa: ANN401
    """Return a value as JSON has it: dates as ISO texts, what is no finite number as null."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float | Decimal):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, date):
        return value.isoformat()
    if is_dataclass(value):
        value = {each.name: getattr(value, each.name) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    # A number of numpy, which is not imported for it.
    return plain(value.item()) if hasattr(value, "item") else str(value)
