"""A stop on a customer's way: relations, how many rows they have of the customer, the newest."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from ml.workspace.manifest import Node
from ml.workspace.sql import quoted, quoted_relation

SHOWN = 3
TELLING = 5
MOMENTS = ("event_time", "event_timestamp", "as_of")
MONTHS = ("feature_month", "snapshot_month", "label_month")
KEYS = ("customer_id", *MOMENTS, *MONTHS, "month_version")


@dataclass(frozen=True)
class Found:
    """What a relation has of the customer: the number of rows, and a few, the newest first."""

    relation: str
    rows: int
    columns: tuple[str, ...] = ()
    values: tuple[tuple[Any, ...], ...] = ()


@dataclass(frozen=True)
class Stop:
    """One of the eight stops: what is found there, and what is absent, and why."""

    number: int
    title: str
    found: tuple[Found, ...]
    absent: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scope:
    """The warehouse, the project's nodes by relation, the customer and the moment of knowledge.

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

    def known(self, columns: Sequence[str], source: str | None) -> "Known":
        """Return how a relation with these columns is limited to what was known."""
        column = next((each for each in (*MOMENTS, *MONTHS) if each in columns), "")
        return Known(column, self.lags.get(source or "", 0), self.as_of)

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        return self.connection.execute(sql, list(values)).fetchall()


@dataclass(frozen=True)
class Known:
    """When rows of a relation became known: by a moment, by the end of a month, or unknown."""

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
        # What happens at the very moment is not known yet; what is said to be known at it, is.
        return f"{quoted(self.column)} {'<' if self.column == 'event_time' else '<='} {_at(self)}"

    @property
    def order(self) -> str:
        """SQL that puts the newest row first."""
        return f"{quoted(self.column)} desc" if self.column else "all"


def _at(known: Known) -> str:
    lag = known.lag_days if known.column == "event_time" else 0
    return f"timestamp '{known.as_of:%Y-%m-%d %H:%M:%S}' - to_days({lag})"


@dataclass(frozen=True)
class Which:
    """Which rows of a relation, and in what order: SQL, with the values of its parameters."""

    where: str
    values: tuple[object, ...]
    order: str


def of_customer(
    scope: Scope, relation: str, known: Known, columns: Sequence[str] | None = None
) -> Found:
    """Return the customer's rows in a relation that has `customer_id`, with telling columns."""
    shown = columns if columns is not None else _shown(scope.columns(relation))
    where = f"where customer_id = ? and {known.condition}"
    return newest(scope, relation, shown, Which(where, (scope.customer,), known.order))


def newest(scope: Scope, relation: str, columns: Sequence[str], which: Which) -> Found:
    """Return how many rows there are, and the first few of them, in these columns."""
    name = quoted_relation(relation)
    count = int(scope.query(f"select count(*) from {name} {which.where}", *which.values)[0][0])
    listed = ", ".join(quoted(column) for column in columns) or "*"
    sql = f"select {listed} from {name} {which.where} order by {which.order} limit {SHOWN}"
    rows = scope.query(sql, *which.values) if count else []
    return Found(relation, count, tuple(columns), tuple(rows))


def telling(columns: Sequence[str], count: int = TELLING) -> list[str]:
    """Return the columns that say most by themselves: no keys, the whole before its slices."""
    useful = [each for each in columns if each not in KEYS and not each.startswith("_")]
    return sorted(useful, key=lambda each: each.count("__"))[:count]


def _shown(columns: Sequence[str]) -> list[str]:
    return [each for each in (*MONTHS, *MOMENTS) if each in columns] + telling(columns)
