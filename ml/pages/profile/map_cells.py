"""Where customers are: cells of the map, by precision."""

from dataclasses import dataclass

from ml.pages.profile.rhythm import Spells, doubling
from ml.pages.profile.staged_tables import CUSTOMER
from ml.pages.profile.table_study import Study
from ml.workspace.sql import quoted

BUSIEST = 10


@dataclass(frozen=True)
class Cells:
    """One precision of the map.

    Attributes:
        name: the column.
        cells: how many cells have a position.
        a_customer: customers of the sample by their number of distinct cells.
        busiest: the cells with most positions: (cell, positions, share of all).
    """

    name: str
    cells: int
    a_customer: Spells
    busiest: tuple[tuple[str, int, float], ...]


def cells(found: Study, name: str) -> Cells | None:
    """Return how the positions fall into the cells of one precision; None where none has a cell."""
    column = quoted(name)
    found.make(
        "cells",
        f"select {column}::varchar as cell, count(*) as positions from {{whole}}"
        f" where {column} is not null group by 1",
    )
    [number] = found.row("select count(*) from cells")
    found.make(
        "visited",
        f"select count(distinct {column}) as number from {{sample}} where {column} is not null"
        f" group by {CUSTOMER}",
    )
    [visitors] = found.row("select count(*) from visited")
    if not number or not visitors:
        return None
    rows = found.rows(f"select cell, positions from cells order by 2 desc, 1 limit {BUSIEST}")
    return Cells(
        name=name,
        cells=int(number),
        a_customer=doubling(found, "visited"),
        busiest=tuple((cell, int(n), int(n) / found.table.rows) for cell, n in rows),
    )
