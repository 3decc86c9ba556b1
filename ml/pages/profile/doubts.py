"""What the profile says first: what of the raw data needs a look."""

from collections.abc import Sequence
from dataclasses import dataclass

from ml.pages.formatting import count, plain, share, slug
from ml.pages.profile.staged_tables import RejectCount, StagedTable
from ml.pages.profile.table_chapter import TableChapter


@dataclass(frozen=True)
class Doubt:
    """What needs a look, why, and the anchor of where the page tells more."""

    what: str
    why: str
    anchor: str


def find_doubts(
    chapters: Sequence[TableChapter],
    rejects: Sequence[RejectCount],
    empty: Sequence[StagedTable],
) -> list[Doubt]:
    """Return what needs a look: empty tables, then rows set aside, then tables with gaps."""
    found = [
        Doubt(_named(table), "No rows, though its source has files.", "sources") for table in empty
    ]
    if rejects:
        rows = sum(each.rows for each in rejects)
        worst = max(rejects, key=lambda each: each.rows)
        why = f"{count(rows)} rows, {count(worst.rows)} of them of {worst.table}: {worst.reason}."
        found.append(Doubt("Rows set aside", why, "quality"))
    for chapter in chapters:
        if why := "; ".join(_gaps(chapter)):
            found.append(Doubt(_named(chapter.table), f"{why}.", slug(chapter.table.name)))
    return found


def _gaps(chapter: TableChapter) -> list[str]:
    """Return what is repeated or missing in a table, a part of a sentence each."""
    found = []
    if chapter.duplicates:
        rows = "row repeats" if chapter.duplicates == 1 else "rows repeat"
        found.append(f"{count(chapter.duplicates)} {rows} another in every column")
    if chapter.empty_days:
        days = "day" if chapter.empty_days == 1 else "days"
        found.append(f"{count(chapter.empty_days)} {days} without an event")
    if chapter.missing:
        column, number = max(chapter.missing, key=lambda each: each[1])
        text = f"{column} is missing in {share(number / chapter.table.rows)} of the rows"
        others = len(chapter.missing) - 1
        if others:
            text += f", {others} more {'column' if others == 1 else 'columns'} in some"
        found.append(text)
    return found


def _named(table: StagedTable) -> str:
    return f"{plain(table.table)} of {table.source}"
