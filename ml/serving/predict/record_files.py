"""Files of records: valid lines are predicted, invalid ones written aside with their reasons."""

import csv
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import pandas as pd

from ml.landing.lines import physical_lines, split_line
from ml.serving.predict.records import Data, RecordInputs
from ml.workspace.errors import BadInput
from ml.workspace.files import fresh_file

LINES_PER_BATCH = 10_000
DELIMITERS = ",;\t|"
PREDICTED = ("line", "id", "class", "probability", "confidence", "reasons")
REJECTED = ("line", "reason", "text")
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
) -> FilePredictions:
    """Write the prediction of each valid line of `path` to `output`, invalid lines beside it.

    Args:
        path: delimited text with a header and one record per line.
        output: where the predictions go; `<name>.rejected.csv` beside it takes the rejected.
        inputs: checks records and returns them as the model's inputs.
        predict: returns the predictions of inputs without problems.

    Raises:
        AlmanacError: the file is absent, or its header is wrong; nothing is written then.
    """
    rejects = output.with_name(f"{output.stem}.rejected.csv")
    predicted = rejected = 0
    with closing(physical_lines(path, errors="replace")) as numbered, ExitStack() as stack:
        lines = _lines(numbered, *_header(path, numbered, inputs))
        good, bad = (stack.enter_context(_replacing(place)) for place in (output, rejects))
        csv.writer(good).writerow(PREDICTED)
        csv.writer(bad).writerow(REJECTED)
        while batch := list(itertools.islice(lines, LINES_PER_BATCH)):
            checked = inputs([line.record for line in batch])
            errors = _errors(batch, checked)
            valid = [row for row in range(len(batch)) if row not in errors]
            predictions = zip(valid, predict(checked.take(valid)), strict=True)
            csv.writer(good).writerows(
                [batch[row].number, *_cells(prediction)] for row, prediction in predictions
            )
            csv.writer(bad).writerows(
                [batch[row].number, error, batch[row].text] for row, error in errors.items()
            )
            predicted, rejected = predicted + len(valid), rejected + len(errors)
    return FilePredictions(predicted, rejected, output, rejects)


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


def _header(
    path: Path, numbered: Iterator[tuple[int, str]], inputs: Callable[[Data], RecordInputs]
) -> tuple[list[str], str]:
    """Take the header from the lines; return the names of the fields and the delimiter."""
    first = _first_line(path, numbered)
    delimiter = max(DELIMITERS, key=first.count)
    names = next(csv.reader([first], delimiter=delimiter), [])
    empty = pd.DataFrame(columns=list(dict.fromkeys(names)))
    wrong = [str(problem) for problem in inputs(empty).problems]
    wrong += [
        f"{name} stands there twice" for name in dict.fromkeys(names) if names.count(name) > 1
    ]
    if not first or wrong:
        raise BadInput(
            f"The header of {path} is wrong: {'; '.join(wrong) or 'the file is empty'}.",
            "It names customer_id and the model's features: ml models show <id>",
        )
    return names, delimiter


def _first_line(path: Path, numbered: Iterator[tuple[int, str]]) -> str:
    try:
        _, line = next(numbered, (1, ""))
    except OSError as error:
        raise BadInput(
            f"{path} cannot be read: {error.strerror}.",
            "Name a CSV file: ml predict --target T FILE",
        ) from error
    return line.rstrip("\r\n")


def _lines(
    numbered: Iterator[tuple[int, str]], names: Sequence[str], delimiter: str
) -> Iterator[Line]:
    for number, line in numbered:
        if text := line.rstrip("\r\n"):
            yield _line(number, text, names, delimiter)


def _line(number: int, text: str, names: Sequence[str], delimiter: str) -> Line:
    try:
        # One line is one record here: an unclosed quote makes only its own line invalid.
        fields = split_line(text, delimiter)
    except csv.Error as error:
        return Line(number, text, {}, f"the line cannot be divided: {error}")
    if len(fields) != len(names):
        counts = f"the line has {len(fields)} fields, the header {len(names)}"
        return Line(number, text, {}, counts)
    if "\N{REPLACEMENT CHARACTER}" in text:
        return Line(number, text, {}, "the line is not UTF-8")
    return Line(number, text, dict(zip(names, map(_value, names, fields), strict=True)), "")


def _value(name: str, text: str) -> str | float | None:
    if name == "customer_id":
        return text
    try:
        # Python also takes 1_000 for a number; nobody who writes a CSV does.
        return float(text) if text and "_" not in text else text or None
    except ValueError:
        return text


@contextmanager
def _replacing(place: Path) -> Iterator[TextIO]:
    """Yield a temporary file that replaces `place` on success and is removed on an error."""
    if not place.parent.is_dir():
        raise BadInput(f"There is no folder {place.parent}.", "Make it, or name another output.")
    with fresh_file(place) as temporary:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            yield file
        temporary.chmod(0o644)
