"""Geohash cells of the positions: how many, how many a customer, and the busiest."""

from dataclasses import dataclass

from ml.pages.profile.event_times import BinnedCounts, doubling_bins
from ml.pages.profile.staged_tables import CUSTOMER
from ml.pages.profile.table_study import TableStudy
from ml.workspace.sql import quoted

BUSIEST = 10


@dataclass(frozen=True)
class MapCells:
    """The cells of one geohash precision.

    Attributes:
        name: the column.
        cells: how many cells hold a position.
        per_customer: customers of the sample by their number of distinct cells.
        busiest: the cells with most positions: (cell, positions, share of all).
    """

    name: str
    cells: int
    per_customer: BinnedCounts
    busiest: tuple[tuple[str, int, float], ...]


def cells(study: TableStudy, name: str) -> MapCells | None:
    """Return the cells of one geohash column; None where no position has a cell."""
    column = quoted(name)
    study.make(
        "cells",
        f"select {column}::varchar as cell, count(*) as positions from {{whole}}"
        f" where {column} is not null group by 1",
    )
    [number] = study.row("select count(*) from cells")
    study.make(
        "visited",
        f"select count(distinct {column}) as number from {{sample}} where {column} is not null"
        f" group by {CUSTOMER}",
    )
    [visitors] = study.row("select count(*) from visited")
    if not number or not visitors:
        return None
    rows = study.rows(f"select cell, positions from cells order by 2 desc, 1 limit {BUSIEST}")
    return MapCells(
        name=name,
        cells=int(number),
        per_customer=doubling_bins(study, "visited"),
        busiest=tuple((cell, int(n), int(n) / study.table.rows) for cell, n in rows),
    )
