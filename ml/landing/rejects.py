"""Reading what staging set aside: `staging.rejects`, by reason and row by row."""

from dataclasses import dataclass

import duckdb

from ml.workspace.errors import BadInput, NotBuilt
from ml.workspace.settings import Workspace
from ml.workspace.suggest import did_you_mean
from ml.workspace.warehouse import open_warehouse

# A staging model is called stg_<source>__<table>.
SOURCE = "regexp_extract(model, '^stg_(.*?)__', 1)"


@dataclass(frozen=True)
class RejectionReason:
    """How many rows of a file were set aside for one reason."""

    source: str
    file: str
    reason: str
    rows: int


@dataclass(frozen=True)
class RejectedRow:
    """A row that was set aside: its file, its line from 1, why, and the row as it was read."""

    file: str
    line: int | None
    reason: str
    raw: str


def rejection_reasons(ws: Workspace) -> list[RejectionReason]:
    """Return the reasons of the last build, the most frequent first.

    Raises:
        AlmanacError: there is no warehouse, or nothing was staged in it yet.
    """
    with open_warehouse(ws.warehouse) as connection:
        _check_staged(connection)
        rows = connection.execute(
            f"select {SOURCE}, coalesce(file, ''), reason, count(*) as n from staging.rejects "
            "group by all order by n desc, 1, 2, 3"
        ).fetchall()
    return [RejectionReason(*row) for row in rows]


def rejected_rows(ws: Workspace, source: str, most: int) -> tuple[list[RejectedRow], int]:
    """Return the first `most` rows of `source` that were set aside, and how many there are.

    Raises:
        AlmanacError: there is no warehouse, nothing was staged, or no source is called so.
    """
    with open_warehouse(ws.warehouse) as connection:
        _check_staged(connection)
        listed = connection.execute("select source from landed.workspace__sources order by all")
        known = [name for (name,) in listed.fetchall()]
        if source not in known:
            raise BadInput(
                f"No source `{source}`{did_you_mean(source, known)}. Known: {', '.join(known)}.",
                "All reasons: ml rejects",
            )
        rows = connection.execute(
            "select coalesce(file, ''), row_number, reason, coalesce(raw_row, '') "
            f"from staging.rejects where {SOURCE} = ? order by all limit ?",
            [source, most],
        ).fetchall()
        counted = connection.execute(
            f"select count(*) from staging.rejects where {SOURCE} = ?", [source]
        ).fetchone()
    return [RejectedRow(*row) for row in rows], counted[0] if counted else 0


def _check_staged(connection: duckdb.DuckDBPyConnection) -> None:
    there = connection.execute(
        "select count(*) from information_schema.tables "
        "where table_schema = 'staging' and table_name = 'rejects'"
    ).fetchone()
    if not there or not there[0]:
        raise NotBuilt("Nothing is staged in this workspace yet.", "Build it first: dbt build")
