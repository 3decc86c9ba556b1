"""What a chapter of the page is made of."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ml.pages.profile.slices import Proposal
from ml.pages.profile.staged_tables import Table


@dataclass(frozen=True)
class Picture:
    """A drawing with its title and what it tells."""

    title: str
    svg: Markup
    caption: str
    is_wide: bool = False


@dataclass(frozen=True)
class Listing:
    """A table: the first `words` columns hold words, the others numbers."""

    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str
    words: int = 1


@dataclass(frozen=True)
class Part:
    """Pictures and tables of one question, after a sentence that answers it."""

    title: str
    text: str
    pictures: Sequence[Picture] = ()
    listings: Sequence[Listing] = ()


@dataclass(frozen=True)
class Chapter:
    """One table: facts as (name, figure, remark), its parts, and what the whole page says of it.

    Attributes:
        table: the table.
        facts: what stands on top.
        parts: the questions.
        period: the months or days it spans.
        customers: how many customers it has.
        duplicates: rows that repeat another in every column, in the rows looked at.
        twins: rows that repeat another customer's in every other column; None where not asked.
        looked: how many rows were looked at for duplicates.
        empty_days: days without an event; None where rows have no time.
        missing: columns with missing values, and how many.
        proposals: the slices to declare.
    """

    table: Table
    facts: Sequence[tuple[str, str, str]]
    parts: Sequence[Part]
    period: str
    customers: int
    duplicates: int
    twins: int | None
    looked: int
    empty_days: int | None
    missing: Sequence[tuple[str, int]]
    proposals: Sequence[Proposal]
