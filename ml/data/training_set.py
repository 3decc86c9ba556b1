"""Tables of features as matrices: the one place where Arrow becomes numpy."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ml.data.elsewhere import Elsewhere
from ml.data.feature import Feature
from ml.data.mapped import blocks, file_of, rows_at
from ml.workspace.errors import NotBuilt, NotTrained
from ml.workspace.texts import few

Matrix = NDArray[np.float32]
Vector = NDArray[np.float64]
Labels = NDArray[np.int8]
Rows = NDArray[np.int64]
Keys = NDArray[np.uint64]
Months = NDArray[np.datetime64]
Number = TypeVar("Number", bound=np.generic)
COLUMNS_AT_ONCE = 32


@dataclass(frozen=True)
class TrainingSet:
    """Label rows with their features, in canonical order: by time, then by content, never by id.

    A matrix may lie in a file (`ml.data.mapped`); then, and only then, `elsewhere` fits what memory
    does not hold.
    """

    features: tuple[Feature, ...]
    customers: NDArray[Any]
    times: Months
    labels: Labels
    matrix: Matrix
    elsewhere: Elsewhere | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Rows | slice) -> "TrainingSet":
        """Return the rows at these positions, in the order given; no copy of rows in a row."""
        if not isinstance(rows, slice) and len(rows) and (np.diff(rows) == 1).all():
            rows = slice(int(rows[0]), int(rows[-1]) + 1)
        taken = replace(
            self,
            customers=self.customers[rows],
            times=self.times[rows],
            labels=self.labels[rows],
            matrix=rows_at(self.matrix, rows),
        )
        return _with_keys(taken, self.keys[rows]) if "keys" in self.__dict__ else taken

    @cached_property
    def keys(self) -> Keys:
        """A 64-bit hash of each row's values, label and time: equal rows have equal keys.

        It is computed once; rows that are taken from these have it from here.
        """
        return row_keys(self)

    @property
    def positives(self) -> int:
        """How many rows are labelled 1."""
        return int(self.labels.sum())

    def digest(self) -> str:
        """Return the SHA-256 of features, times, labels and values; ids are no part of it."""
        text = hashlib.sha256("\n".join(f"{f.name} {f.dtype}" for f in self.features).encode())
        for part in (self.times.astype("datetime64[us]"), self.labels, self.matrix):
            text.update(np.ascontiguousarray(part).reshape(-1).view(np.uint8).data)
        return text.hexdigest()


def training_set(
    rows: pa.Table,
    features: Sequence[Feature],
    values: Matrix,
    elsewhere: Elsewhere | None = None,
) -> TrainingSet:
    """Return `rows` and their `values` in canonical order, without those that have no value.

    `values` has a row a row and a column a feature, NaN for null. It is used up: its infinities
    become NaN and its rows are put in order where they lie, for two of it may not fit in memory;
    those of a file go to another one.
    """
    data = TrainingSet(tuple(features), *_columns(rows), finite(values), elsewhere)
    return _in_order(data, np.arange(len(data)))


def relabelled(data: TrainingSet, rows: pa.Table) -> TrainingSet | None:
    """Return `data` with the labels of `rows`, in the order that these ask for.

    None where `rows` are of other customers or moments. Otherwise `data` is used up: its values are
    put in order where they lie.
    """
    customers, times, given = _columns(rows)
    ours, theirs = np.lexsort((data.customers, data.times)), np.lexsort((customers, times))
    if not (
        np.array_equal(data.times[ours], times[theirs])
        and np.array_equal(data.customers[ours], customers[theirs])
    ):
        return None
    labels, places = np.empty_like(given), np.empty_like(ours)
    labels[ours], places[ours] = given[theirs], theirs
    return _in_order(replace(data, labels=labels), places)


def _columns(rows: pa.Table) -> tuple[NDArray[Any], Months, Labels]:
    """Return each label row's customer, moment and label."""
    return (
        rows.column("customer_id").to_numpy().astype(str),
        rows.column("event_timestamp").to_numpy().astype("datetime64[us]"),
        rows.column("label").to_numpy().astype(np.int8),
    )


