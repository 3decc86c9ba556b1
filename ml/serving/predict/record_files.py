"""Files of records: good lines are answered, bad ones set aside with their reasons."""

import csv
import io
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import pandas as pd

from ml.serving.predict.records import Data, Inputs
from ml.workspace.errors import BadInput
from ml.workspace.files import fresh_file

LINES_AT_ONCE = 10_000
DELIMITERS = ",;\t|"
PREDICTED = ("line", "id", "class", "probability", "confidence", "reasons")
REJECTED = ("line", "reason", "text")
BETWEEN = " | "


class Line(NamedTuple):
    """A line of the file: its number from 1, its text, and its fields or why it has none."""

    number: int
    text: str
    record: Mapping[str, Any]
    wrong: str


@dataclass(frozen=True)
class Answered:
    """What came of a file: lines predicted and rejected, and where they are."""

    predicted: int
    rejected: int
    output: Path
    rejects: Path


def answer_file(
    path: Path,
    output: Path,
    inputs: Callable[[Data], Inputs],
    answers: Callable[[Inputs], Sequence[Mapping[str, Any]]],
) -> Answered:
    """Write the answer of each good line of `path` to `output`, and the bad lines beside it.

    Args:
        path: delimited text with a header, one record a line.
        output: where the predictions go; `<name>.rejected.csv` beside it takes the rejected.
        inputs: records as the model takes them.
        answers: the model's predictions of records without problems.

    Raises:
        AlmanacError: the file is absent or no text, or its header is wrong; nothing is written.
    """
    rejects = output.with_name(f"{output.stem}.rejected.csv")
    predicted = rejected = 0
    with _opened(path) as file, ExitStack() as stack:
        lines = _lines(file, _header(path, file, inputs))
        good, bad = (stack.enter_context(_whole(place)) for place in (output, rejects))
        csv.writer(good).writerow(PREDICTED)
        csv.writer(bad).writerow(REJECTED)
        while part := list(itertools.islice(lines, LINES_AT_ONCE)):
            given = inputs([line.record for line in part])
            reasons = _reasons(part, given)
            kept = [row for row in range(len(part)) if row not in reasons]
            found = answers(given.take(kept))
            csv.writer(good).writerows(
                [part[row].number, *_cells(answer)] for row, answer in zip(kept, found, strict=True)
            )
            csv.writer(bad).writerows(
                [part[row].number, reason, part[row].text] for row, reason in reasons.items()
            )
            predicted, rejected = predicted + len(kept), rejected + len(reasons)
    return Answered(predicted, rejected, output, rejects)


def _reasons(part: Sequence[Line], given: Inputs) -> dict[int, str]:
    """Return why each bad line of the part is bad, by its place in the part."""
    wrong = given.bad()
    return {
        row: line.wrong or "; ".join(f"{each.field} {each.reason}" for each in wrong[row])
        for row, line in enumerate(part)
        if line.wrong or row in wrong
    }


def _cells(answer: Mapping[str, Any]) -> list[Any]:
    return [answer[name] for name in PREDICTED[1:-1]] + [BETWEEN.join(answer["reasons"])]


def _header(path: Path, file: TextIO, inputs: Callable[[Data], Inputs]) -> tuple[list[str], str]:
    """Return the names of the fields and what stands between them."""
    first = file.readline().rstrip("\r\n")
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


def _lines(file: TextIO, header: tuple[list[str], str]) -> Iterator[Line]:
    names, delimiter = header
    for number, ended in enumerate(file, start=2):
        text = ended.rstrip("\r\n")
        if not text:
            continue
        try:
            # One line, one record: an open quotation mark spoils its own line alone.
            fields = next(csv.reader([text], delimiter=delimiter, strict=True))
        except csv.Error as error:
            yield Line(number, text, {}, f"the line cannot be divided: {error}")
            continue
        wrong = ""
        if len(fields) != len(names):
            wrong = f"the line has {len(fields)} fields, the header {len(names)}"
        elif "\N{REPLACEMENT CHARACTER}" in text:
            wrong = "the line is not UTF-8"
        values = dict(zip(names, map(_value, names, fields), strict=False))
        yield Line(number, text, {} if wrong else values, wrong)


def _value(name: str, text: str) -> str | float | None:
    if name == "customer_id":
        return text
    try:
        # Python also takes 1_000 for a number; nobody who writes a CSV does.
        return float(text) if text and "_" not in text else text or None
    except ValueError:
        return text


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    try:
        raw = path.open("rb")
    except OSError as error:
        raise BadInput(
            f"{path} cannot be read: {error.strerror}.",
            "Name a CSV file: ml predict --target T FILE",
        ) from error
    with io.TextIOWrapper(raw, encoding="utf-8-sig", errors="replace", newline="") as file:
        yield file


@contextmanager
def _whole(place: Path) -> Iterator[TextIO]:
    """Yield a file that takes the place when all went well, and is gone otherwise."""
    if not place.parent.is_dir():
        raise BadInput(f"There is no folder {place.parent}.", "Make it, or name another output.")
    with fresh_file(place) as temporary:
        with temporary.open("w", encoding="utf-8", newline="") as file:
            yield file
        temporary.chmod(0o644)
