"""The distribution of a column of numbers: quantiles, histogram, outliers, boxes by category."""

import re
from dataclasses import dataclass
from datetime import datetime

import duckdb
import numpy as np
from numpy.typing import NDArray

from ml.pages.profile.staged_tables import CUSTOMER, TIME, Row
from ml.pages.profile.table_study import TableStudy
from ml.workspace.sql import literal, quoted

Floats = NDArray[np.float64]
QUANTILES = (0.001, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999)
BINS = 48
# On a curved (asinh) axis small whole numbers lie far apart: finer bins would mostly be empty.
WHOLE_BINS = 20
# The curved axis is logarithmic beyond this quantile of the magnitudes other than 0.
SCALE_QUANTILE = 0.1
# A value this many interquartile ranges beyond the quartiles is an outlier (Tukey's "far out").
FAR_OUT = 3.0
# A tail this many times the median magnitude would leave most of a linear axis empty.
LONG_TAIL = 6.0
EXTREMES = 3
KINDS_SHOWN = 8
DIMENSIONS_SHOWN = 4


@dataclass(frozen=True)
class ExtremeValue:
    """One of the largest or smallest values, and its place in the raw files, empty if unknown."""

    value: float
    customer: str
    time: datetime | None
    place: str


@dataclass(frozen=True)
class KindQuantiles:
    """A measure among the rows of one category: rows of the sample, and its quantiles at BOX."""

    name: str
    rows: int
    quantiles: tuple[float, ...]


@dataclass(frozen=True)
class Distribution:
    """The distribution of a column of numbers; counts are over all rows, quantiles over the sample.

    Attributes:
        name: the column.
        rows: finite values.
        infinite: values that are no finite number, missing ones not counted.
        negative: values below 0.
        zero: values of exactly 0.
        lowest: the smallest.
        highest: the largest.
        mean: the mean.
        quantiles: at QUANTILES.
        scale: the magnitude from which the curved axis is logarithmic.
        is_curved: whether the picture needs an axis that is logarithmic away from 0 (asinh).
        limits: the outlier limits; None where the middle half of the values are equal.
        below: how many values are below the limits.
        above: how many values are above them.
        edges: the ends of the histogram's bins.
        counts: the values in each bin; the outer bins include all values beyond.
        extremes: the largest, then the smallest values.
    """

    name: str
    rows: int
    infinite: int
    negative: int
    zero: int
    lowest: float
    highest: float
    mean: float
    quantiles: tuple[float, ...]
    scale: float
    is_curved: bool
    limits: tuple[float, float] | None
    below: int
    above: int
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    extremes: tuple[ExtremeValue, ...]

    @property
    def median(self) -> float:
        """The middle value."""
        return self.quantiles[QUANTILES.index(0.5)]


BOX = (0.05, 0.25, 0.5, 0.75, 0.95)


def measure_distribution(study: TableStudy, name: str) -> Distribution | None:
    """Return the distribution of a column; None where the sample has no finite number."""
    column = f"{quoted(name)}::double"
    finite = f"isfinite({column})"
    quantiles, middle, unit, is_whole = study.row(
        f"select quantile_cont({column}, {list(QUANTILES)}) filter ({finite}),"
        f" quantile_cont(abs({column}), 0.5) filter ({finite} and {column} <> 0),"
        f" quantile_cont(abs({column}), {SCALE_QUANTILE}) filter ({finite} and {column} <> 0),"
        f" bool_and({column} = floor({column})) filter ({finite}) from {{sample}}"
    )
    if not quantiles:
        return None
    scale = float(unit or 1.0)
    is_curved = max(abs(quantiles[1]), abs(quantiles[-2])) > LONG_TAIL * (middle or 1.0)
    curve = scale if is_curved else None
    limits = _limits(quantiles, curve)
    edges = _edges(quantiles, curve, bool(is_whole))
    counts, totals = _class_counts(study, column, edges, curve, limits)
    rows, infinite, negative, zero, lowest, highest, mean, below, above = totals
    return Distribution(
        name, int(rows), int(infinite), int(negative), int(zero), lowest, highest, mean,
        tuple(quantiles), scale, is_curved, limits, int(below), int(above),
        edges, counts, _extremes(study, name),
    )  # fmt: skip


def by_kind(
    study: TableStudy, name: str, dimensions: list[tuple[str, list[str]]]
) -> dict[str, list[KindQuantiles]]:
    """Return a measure within the most frequent values of some dimensions, over the sample.

    Args:
        study: the table.
        name: the measure.
        dimensions: column and its values as text, the most frequent first.
    """
    kinds = {}
    usable = [(column, values) for column, values in dimensions if len(values) > 1]
    for column, values in usable[:DIMENSIONS_SHOWN]:
        shown = values[:KINDS_SHOWN]
        listed = ", ".join(map(literal, shown))
        rows = study.rows(
            f"select {quoted(column)}::varchar as kind, count(*),"
            f" quantile_cont({quoted(name)}::double, {list(BOX)}) from {{sample}}"
            f" where kind in ({listed}) and isfinite({quoted(name)}::double) group by 1"
        )
        kinds[column] = sorted(
            (KindQuantiles(text, int(count), tuple(quantiles)) for text, count, quantiles in rows),
            key=lambda kind: shown.index(kind.name),
        )
    return kinds