def _in_order(data: TrainingSet, places: Rows) -> TrainingSet:
    """Return the rows that have a value, in canonical order; values in memory are moved in place.

    Equal rows, of different customers, stand in the order of their `places`.
    """
    values = data.matrix
    order = np.lexsort((places, data.keys, data.times))
    known = np.concatenate([~np.isnan(values[block]).all(axis=1) for block in blocks(len(values))])
    order = order[known[order]]
    ordered = replace(
        data,
        customers=data.customers[order],
        times=data.times[order],
        labels=data.labels[order],
        matrix=_moved(values, order),
    )
    return _with_keys(ordered, data.keys[order])


def _moved(values: Matrix, order: Rows) -> Matrix:
    """Return the rows in this order; `values` is used up."""
    if file_of(values):
        # Columns of a file lie far apart.
        return rows_at(values, order)
    for start in range(0, values.shape[1], COLUMNS_AT_ONCE):
        some = slice(start, start + COLUMNS_AT_ONCE)
        values[: len(order), some] = values[order, some]
    return values[: len(order)]


def matrix_of(table: pa.Table, features: Sequence[Feature]) -> Matrix:
    """Return the features' columns by name as float32, rows as in `table`, NaN for null.

    Raises:
        AlmanacError: a feature is absent or has another type than it had in training.
    """
    check_features(table.schema, features)
    matrix = np.empty((table.num_rows, len(features)), dtype=np.float32)
    with np.errstate(over="ignore"):
        for position, feature in enumerate(features):
            column = table.column(feature.name).cast(pa.float64())
            matrix[:, position] = column.to_numpy()
    return finite(matrix)


def finite(matrix: Matrix) -> Matrix:
    """Return `matrix`, in which every infinity has been made NaN.

    An infinity is a division that had no answer: to a model it is as missing as a null.
    """
    for block in blocks(len(matrix)):
        rows = matrix[block]
        rows[np.isinf(rows)] = np.nan
    return matrix


def check_features(schema: pa.Schema, features: Sequence[Feature]) -> None:
    """Raise AlmanacError unless `schema` has every feature with the type stated for it."""
    missing = [f.name for f in features if f.name not in schema.names]
    if missing:
        raise NotBuilt(
            f"{len(missing)} features of the model are not in the feature store: "
            f"{few(missing, 5)}.",
            "Bring them back (dbt build, feast apply) or train again: ml train",
        )
    changed = [
        f"{f.name} was {f.dtype}, is {kind}"
        for f in features
        # A column of nulls alone may come without a type.
        if (kind := str(schema.field(f.name).type)) not in (f.dtype, "null")
    ]
    if changed:
        raise NotTrained(
            f"The feature store's types differ from the model's: {few(changed, 5)}.",
            "Train again on the new types: ml train",
        )


def row_keys(data: TrainingSet) -> Keys:
    """Return a 64-bit hash of each row's values, label and time: equal rows have equal keys."""
    # pandas takes half a second to import; only what hashes rows pays for it.
    import pandas as pd

    keys = np.empty(len(data), dtype=np.uint64)
    for block in blocks(len(data)):
        # Adding zero turns -0.0 into 0.0; hashing treats every NaN alike.
        frame = pd.DataFrame(data.matrix[block] + np.float32(0), copy=False)
        frame["label"] = data.labels[block]
        frame["time"] = data.times[block]
        keys[block] = pd.util.hash_pandas_object(frame, index=False)
    return keys


def _with_keys(data: TrainingSet, keys: Keys) -> TrainingSet:
    data.__dict__["keys"] = keys
    return data


def informative(data: TrainingSet, rows: Rows) -> NDArray[np.bool_]:
    """Return which features take more than one value (a null counts as one) in these rows."""
    first = data.matrix[rows[:1]]
    varies = np.zeros(data.matrix.shape[1], dtype=np.bool_)
    for block in blocks(len(rows)):
        # Nearly all vary among the first rows; only the others are looked at any further.
        left = np.flatnonzero(~varies)
        some, known = data.matrix[rows[block][:, None], left], first[:, left]
        same = (some == known) | (np.isnan(some) & np.isnan(known))
        varies[left] = ~same.all(axis=0)
    return varies


def evenly(rows: NDArray[Number], most: int) -> NDArray[Number]:
    """Return at most so many of these rows, evenly spaced, without a copy."""
    return rows[:: -(-len(rows) // most) or 1]
