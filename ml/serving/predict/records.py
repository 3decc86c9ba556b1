"""Records checked field by field and turned into a model's input matrix."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.data.training_set import Matrix
from ml.workspace.errors import BadInput
from ml.workspace.suggest import did_you_mean

KEY = "customer_id"
# Columns that tables of the warehouse and training sets have besides the features; ignored.
OTHER_COLUMNS = frozenset({"event_timestamp", "feature_month", "label"})
LARGEST = float(np.finfo(np.float32).max)

Data = Mapping[str, Any] | Sequence[Mapping[str, Any]] | pd.DataFrame
FieldValues = Sequence[Any] | NDArray[Any]


class Problem(NamedTuple):
    """What is wrong with a field of a record; `row` counts from 0, None means every row."""

    row: int | None
    field: str
    reason: str

    def __str__(self) -> str:
        where = "" if self.row is None else f"record {self.row}: "
        return f"{where}{self.field} {self.reason}"


@dataclass(frozen=True)
class RecordInputs:
    """Records as a model's input, one row each, and the problems found in them.

    `matrix` has one column per feature in the model's order, NaN where a record has no value. `ids`
    has None where a record names no customer. A row with a problem must not be predicted.
    """

    ids: tuple[str | None, ...]
    matrix: Matrix
    problems: tuple[Problem, ...]

    def by_row(self) -> dict[int, list[Problem]]:
        """Return the problems of each row that has any, by row."""
        found: dict[int, list[Problem]] = {}
        for problem in self.problems:
            rows = range(len(self.ids)) if problem.row is None else (problem.row,)
            for row in rows:
                found.setdefault(row, []).append(problem)
        return found

    def take(self, rows: Sequence[int]) -> "RecordInputs":
        """Return these rows without problems; the caller picks rows that have none."""
        return RecordInputs(tuple(self.ids[row] for row in rows), self.matrix[list(rows)], ())


def inputs(
    data: Data,
    features: Sequence[str],
    ignored: Collection[str] = (),
    raw: Callable[[], Mapping[str, str]] = dict,
) -> RecordInputs:
    """Return the records as the model's input.

    Missing fields are nulls. A field that is neither the customer nor a feature is a problem, as it
    may be a misspelt feature.

    Args:
        data: one record, several, or a data frame with one column per field.
        features: the model's features in its order.
        ignored: features of the training set that the model does not use.
        raw: gives the raw fields that features can be computed from, each with their family; called
            where a field is unknown.

    Raises:
        AlmanacError: `data` is none of these, or two columns have the same name.
    """
    count, columns, problems = _columns(data)
    matrix = np.full((count, len(features)), np.nan, np.float32)
    for position, name in enumerate(features):
        if name in columns:
            matrix[:, position], wrong = numbers(columns[name])
            problems += [Problem(row, name, reason) for row, reason in wrong]
    ids, wrong = _ids(columns.get(KEY, [None] * count))
    problems += [Problem(row, KEY, reason) for row, reason in wrong]
    known = (set(features) | set(ignored) | OTHER_COLUMNS | {KEY}) & columns.keys()
    unknown = columns.keys() - known
    raw_known = raw() if unknown else {}
    reasons = {name: _unknown_field(name, [*features, KEY], raw_known) for name in unknown}
    problems += _unknown(data, dict(sorted(reasons.items())))
    touched = {problem.row for problem in problems}
    empty = np.flatnonzero(np.isnan(matrix).all(axis=1)).tolist()
    problems += [Problem(row, "every feature", "is missing") for row in empty if row not in touched]
    return RecordInputs(tuple(ids), matrix, tuple(sorted(problems, key=_place)))


def numbers(column: FieldValues) -> tuple[NDArray[np.float32], list[tuple[int, str]]]:
    """Return a column as float32, NaN for null, and (row, reason) of values that are no numbers."""
    if isinstance(column, np.ndarray) and column.dtype.kind in "iuf":
        values = column.astype(np.float64)
        beyond = np.flatnonzero(np.abs(values) > LARGEST)
        wrong = [(int(row), _beyond(float(values[row]))) for row in beyond]
        values[beyond] = np.nan
        return values.astype(np.float32), wrong
    found = np.full(len(column), np.nan, np.float32)
    wrong = []
    for row, value in enumerate(column):
        try:
            found[row] = _number(value)
        except ValueError as error:
            wrong.append((row, str(error)))
    return found, wrong


def refuse(problems: Sequence[Problem], most: int = 10) -> None:
    """Raise AlmanacError that names the problems, if there are any."""
    if not problems:
        return
    shown = [f"  {problem}" for problem in problems[:most]]
    more = [f"  … and {len(problems) - most} more"] if len(problems) > most else []
    raise BadInput(
        "\n".join(["The data cannot be predicted:", *shown, *more]),
        "Correct these fields; Predictor.info() names the model's features.",
    )


def _columns(data: Data) -> tuple[int, dict[str, FieldValues], list[Problem]]:
    """Return the number of records, their fields as columns, and problems of what is no record."""
    if isinstance(data, pd.DataFrame):
        names = [str(name) for name in data.columns]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise BadInput(f"Columns named twice: {', '.join(twice)}.", "Keep one of each.")
        columns = {name: data.iloc[:, i].to_numpy() for i, name in enumerate(names)}
        return len(data), dict(columns), []
    records = _records(data)
    mappings = [record if isinstance(record, Mapping) else {} for record in records]
    problems = [
        Problem(row, "the record", f"is a {type(record).__name__}, not {{feature: number}}")
        for row, record in enumerate(records)
        if not isinstance(record, Mapping)
    ]
    names = list(dict.fromkeys(str(name) for record in mappings for name in record))
    return len(mappings), {name: [each.get(name) for each in mappings] for name in names}, problems


def _unknown(data: Data, reasons: Mapping[str, str]) -> list[Problem]:
    if isinstance(data, pd.DataFrame):
        return [Problem(None, name, reason) for name, reason in reasons.items()]
    return [
        Problem(row, name, reason)
        for row, record in enumerate(_records(data))
        for name, reason in reasons.items()
        if isinstance(record, Mapping) and name in record
    ]


def _records(data: object) -> list[object]:
    if isinstance(data, Mapping):
        return [data]
    if isinstance(data, str | bytes) or not isinstance(data, Iterable):
        raise BadInput(
            f"A {type(data).__name__} is not data to predict.",
            "Give a record {feature: number}, a list of records, or a frame.",
        )
    return list(data)


def _unknown_field(name: str, known: Sequence[str], raw: Mapping[str, str]) -> str:
    if family := raw.get(name):
        return (
            f"is a raw field of {family}, from which its features are computed first: "
            'docs/predictor.md, "Raw records", says how'
        )
    return f"is no field of the model{did_you_mean(name, known, cutoff=0.8)}"


def _number(value: object) -> float:
    """Return the value as a float, NaN for null; ValueError says why it is none."""
    if value is None or value is pd.NA:
        return math.nan
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real | Decimal):
        raise ValueError(f"is {value!r}, not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if abs(number) > LARGEST:
        raise ValueError(_beyond(number))
    return number


def _beyond(number: float) -> str:
    return "is infinite" if math.isinf(number) else f"is {number:g}, beyond 32-bit floats"


def _ids(column: FieldValues) -> tuple[list[str | None], list[tuple[int, str]]]:
    ids: list[str | None] = []
    wrong = []
    for row, given in enumerate(column):
        # A row of a frame makes whole numbers floats.
        is_whole = isinstance(given, float | np.floating) and float(given).is_integer()
        value = int(given) if is_whole else given
        null = value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))
        good = isinstance(value, str | int | np.integer) and not isinstance(value, bool)
        if not null and (not good or value == ""):
            wrong.append((row, "is empty" if value == "" else f"is {value!r}, not an id"))
        ids.append(str(value) if good else None)
    return ids, wrong


def _place(problem: Problem) -> int:
    return -1 if problem.row is None else problem.row