def _limits(quantiles: list[float], scale: float | None) -> tuple[float, float] | None:
    """Return the outlier limits: FAR_OUT interquartile ranges beyond the quartiles, on the axis."""
    quartiles = np.array([quantiles[QUANTILES.index(level)] for level in (0.25, 0.75)])
    first, third = _axis(quartiles, scale)
    if first == third:
        return None
    reach = FAR_OUT * (third - first)
    low, high = _numbers(np.array([first - reach, third + reach]), scale)
    return float(low), float(high)


def _edges(quantiles: list[float], scale: float | None, is_whole: bool) -> tuple[float, ...]:
    """Return the ends of bins that are equally wide on the histogram's axis.

    Where there are few whole numbers, each lies in the middle of its own bin.
    """
    low, high = quantiles[0], quantiles[-1]
    if is_whole or low == high:
        low, high = np.floor(low) - 0.5, np.ceil(high) + 0.5
    start, end = _axis(np.array([low, high]), scale)
    bins = BINS
    if is_whole:
        bins = WHOLE_BINS if scale else min(BINS, max(1, round(end - start)))
    return tuple(_numbers(np.linspace(start, end, bins + 1), scale).tolist())


def _axis(numbers: Floats, scale: float | None) -> Floats:
    """Return the positions of numbers on the axis, which is asinh where it has a scale."""
    return np.asarray(np.arcsinh(numbers / scale) if scale else numbers, dtype=np.float64)


def _numbers(places: Floats, scale: float | None) -> Floats:
    """Return the numbers at positions of the axis; the inverse of `_axis`."""
    return np.asarray(scale * np.sinh(places) if scale else places, dtype=np.float64)


def _class_counts(
    study: TableStudy,
    column: str,
    edges: tuple[float, ...],
    scale: float | None,
    limits: tuple[float, float] | None,
) -> tuple[tuple[int, ...], Row]:
    """Return the counts of the bins and all other counts, in one pass over all rows."""
    low, high = limits or (-np.inf, np.inf)
    axis = [float(end) for end in _axis(np.array([edges[0], edges[-1]]), scale)]
    number = f"asinh(number / {scale!r})" if scale else "number"
    bins = len(edges) - 1
    step = (axis[1] - axis[0]) / bins
    rows = study.rows(
        f"with numbers as (select {column} as number,"
        f" least(greatest(floor(({number} - {axis[0]!r}::double) / {step!r}), 0), {bins - 1})"
        "::integer as class from {whole} where number is not null) "
        "select grouping(class), class, count(*) filter (isfinite(number)),"
        " count(*) filter (not isfinite(number)),"
        " count(*) filter (number < 0 and isfinite(number)), count(*) filter (number = 0),"
        " min(number) filter (isfinite(number)), max(number) filter (isfinite(number)),"
        " avg(number) filter (isfinite(number)),"
        f" count(*) filter (number < '{low!r}'::double and isfinite(number)),"
        f" count(*) filter (number > '{high!r}'::double and isfinite(number))"
        " from numbers group by grouping sets ((class), ())"
    )
    classes = {row[1]: int(row[2]) for row in rows if not row[0]}
    [total] = [row for row in rows if row[0]]
    return tuple(classes.get(place, 0) for place in range(len(edges) - 1)), total[2:]


def _extremes(study: TableStudy, name: str) -> tuple[ExtremeValue, ...]:
    """Return the largest and the smallest values with their places in the raw files."""
    [view] = study.connection.execute(
        "select sql from duckdb_views() where schema_name = 'staging' and view_name = ?",
        [study.table.name],
    ).fetchone() or [""]
    # Staging leaves out the columns of a row's place; its query without that clause has them.
    query = view.partition(" AS ")[2].rstrip("; \n")
    with_place = re.sub(r"EXCLUDE \((_file, )?_row, _line, reject_reason\)", "", query, count=1)
    customer = CUSTOMER if CUSTOMER in study.table.columns else "null"
    time = TIME if study.table.is_events else "null::timestamp"
    picked = f"{quoted(name)}::double as number, {customer}::varchar as customer, {time} as time"
    try:
        return _largest_and_smallest(
            study.connection,
            f"select {picked}, _file || ', row ' || _row as place from ({with_place})",
        )
    except duckdb.Error:  # A view of another form has no columns for the place.
        return _largest_and_smallest(
            study.connection, f"select {picked}, '' as place from {study.whole}"
        )


def _largest_and_smallest(
    connection: duckdb.DuckDBPyConnection, query: str
) -> tuple[ExtremeValue, ...]:
    """Return the EXTREMES largest and smallest numbers of a query.

    DuckDB 2.0.0 forgets `limit` over views with scalar subqueries, so only so many are fetched.
    """
    found: list[Row] = []
    for direction in ("desc", "asc"):
        found += connection.execute(
            f"select number, customer, time, place from ({query}) as marked"
            f" where isfinite(number) order by number {direction}, customer, time, place"
            f" limit {EXTREMES}"
        ).fetchmany(EXTREMES)
    return tuple(
        ExtremeValue(float(number), customer or "", time, place or "")
        for number, customer, time, place in dict.fromkeys(found)
    )
