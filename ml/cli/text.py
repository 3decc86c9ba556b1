"""Results as plain text: aligned tables and numbers, with the reason where one is undefined."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Cell = str | int | float | None
# What a command answers about one thing, by name, in values for machines.
Record = Mapping[str, Any]
# The columns of a table by their headers: a key of the records, or what is shown of a record.
Columns = Mapping[str, str | Callable[[Any], Cell]]


def table(headers: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """Return the rows under their headers, columns aligned: numbers right, words left."""
    cells = [[_cell(value) for value in row] for row in rows]
    columns = range(len(headers))
    widths = [max(len(line[i]) for line in [list(headers), *cells]) for i in columns]
    right = [all(not isinstance(row[i], str) for row in rows) and bool(rows) for i in columns]
    lines = [headers, ["-" * width for width in widths], *cells]
    return "\n".join(
        "  ".join(
            value.rjust(width) if to_right else value.ljust(width)
            for value, width, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    )


def records_table(records: Sequence[Record], columns: Columns) -> str:
    """Return the records as a table, a row each."""
    rows = [
        [shown(record) if callable(shown) else record[shown] for shown in columns.values()]
        for record in records
    ]
    return table(list(columns), rows)


def number(value: float | None, why: str = "") -> str:
    """Return four decimals, or `n/a` with the reason."""
    if value is None:
        return f"n/a ({why})" if why else "n/a"
    return f"{value:.4f}"


def interval(found: tuple[float, float] | None) -> str:
    """Return both ends of an interval, or `n/a`."""
    return f"{found[0]:.4f} to {found[1]:.4f}" if found else "n/a"


def _cell(value: Cell) -> str:
    if isinstance(value, float):
        return number(value)
    return "" if value is None else str(value)
