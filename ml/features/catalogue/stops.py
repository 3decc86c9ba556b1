"""A stop of a trace: for each relation the number of the customer's rows, and the newest rows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from ml.workspace.manifest import Node
from ml.workspace.sql import quoted, quoted_relation

SHOWN = 3
LEADING_COLUMNS = 5
MOMENTS = ("event_time", "event_timestamp", "as_of")
MONTHS = ("feature_month", "snapshot_month", "label_month")
KEYS = ("customer_id", *MOMENTS, *MONTHS, "month_version")


@dataclass(frozen=True)
class CustomerRows:
    """The customer's rows in a relation: how many, and the values of a few, the newest first."""

    relation: str
    rows: int
    columns: tuple[str, ...] = ()
    values: tuple[tuple[Any, ...], ...] = ()

    def only(self, columns: Sequence[str]) -> "CustomerRows":
        """Return the same rows with some of their columns, in the order given."""
        places = [self.columns.index(column) for column in columns]
        values = tuple(tuple(row[place] for place in places) for row in self.values)
        return CustomerRows(self.relation, self.rows, tuple(columns), values)


@dataclass(frozen=True)
class Stop:
    """One of the eight stops: the relations with rows of the customer, and why others have none."""

    number: int
    title: str
    found: tuple[CustomerRows, ...]
    absent: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scope:
    """What a trace reads: the warehouse, the dbt nodes by relation, the customer, the moment.

    `catalog` holds the columns of each relation of the warehouse.
    `ids` are the customer's own ids in each source, `lags` the days after which a source's records
    are known, `snapshots` the month that an undated source describes.
    """

    connection: duckdb.DuckDBPyConnection
    catalog: Mapping[str, Collection[str]]
    nodes: Mapping[str, Node]
    customer: str
    as_of: datetime | None
    ids: Mapping[str, tuple[str, ...]]
    sources: frozenset[str]
    lags: Mapping[str, int]
    snapshots: Mapping[str, datetime]

    def columns(self, relation: str) -> list[str]:
        """Return a relation's columns; none where it is absent."""
        return list(self.catalog.get(relation, ()))

    def relations(self, schema: str, needed: str) -> list[str]:
        """Return the relations of a schema that have this column, by name."""
        return sorted(
            name
            for name, columns in self.catalog.items()
            if name.startswith(f"{schema}.") and needed in columns
        )

    def as_of_filter(self, columns: Sequence[str], source: str | None) -> "AsOfFilter":
        """Return the limit to rows known at `as_of`, for a relation with these columns."""
        column = next((each for each in (*MOMENTS, *MONTHS) if each in columns), "")
        return AsOfFilter(column, self.lags.get(source or "", 0), self.as_of)

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        return self.connection.execute(sql, list(values)).fetchall()


@dataclass(frozen=True)
class AsOfFilter:
    """Limits rows to those known at `as_of` by a column of moments or months, if there is one."""

    column: str
    lag_days: int
    as_of: datetime | None

    @property
    def condition(self) -> str:
        """SQL that holds for the rows known by `as_of`; always true without one."""
        if self.as_of is None or not self.column:
            return "true"
        moment = f"timestamp '{self.as_of:%Y-%m-%d %H:%M:%S}' - to_days({self.lag_days})"
        if self.column in MONTHS:
            return f"{quoted(self.column)} + interval 1 month <= {moment}"
        # An event at `as_of` itself is not known yet; a row with an as-of moment equal to it is.
        return f"{quoted(self.column)} {'<' if self.column == 'event_time' else '<='} {_at(self)}"

    @property
    def order(self) -> str:
        """SQL that orders the newest row first."""
        return f"{quoted(self.column)} desc" if self.column else "all"


def _at(known: AsOfFilter) -> str:
    lag = known.lag_days if known.column == "event_time" else 0
    return f"timestamp '{known.as_of:%Y-%m-%d %H:%M:%S}' - to_days({lag})"


@dataclass(frozen=True)
class RowSelection:
    """A condition on rows and their order, as SQL with the values of its parameters."""

    where: str
    values: tuple[object, ...]
    order: str


def customer_rows(
    scope: Scope, relation: str, known: AsOfFilter, columns: Sequence[str] | None = None
) -> CustomerRows:
    """Return the customer's rows in a relation; without `columns`, times and leading columns."""
    shown = columns if columns is not None else _shown(scope.columns(relation))
    where = f"where customer_id = ? and {known.condition}"
    return newest_rows(scope, relation, shown, RowSelection(where, (scope.customer,), known.order))


def newest_rows(
    scope: Scope, relation: str, columns: Sequence[str], selection: RowSelection
) -> CustomerRows:
    """Return how many rows there are, and the first few of them, in these columns."""
    name = quoted_relation(relation)
    listed = ", ".join(quoted(column) for column in columns) or "*"
    # One query reads the table once for both.
    sql = (
        f"select count(*) over (), {listed} from {name} {selection.where} "
        f"order by {selection.order} limit {SHOWN}"
    )
    found = scope.query(sql, *selection.values)
    count, rows = (int(found[0][0]) if found else 0), [row[1:] for row in found]
    return CustomerRows(relation, count, tuple(columns), tuple(rows))


def leading_columns(columns: Sequence[str], count: int = LEADING_COLUMNS) -> list[str]:
    """Return the first columns without keys, totals before their slices (fewest `__` first)."""
    useful = [each for each in columns if each not in KEYS and not each.startswith("_")]
    return sorted(useful, key=lambda each: each.count("__"))[:count]


def _shown(columns: Sequence[str]) -> list[str]:
    return [each for each in (*MONTHS, *MOMENTS) if each in columns] + leading_columns(columns)
