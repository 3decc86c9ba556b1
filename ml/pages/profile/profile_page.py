"""Assembling the page: every staged table is studied, then all of it is written in one step."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
from tqdm import tqdm

from ml.pages import fill
from ml.pages.profile import sections as parts
from ml.pages.profile.blocks import Chapter, Part
from ml.pages.profile.category_values import Dimension, dimensions
from ml.pages.profile.rhythm import Rhythm, rhythm
from ml.pages.profile.slices import RULE, slices_yaml
from ml.pages.profile.staged_tables import (
    CUSTOMER,
    Rejected,
    Source,
    Table,
    declared_slices,
    read_rejects,
    read_sources,
    read_tables,
)
from ml.pages.profile.table_study import Study, duplicates, missing, prepare, study, twins
from ml.pages.words import count, day, month
from ml.workspace.errors import NotBuilt
from ml.workspace.files import write_text
from ml.workspace.settings import Workspace
from ml.workspace.sql import quoted
from ml.workspace.warehouse import open_warehouse

# A table is copied, then asked for its codes, its times and measures, and the rest.
SECTIONS = 4


@dataclass(frozen=True)
class Written:
    """The files that a profile wrote."""

    page: Path
    slices: Path


@dataclass(frozen=True)
class Company:
    """What is staged, before any table is looked into."""

    tables: tuple[Table, ...]
    sources: tuple[Source, ...]
    rejects: tuple[Rejected, ...]

    @property
    def empty(self) -> list[Table]:
        """Tables without a row whose source is present."""
        present = {source.name for source in self.sources if source.is_present}
        return [table for table in self.tables if not table.rows and table.source in present]


def write_profile(ws: Workspace) -> Written:
    """Write the profile of the staged tables to `ws.profile` and the slices to `ws.slices`.

    Raises:
        AlmanacError: nothing is staged, no table has a row, or the warehouse is held.
    """
    with open_warehouse(ws.warehouse) as connection:
        prepare(connection)
        tables = read_tables(connection, ws)
        company = Company(tables, read_sources(connection), read_rejects(connection))
        chapters = list(_chapters(connection, ws, [table for table in tables if table.rows]))
    if not chapters:
        raise NotBuilt(
            f"No staged table of {ws.home} has a row.",
            f"Put raw files into {ws.raw}, then: dbt build",
        )
    events = [(each.table.name, each.proposals) for each in chapters if each.proposals]
    listed = slices_yaml(events)
    page = render(company, chapters, listed)
    write_text(ws.slices, listed)
    write_text(ws.profile, page)
    return Written(ws.profile, ws.slices)


def render(company: Company, chapters: Sequence[Chapter], slices: str) -> str:
    """Return the page as HTML."""
    return fill(
        "ml.pages.profile",
        filters={},
        company=company,
        chapters=chapters,
        slices=slices,
        has_slices=any(chapter.proposals for chapter in chapters),
        rule=RULE,
    )


def _chapters(
    connection: duckdb.DuckDBPyConnection, ws: Workspace, tables: Sequence[Table]
) -> Iterator[Chapter]:
    """Yield a chapter for each table; the bar moves by section."""
    total = SECTIONS * len(tables)
    with tqdm(total=total, desc="Profiling", unit="section", disable=None) as progress:
        for table in tables:
            progress.set_postfix_str(table.name)
            found = study(connection, table)
            progress.update()
            seen = dimensions(found, declared_slices(ws, table))
            progress.update()
            times = rhythm(found) if table.is_events else None
            told = [*_in_time(found, times), *parts.measures(found, seen)]
            progress.update()
            told += [part for part in (parts.codes(found, seen), parts.places(found)) if part]
            yield _chapter(found, times, seen, [*told, *parts.vectors(found)])
            progress.update()


def _in_time(found: Study, times: Rhythm | None) -> list[Part]:
    return [parts.volumes(found, times), parts.customers(found)] if times else []


def _chapter(
    found: Study, times: Rhythm | None, seen: Sequence[Dimension], told: Sequence[Part]
) -> Chapter:
    table = found.table
    customers = _customers(found)
    period = _period(found, times)
    lacking = [(name, number) for name, number in missing(found) if number]
    return Chapter(
        table=table,
        facts=[
            ("Rows", count(table.rows), ""),
            *([("Customers", count(customers), "")] if customers else []),
            *([("Period", period, "")] if period else []),
        ],
        parts=told,
        period=period,
        customers=customers,
        duplicates=duplicates(found),
        twins=twins(found),
        looked=found.sampled_rows,
        empty_days=times.empty_days if times else None,
        missing=lacking,
        proposals=[each.proposal for each in seen] if table.is_events else [],
    )


def _customers(found: Study) -> int:
    if CUSTOMER not in found.table.columns:
        return 0
    if found.table.is_events:
        [number] = found.row("select count(distinct customer) from customer_months")
    else:
        [number] = found.row(f"select count(distinct {CUSTOMER}) from {{whole}}")
    return int(number)


def _period(found: Study, times: Rhythm | None) -> str:
    """Return the days or months that a table spans, in words; nothing where it has no dates."""
    if times:
        return f"{day(times.first)} to {day(times.last)}"
    if not found.table.months:
        return ""
    column = quoted(found.table.months)
    first, last = found.row(f"select min({column}), max({column}) from {{whole}}")
    return month(first) if first == last else f"{month(first)} to {month(last)}"
