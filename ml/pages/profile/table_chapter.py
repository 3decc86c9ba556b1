"""The chapter of the page about one table: sections of pictures and tables."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ml.pages.profile.slices import Proposal
from ml.pages.profile.staged_tables import StagedTable


@dataclass(frozen=True)
class Picture:
    """A drawing with its title and its caption."""

    title: str
    svg: Markup
    caption: str
    is_wide: bool = False


@dataclass(frozen=True)
class Listing:
    """A table of the page: the first `words` columns hold text, the others numbers."""

    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str
    words: int = 1


@dataclass(frozen=True)
class TableSection:
    """Pictures and tables that answer one question; the answer in a line and in sentences."""

    title: str
    finding: str
    text: str
    pictures: Sequence[Picture] = ()
    listings: Sequence[Listing] = ()


@dataclass(frozen=True)
class TableChapter:
    """The chapter about one table, and the figures that the page's overviews take from it.

    Attributes:
        table: the table.
        facts: (name, figure, remark), shown at the top.
        sections: pictures and tables, question by question.
        period: the months or days it spans, in words.
        customers: how many customers it has; 0 where it names none.
        duplicates: rows of the sample that repeat another in every column.
        twins: rows of the sample that repeat another customer's in every other column; None where
            that is not measured.
        sampled_rows: how many rows the sample has.
        empty_days: days without an event; None where rows have no time.
        missing: columns with missing values, and how many.
        proposals: the slices that it proposes to declare.
    """

    table: StagedTable
    facts: Sequence[tuple[str, str, str]]
    sections: Sequence[TableSection]
    period: str
    customers: int
    duplicates: int
    twins: int | None
    sampled_rows: int
    empty_days: int | None
    missing: Sequence[tuple[str, int]]
    proposals: Sequence[Proposal]
