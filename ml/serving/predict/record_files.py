"""Files of records: valid lines are predicted, invalid ones written aside with their reasons."""

import csv
import itertools
import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import pandas as pd

from ml.landing.delimited import Header
from ml.landing.lines import physical_lines, read_records, split_line
from ml.serving.predict.records import Data, RecordInputs
from ml.workspace.errors import BadInput
from ml.workspace.files import fresh_file

LINES_PER_BATCH = 10_000
DELIMITERS = ",;\t|"
PREDICTED = ("line", "id", "class", "probability", "confidence", "reasons")
REJECTED = ("line", "reason", "text")
# How texts begin that spreadsheets run.
FORMULA = frozenset("=+-@\t\r")
# Python also takes 1_000, nan and digits of other scripts for numbers.
NUMBER = re.compile(r" *[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)? *", re.ASCII | re.IGNORECASE)
# Between the reasons of one prediction.
SEPARATOR = " | "


class Line(NamedTuple):
    """A line of the file: its number from 1, its text, and its fields, or an error and none."""

    number: int
    text: str
    record: Mapping[str, Any]
    error: str


@dataclass(frozen=True)
class FilePredictions:
    """How many lines of a file were predicted and rejected, and the files that hold them."""

    predicted: int
    rejected: int
    output: Path
    rejects: Path


def predict_file(
    path: Path,
    output: Path,
    inputs: Callable[[Data], RecordInputs],
    predict: Callable[[RecordInputs], Sequence[Mapping[str, Any]]],
    *,
    exact: bool = False,
) -> FilePredictions:
    """Write the prediction of each valid line of `path` to `output`, invalid lines beside it.

    Args:
        path: delimited text with a header and one record per line.
        output: where the predictions go; `<name>.rejected.csv` beside it takes the rejected.
        inputs: checks records and returns them as the model's inputs.
        predict: returns the predictions of inputs without problems.
        exact: write ids and texts as they are; else a text that a spreadsheet would run as a
            formula has an apostrophe before it.

    Raises:
        AlmanacError: the file is absent, its header is wrong, or a file that would be written is
            the file that is read or no regular file; nothing is written then.
    """
    if not output.name:
        raise BadInput(f"{output} is no regular file.", "Name another output.")
    rejects = output.with_name(f"{output.stem}.rejected.csv")
    predicted = rejected = 0
    shown = _as_it_is if exact else _no_formula
    _refuse_in_place(path, output, rejects)
    lines = _lines(path, _header(path, inputs))
    with closing(lines), ExitStack() as stack:
        good, bad = (stack.enter_context(_replacing(place)) for place in (output, rejects))
        csv.writer(good).writerow(PREDICTED)
        csv.writer(bad).writerow(REJECTED)
        while batch := list(itertools.islice(lines, LINES_PER_BATCH)):
            checked = inputs([line.record for line in batch])
            errors = _errors(batch, checked)
            valid = [row for row in range(len(batch)) if row not in errors]
            predictions = zip(valid, predict(checked.take(valid)), strict=True)
            csv.writer(good).writerows(
                map(shown, [batch[row].number, *_cells(prediction)])
                for row, prediction in predictions
            )
            csv.writer(bad).writerows(
                map(shown, [batch[row].number, error, batch[row].text])
                for row, error in errors.items()
            )
            predicted, rejected = predicted + len(valid), rejected + len(errors)
    return FilePredictions(predicted, rejected, output, rejects)


def _as_it_is(cell: object) -> object:
    return cell


def _no_formula(cell: object) -> object:
    """Return the cell, with an apostrophe before a text that a spreadsheet takes for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in FORMULA else cell


def _errors(batch: Sequence[Line], checked: RecordInputs) -> dict[int, str]:
    """Return the error of each invalid line, by its position in the batch."""
    problems = checked.by_row()
    return {
        row: line.error or "; ".join(f"{each.field} {each.reason}" for each in problems[row])
        for row, line in enumerate(batch)
        if line.error or row in problems
    }


def _cells(prediction: Mapping[str, Any]) -> list[Any]:
    return [prediction[name] for name in PREDICTED[1:-1]] + [SEPARATOR.join(prediction["reasons"])]


def _header(path: Path, inputs: Callable[[Data], RecordInputs]) -> Header:
    """Return the file's first line as a header.

    Raises:
        AlmanacError: the file cannot be read or is empty, or the header names what is no field.
    """
    try:
        with closing(physical_lines(path)) as lines:
            first = next(lines, (1, ""))[1].rstrip("\r\n")
    except OSError as error:
        raise BadInput(
            f"{path} cannot be read: {error.strerror}.",
            "Name a CSV file: ml predict --target T FILE OUTPUT",
        ) from error
    delimiter = max(DELIMITERS, key=first.count)
    try:
        names = split_line(first, delimiter) if first else []
        wrong = [str(problem) for problem in inputs(pd.DataFrame(columns=_once(names))).problems]
    except csv.Error as error:
        names, wrong = [], [str(error)]
    wrong += [f"{name} stands there twice" for name in _once(names) if names.count(name) > 1]
    if not first or wrong:
        raise BadInput(
            f"The header of {path} is wrong: {'; '.join(wrong) or 'the file is empty'}.",
            "It names customer_id and the model's features: ml models show <id>",
        )
    return Header(delimiter, tuple(names), 1)


def _once(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _lines(path: Path, header: Header) -> Generator[Line]:
    width = len(header.names)
    for read in read_records(path, header.delimiter, width, header.row):
        values = read.values or []
        record = dict(zip(header.names, map(_value, header.names, values), strict=False))
        yield Line(read.row, read.line, record if read.values else {}, read.error or "")


def _value(name: str, text: str) -> str | float | None:
    if name == "customer_id":
        return text
    return float(text) if NUMBER.fullmatch(text) else text or None


def _refuse_in_place(path: Path, *places: Path) -> None:
    for place in places:
        if place.exists() and not place.is_file():
            raise BadInput(f"{place} is no regular file.", "Name another output.")
        if path.resolve() == place.resolve():
            raise BadInput(
                f"{place} would be written over the records that are read.", "Name another output."
            )


@contextmanager
def _replacing(place: Path) -> Iterator[TextIO]:
    """Yield a temporary file that replaces `place` on success and is removed on an error."""
    if not place.parent.is_dir():
        raise BadInput(f"There is no folder {place.parent}.", "Make it, or name another output.")
    with (
        fresh_file(place) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        yield file
