"""The profile as one HTML page: a chapter for each staged table, then the file is written."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ml.pages import fill, write_page
from ml.pages.formatting import count, day, month
from ml.pages.profile import sections
from ml.pages.profile.category_values import Dimension, dimensions
from ml.pages.profile.doubts import find_doubts
from ml.pages.profile.event_times import EventTimes, event_times
from ml.pages.profile.slices import RULE, slices_yaml
from ml.pages.profile.staged_tables import (
    CUSTOMER,
    RejectCount,
    SourceStatus,
    StagedTable,
    declared_slices,
    read_rejects,
    read_sources,
    read_tables,
)
from ml.pages.profile.table_chapter import TableChapter, TableSection
from ml.pages.profile.table_study import (
    TableStudy,
    duplicates,
    missing,
    prepare,
    study_table,
    twins,
)
from ml.workspace.errors import NotBuilt
from ml.workspace.files import write_text
from ml.workspace.progress import Progress
from ml.workspace.settings import Workspace
from ml.workspace.sql import quoted
from ml.workspace.warehouse import open_warehouse

# Steps of the progress bar a table: the copy; its codes; its times and measures; the rest.
STEPS = 4
# With more tables than these, the sections of each chapter start collapsed.
MOST_UNFOLDED = 2


@dataclass(frozen=True)
class ProfileFiles:
    """The files that a profile wrote."""

    page: Path
    slices: Path


@dataclass(frozen=True)
class StagedCompany:
    """The staged tables, the declared sources and the rejected rows of a workspace."""

    tables: tuple[StagedTable, ...]
    sources: tuple[SourceStatus, ...]
    rejects: tuple[RejectCount, ...]

    @property
    def empty(self) -> list[StagedTable]:
        """Tables without rows whose source has files."""
        present = {source.name for source in self.sources if source.is_present}
        return [table for table in self.tables if not table.rows and table.source in present]


def write_profile(ws: Workspace) -> ProfileFiles:
    """Write the profile of the staged tables to `ws.profile` and the slices to `ws.slices`.

    Raises:
        AlmanacError: nothing is staged, no table has a row, or the warehouse is held.
    """
    with open_warehouse(ws.warehouse) as connection:
        prepare(connection)
        tables = read_tables(connection, ws)
        company = StagedCompany(tables, read_sources(connection), read_rejects(connection))
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
    write_page(ws, ws.profile, page)
    return ProfileFiles(ws.profile, ws.slices)


def render(company: StagedCompany, chapters: Sequence[TableChapter], slices: str) -> str:
    """Return the page as HTML."""
    return fill(
        "ml.pages.profile",
        filters={},
        company=company,
        chapters=chapters,
        slices=slices,
        has_slices=any(chapter.proposals for chapter in chapters),
        rule=RULE,
        doubts=find_doubts(chapters, company.rejects, company.empty),
        unfolded=len(chapters) <= MOST_UNFOLDED,
    )


def _chapters(
    connection: duckdb.DuckDBPyConnection, ws: Workspace, tables: Sequence[StagedTable]
) -> Iterator[TableChapter]:
    """Yield a chapter for each table, and show progress."""
    total = STEPS * len(tables)
    with Progress(total=total, desc="Profiling", unit="section") as progress:
        for table in tables:
            progress.set_postfix_str(table.name)
            study = study_table(connection, table)
            progress.update()
            seen = dimensions(study, declared_slices(ws, table))
            progress.update()
            times = event_times(study) if table.is_events else None
            chapter_sections = [*_time_sections(study, times), *sections.measures(study, seen)]
            progress.update()
            optional = (sections.codes(study, seen), sections.places(study))
            chapter_sections += [section for section in optional if section]
            yield _chapter(study, times, seen, [*chapter_sections, *sections.vectors(study)])
            progress.update()


def _time_sections(study: TableStudy, times: EventTimes | None) -> list[TableSection]:
    return [sections.volumes(study, times), sections.customers(study)] if times else []


def _chapter(
    study: TableStudy,
    times: EventTimes | None,
    seen: Sequence[Dimension],
    chapter_sections: Sequence[TableSection],
) -> TableChapter:
    table = study.table
    customers = _customers(study)
    period = _period(study, times)
    with_gaps = [(name, number) for name, number in missing(study) if number]
    return TableChapter(
        table=table,
        facts=[
            ("Rows", count(table.rows), ""),
            *([("Customers", count(customers), "")] if customers else []),
            *([("Period", period, "")] if period else []),
        ],
        sections=chapter_sections,
        period=period,
        customers=customers,
        duplicates=duplicates(study),
        twins=twins(study),
        sampled_rows=study.sampled_rows,
        empty_days=times.empty_days if times else None,
        missing=with_gaps,
        proposals=[each.proposal for each in seen] if table.is_events else [],
    )


def _customers(study: TableStudy) -> int:
    if CUSTOMER not in study.table.columns:
        return 0
    if study.table.is_events:
        [number] = study.row("select count(distinct customer) from customer_months")
    else:
        [number] = study.row(f"select count(distinct {CUSTOMER}) from {{whole}}")
    return int(number)


def _period(study: TableStudy, times: EventTimes | None) -> str:
    """Return the days or months that a table spans, in words; nothing where it has no dates."""
    if times:
        return f"{day(times.first)} to {day(times.last)}"
    if not study.table.months:
        return ""
    column = quoted(study.table.months)
    first, last = study.row(f"select min({column}), max({column}) from {{whole}}")
    return month(first) if first == last else f"{month(first)} to {month(last)}"
