"""Which months the page shows, and asking the marts about them."""

import re
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb

from ml.monitoring import Month

MOST_MONTHS = 24
# The view works its windows out anew for each query, so what all chapters need of it is kept.
_MONITORED = """
    create temp table monitored as
    select family, name, feature_month, status, psi, psi_noise from marts.mart_monitoring_features
"""
_ENDS = """
    select min(feature_month), max(feature_month) from (
        select feature_month from marts.mart_monitoring_sources
        union all
        select feature_month from monitored
    )
"""


@dataclass(frozen=True)
class Shown:
    """The months that the page shows, and `month`, which it is about, among them."""

    connection: duckdb.DuckDBPyConnection
    month: date
    first: date
    last: date

    @property
    def months(self) -> list[date]:
        """All months from the first to the last."""
        count = (self.last.year - self.first.year) * 12 + self.last.month - self.first.month
        return [months_later(self.first, place) for place in range(count + 1)]

    @property
    def scored(self) -> date:
        """The month at whose first instant the month's events were scored."""
        return months_later(self.month, 1)

    @property
    def scored_until(self) -> date:
        """The month at whose first instant the newest events that are shown were scored."""
        return months_later(self.last, 1)

    def rows(self, query: str, **values: object) -> list[Any]:
        """Return what a query finds; it may name `$month`, `$first`, `$last` and `values`."""
        known = {"month": self.month, "first": self.first, "last": self.last, **values}
        named = {name: known[name] for name in re.findall(r"\$(\w+)", query)}
        return self.connection.execute(query, named).fetchall()


def shown_months(connection: duckdb.DuckDBPyConnection, found: Month) -> Shown:
    """Return the newest months, at most MOST_MONTHS; an older month has those that follow it."""
    connection.execute(_MONITORED)
    [(first, last)] = connection.execute(_ENDS).fetchall()
    first = max(first, months_later(last, 1 - MOST_MONTHS))
    if found.month < first:
        first, last = found.month, min(last, months_later(found.month, MOST_MONTHS - 1))
    return Shown(connection, found.month, first, last)


def months_later(month: date, months: int) -> date:
    """Return the first day of the month that is so many months later."""
    place = month.year * 12 + month.month - 1 + months
    return date(place // 12, place % 12 + 1, 1)
