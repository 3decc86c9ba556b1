"""Records checked field by field and turned into a model's input matrix."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.data.training_set import Matrix
from ml.workspace.errors import BadInput
from ml.workspace.suggest import did_you_mean

KEY = "customer_id"
# In place of a field, where the whole record has a problem.
WHOLE = ("the record", "every feature")
MOST_SHOWN = 100
# Columns that tables of the warehouse and training sets have besides the features; ignored.
OTHER_COLUMNS = frozenset({"event_timestamp", "feature_month", "label"})
LARGEST = float(np.finfo(np.float32).max)
# How many unknown names are told with the nearest known one, and how long these may be.
MOST_SUGGESTIONS, LONGEST_NAME = 20, 200
# What a parsed JSON document holds; `bool` is a type of its own.
_PLAIN = frozenset({float, int, type(None)})

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
    places = {name: place for place, name in enumerate(features)}
    others = _OtherFields((*features, KEY), frozenset(ignored) | OTHER_COLUMNS, raw)
    if isinstance(data, pd.DataFrame):
        return _of_frame(data, places, others)
    return _of_records(_records(data), places, others)


def numbers(column: FieldValues) -> tuple[NDArray[np.float32], list[tuple[int, str]]]:
    """Return values as float32, NaN for null, and (position, reason) of those that are no numbers.

    Values are those of a field in many records, or of many fields in one.
    """
    values = _plain_numbers(column)
    if values is not None:
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


@dataclass(frozen=True)
class _OtherFields:
    """Why a field that is no feature may not be there; each name is looked up once."""

    known: Sequence[str]
    ignored: frozenset[str]
    raw: Callable[[], Mapping[str, str]]
    found: dict[str, str] = field(default_factory=dict)

    def problems(self, row: int | None, names: Set[str]) -> list[Problem]:
        """Return the problems of these fields, by name; none of those that are ignored."""
        wrong = sorted(names - self.ignored - {KEY}) if names else ()
        return [Problem(row, name, self._problem(name)) for name in wrong]

    def _problem(self, name: str) -> str:
        if name not in self.found:
            family = self.raw_known.get(name)
            self.found[name] = (
                f"is a raw field of {family}, from which its features are computed first: "
                'docs/predictor.md, "Raw records", says how'
                if family
                else f"is no field of the model{self._nearest(name)}"
            )
        return self.found[name]

    @cached_property
    def raw_known(self) -> Mapping[str, str]:
        """The raw fields, each with its family; read where a field is unknown."""
        return self.raw()

    def _nearest(self, name: str) -> str:
        # Looking for near names takes milliseconds each, and a body may have thousands of them.
        near = len(self.found) < MOST_SUGGESTIONS and len(name) < LONGEST_NAME
        return did_you_mean(name, self.known, cutoff=0.8) if near else ""


def _of_frame(frame: pd.DataFrame, places: Mapping[str, int], others: _OtherFields) -> RecordInputs:
    """Return the rows of a frame as inputs, a column at a time."""
    names = [str(name) for name in frame.columns]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BadInput(f"Columns named twice: {', '.join(twice)}.", "Keep one of each.")
    columns = {name: frame.iloc[:, i].to_numpy() for i, name in enumerate(names)}
    matrix = np.full((len(frame), len(places)), np.nan, np.float32)
    problems = others.problems(None, columns.keys() - places.keys())
    for name, place in places.items():
        if name in columns:
            matrix[:, place], wrong = numbers(columns[name])
            problems += [Problem(row, name, reason) for row, reason in wrong]
    ids, wrong = _ids(columns.get(KEY, [None] * len(frame)))
    problems += [Problem(row, KEY, reason) for row, reason in wrong]
    return _checked(ids, matrix, problems)


def _of_records(
    records: Sequence[object], places: Mapping[str, int], others: _OtherFields
) -> RecordInputs:
    """Return records as inputs, one at a time: a field that it lacks costs nothing."""
    matrix = np.full((len(records), len(places)), np.nan, np.float32)
    ids: list[str | None] = []
    problems: list[Problem] = []
    for row, record in enumerate(records):
        if not isinstance(record, Mapping):
            what = f"is a {type(record).__name__}, not {{feature: number}}"
            problems.append(Problem(row, WHOLE[0], what))
            ids.append(None)
            continue
        known = [name for name in record if name in places]
        matrix[row, [places[name] for name in known]], wrong = numbers(
            [record[name] for name in known]
        )
        in_order = sorted(wrong, key=lambda each: places[known[each[0]]])
        problems += [Problem(row, known[place], reason) for place, reason in in_order]
        (customer,), no_id = _ids([record.get(KEY)])
        ids.append(customer)
        problems += [Problem(row, KEY, reason) for _, reason in no_id]
        if len(record) > len(known):
            problems += others.problems(row, {str(name) for name in record} - places.keys())
    return _checked(ids, matrix, problems)


def _checked(
    ids: Sequence[str | None], matrix: Matrix, problems: Sequence[Problem]
) -> RecordInputs:
    """Return the inputs, their problems by row; a row without any feature has one more."""
    touched = {problem.row for problem in problems}
    empty = np.flatnonzero(np.isnan(matrix).all(axis=1)).tolist()
    nothing = [Problem(row, WHOLE[1], "is missing") for row in empty if row not in touched]
    return RecordInputs(tuple(ids), matrix, tuple(sorted([*problems, *nothing], key=_place)))


def _plain_numbers(column: FieldValues) -> NDArray[np.float64] | None:
    """Return numbers and nulls as doubles, a null as NaN; None where something else is there."""
    if isinstance(column, np.ndarray):
        return column.astype(np.float64) if column.dtype.kind in "iuf" else None
    if not _PLAIN.issuperset(map(type, column)):
        return None
    try:
        return np.array(column, np.float64)
    except OverflowError:
        return None


def _records(data: object) -> list[object]:
    if isinstance(data, Mapping):
        return [data]
    if isinstance(data, str | bytes) or not isinstance(data, Iterable):
        raise BadInput(
            f"A {type(data).__name__} is not data to predict.",
            "Give a record {feature: number}, a list of records, or a frame.",
        )
    return list(data)


def _number(value: object) -> float:
    """Return the value as a float, NaN for null; ValueError says why it is none."""
    if value is None or value is pd.NA:
        return math.nan
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real | Decimal):
        raise ValueError(f"is {_shown(value)}, not a number")
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
        good = isinstance(value, int | np.integer) and not isinstance(value, bool)
        good = good or (isinstance(value, str) and is_unicode(value))
        if not null and (not good or value == ""):
            what = "is empty" if value == "" else f"is {_shown(value)}, not an id"
            wrong.append((row, what))
        ids.append(str(value) if good else None)
    return ids, wrong


def is_unicode(text: str) -> bool:
    """Return whether the text can be written: halves of surrogate pairs cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"


def _place(problem: Problem) -> int:
    return -1 if problem.row is None else problem.row
