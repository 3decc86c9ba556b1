"""The chapter about sources: rows and amounts of each table, and the codes that changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup

from ml.pages.axes import short_number
from ml.pages.formatting import count, month
from ml.pages.monitoring import month_figures as figures
from ml.pages.monitoring.month_figures import BEFORE, EXPECTED, SEEN, Line, Picture
from ml.pages.monitoring.shown_months import Shown

MOST_CODES = 24
MOST_LISTED = 100
# How to read the pictures, which is told once.
HOW = (
    "Of rows, dots joined by a line are those that came, dashes those expected from the half year "
    "before and last year's season; the dotted line is last year. Of amounts, the line is the "
    "typical (geometric mean) one of each month, dashes that of the half year before it; where "
    "amounts lie far apart, each step up multiplies."
)
_TABLES = """
    select distinct source, table_name, '' as column_name, '' as value, '' as kind, '' as finding
    from marts.mart_monitoring_sources
    where feature_month between $first and $last and column_name = ''
    order by source, table_name
"""
_CODES = """
    select source, table_name, column_name, value, kind, finding
    from marts.mart_monitoring_sources
    where feature_month = $month and kind is not null and column_name <> ''
    order by strength desc, finding, source, table_name, column_name, value
"""
_SERIES = """
    select feature_month, rows, expected_rows, rows_last_year, typical_amount, usual_amount
    from marts.mart_monitoring_sources
    where source = $source and table_name = $table_name and column_name = $column_name
        and value = $value and feature_month between $first and $last
    order by feature_month
"""
_CHANGES = """
    select distinct feature_month, status, finding
    from marts.mart_monitoring_sources
    where feature_month between $first and $last and kind is not null
    order by feature_month desc, status, finding
"""


@dataclass(frozen=True)
class Change:
    """What changed at a source in a month, in words."""

    month: date
    status: str
    finding: str


@dataclass(frozen=True)
class SourceChapter:
    """Pictures of the tables and of the codes that changed in the month; changes of all months."""

    tables: Sequence[Picture]
    codes: Sequence[Picture]
    more_codes: int
    changes: Sequence[Change]
    more_changes: int


@dataclass(frozen=True)
class _Counts:
    """What is counted in a month, beside what was expected and what is usual."""

    month: date
    rows: int
    expected_rows: float | None
    rows_last_year: int | None
    typical_amount: float | None
    usual_amount: float | None


@dataclass(frozen=True)
class _Series:
    """What is counted of a table, or of one of its codes."""

    source: str
    table_name: str
    column_name: str
    value: str
    kind: str
    finding: str

    @property
    def table(self) -> str:
        return f"{self.source}.{self.table_name}"

    @property
    def what(self) -> str:
        return (
            f"{self.column_name}: {self.value} of {self.table}" if self.column_name else self.table
        )

    @property
    def name(self) -> str:
        """A salt for the ids of its pictures."""
        return "-".join((self.source, self.table_name, self.column_name, self.value))


def read_sources(shown: Shown) -> SourceChapter:
    """Return the chapter about sources."""
    tables = [_Series(*row) for row in shown.rows(_TABLES)]
    codes = [_Series(*row) for row in shown.rows(_CODES)]
    changes = [Change(*row) for row in shown.rows(_CHANGES)]
    return SourceChapter(
        tables=[picture for table in tables for picture in _of_table(shown, table)],
        codes=[_of_code(shown, code) for code in codes[:MOST_CODES]],
        more_codes=max(len(codes) - MOST_CODES, 0),
        changes=changes[:MOST_LISTED],
        more_changes=max(len(changes) - MOST_LISTED, 0),
    )


def _of_table(shown: Shown, table: _Series) -> list[Picture]:
    rows = _months_of(shown, table)
    pictures = [
        Picture(
            f"Rows of {table.table}",
            _rows_picture(shown, table, rows),
            _rows_in_words(shown, rows),
        )
    ]
    if any(each.typical_amount is not None for each in rows):
        words = _amounts_in_words(shown, rows)
        picture = _amounts_picture(shown, table, rows)
        pictures.append(Picture(f"Amounts of {table.table}", picture, words))
    return pictures


def _of_code(shown: Shown, code: _Series) -> Picture:
    rows = _months_of(shown, code)
    title = f"{code.column_name}: {code.value}"
    if code.kind == "amounts":
        svg = _amounts_picture(shown, code, rows)
        words = _amounts_in_words(shown, rows)
    else:
        svg = _rows_picture(shown, code, rows)
        words = _rows_in_words(shown, rows)
    return Picture(title, svg, f"{_sentence(code.finding)} {words}")


def _months_of(shown: Shown, series: _Series) -> list[_Counts]:
    found = shown.rows(
        _SERIES,
        source=series.source,
        table_name=series.table_name,
        column_name=series.column_name,
        value=series.value,
    )
    return [_Counts(*row) for row in found]


def _rows_picture(shown: Shown, series: _Series, rows: Sequence[_Counts]) -> Markup:
    lines = [
        Line("last year", [(each.month, each.rows_last_year) for each in rows], BEFORE),
        Line("expected", [(each.month, each.expected_rows) for each in rows], EXPECTED),
        Line("rows", [(each.month, each.rows) for each in rows], SEEN),
    ]
    alt = f"Rows of {series.what} by month. {_rows_in_words(shown, rows)}"
    return figures.by_month(f"rows-{series.name}", alt, lines, shown.month, figures.counts)


def _amounts_picture(shown: Shown, series: _Series, rows: Sequence[_Counts]) -> Markup:
    lines = [
        Line("usual", [(each.month, each.usual_amount) for each in rows], EXPECTED),
        Line("typical amount", [(each.month, each.typical_amount) for each in rows], SEEN),
    ]
    alt = f"Typical amount of {series.what} by month. {_amounts_in_words(shown, rows)}"
    return figures.by_month(f"amounts-{series.name}", alt, lines, shown.month, figures.amounts)


def _rows_in_words(shown: Shown, rows: Sequence[_Counts]) -> str:
    here = next((each for each in rows if each.month == shown.month), None)
    if here is None:
        return f"It has no rows of {month(shown.month)}."
    text = f"{month(shown.month)}: {count(here.rows)} rows"
    if here.expected_rows is not None:
        text += f", {count(here.expected_rows)} expected"
    if here.rows_last_year is not None:
        text += f", {count(here.rows_last_year)} a year before"
    return f"{text}."


def _amounts_in_words(shown: Shown, rows: Sequence[_Counts]) -> str:
    here = next((each for each in rows if each.month == shown.month), None)
    if here is None or here.typical_amount is None:
        return f"It has no amounts of {month(shown.month)}."
    text = f"{month(shown.month)}: {short_number(here.typical_amount)}"
    if here.usual_amount is None:
        return f"{text}."
    return f"{text}, usual {short_number(here.usual_amount)}."


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
