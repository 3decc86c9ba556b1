"""Columns of codes (dimensions): the share of each value, and which values to declare."""

from dataclasses import dataclass

from ml.pages.profile.slices import SMALLEST, ObservedValue, Proposal, Value, propose
from ml.pages.profile.staged_tables import TIME, spec_text
from ml.pages.profile.table_study import TableStudy
from ml.workspace.sql import literal, quoted

SHOWN = 14
# A column with more values than this in the sample holds names, not categories.
MOST_CODES = 10_000


@dataclass(frozen=True)
class ValueShare:
    """One value: its rows, their share of all, its months, and whether a spec declares it."""

    text: str
    rows: int
    share: float
    months: int
    is_declared: bool


@dataclass(frozen=True)
class Dimension:
    """One column of codes.

    Attributes:
        name: the column.
        shown: its most frequent values.
        values: how many distinct values it has.
        missing: the share of rows without one.
        other: the share of rows without a declared value, missing ones included; None where no
            value is declared.
        proposal: the values to declare.
    """

    name: str
    shown: tuple[ValueShare, ...]
    values: int
    missing: float
    other: float | None
    proposal: Proposal

    @property
    def proposed(self) -> frozenset[str]:
        """The proposed values as text."""
        return frozenset(map(spec_text, self.proposal.values))


def dimensions(study: TableStudy, declared: dict[str, set[str]]) -> list[Dimension]:
    """Return the columns of codes of a table, in its order; the table has at least one row."""
    names = code_columns(study)
    if not names:
        return []
    _count_values(study, names)
    [months] = study.row("select count(distinct month) from counted")
    return [
        _dimension(study, place, name, declared.get(name, set()), int(months))
        for place, name in enumerate(names)
    ]


def code_columns(study: TableStudy) -> list[str]:
    """Return the columns of codes with at most MOST_CODES values in the sample."""
    codes = study.table.codes
    if not codes:
        return []
    counts = study.row(
        "select "
        + ", ".join(f"count(distinct {quoted(name)})" for name in codes)
        + " from {sample}"
    )
    return [name for name, count in zip(codes, counts, strict=True) if 0 < count <= MOST_CODES]


def _count_values(study: TableStudy, names: list[str]) -> None:
    """Count the rows of each dimension, value and month in the temporary table `counted`."""
    columns = [quoted(name) for name in names]
    month = f"date_trunc('month', {TIME})" if study.table.is_events else study.table.months
    sets = ", ".join(f"(month, {column})" for column in columns)
    which = " ".join(
        f"when grouping({column}) = 0 then {place}" for place, column in enumerate(columns)
    )
    text = " ".join(f"when grouping({column}) = 0 then {column}::varchar" for column in columns)
    study.make(
        "counted",
        f"select case {which} end as dimension, case {text} end as value, month, count(*) as times"
        f" from (select {month or 'null'}::date as month, {', '.join(columns)} from {{whole}})"
        f" group by grouping sets ({sets})",
    )


def _dimension(
    study: TableStudy, place: int, name: str, declared: set[str], months: int
) -> Dimension:
    counted = f"from counted where dimension = {place}"
    rows = study.rows(
        f"select value, sum(times)::bigint as total, count(distinct month) {counted}"
        f" and value is not null group by 1 qualify row_number() over (order by total desc, value)"
        f" <= {SHOWN} or total >= {SMALLEST * study.table.rows} order by 2 desc, 1"
    )
    [values, known] = study.row(
        "select count(distinct value),"
        f" coalesce(sum(times) filter (value is not null), 0)::bigint {counted}"
    )
    total = study.table.rows
    shares = [
        ValueShare(text, rows, rows / total, seen, text in declared) for text, rows, seen in rows
    ]
    seen = [
        ObservedValue(_typed(study, name, each.text), each.share, each.months) for each in shares
    ]
    return Dimension(
        name=name,
        shown=tuple(shares[:SHOWN]),
        values=int(values),
        missing=1 - known / total,
        other=_other(study, counted, declared),
        proposal=propose(name, seen, known / total, months),
    )


def _other(study: TableStudy, counted: str, declared: set[str]) -> float | None:
    if not declared:
        return None
    listed = ", ".join(map(literal, sorted(declared)))
    [covered] = study.row(
        f"select coalesce(sum(times), 0)::bigint {counted} and value in ({listed})"
    )
    return 1 - int(covered) / study.table.rows


def _typed(study: TableStudy, name: str, text: str) -> Value:
    """Return a value in the type that a spec declares it with."""
    kind = study.table.columns[name]
    if kind == "VARCHAR":
        return text
    return text == "true" if kind == "BOOLEAN" else int(text)
