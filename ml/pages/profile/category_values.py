"""What codes are worth: the share of every value of every dimension, and which to declare."""

from dataclasses import dataclass

from ml.pages.profile.slices import SMALLEST, Proposal, Seen, Value, propose
from ml.pages.profile.staged_tables import TIME, as_text
from ml.pages.profile.table_study import Study
from ml.workspace.sql import literal, quoted

SHOWN = 14
# A column with more values than this in the sample names things; it does not sort them into kinds.
KINDS = 10_000


@dataclass(frozen=True)
class Shared:
    """One value: its rows, their share of all, the months it was seen in; is it declared?"""

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
        values: how many it has.
        missing: the share of rows without one.
        other: the share of rows that no declared value covers, missing ones too; None where no
            value is declared.
        proposal: what should be declared.
    """

    name: str
    shown: tuple[Shared, ...]
    values: int
    missing: float
    other: float | None
    proposal: Proposal

    @property
    def proposed(self) -> frozenset[str]:
        """The proposed values as text."""
        return frozenset(map(as_text, self.proposal.values))


def dimensions(found: Study, declared: dict[str, set[str]]) -> list[Dimension]:
    """Return the columns of codes of a table, in its order; the table has at least one row."""
    names = kinds(found)
    if not names:
        return []
    _count_values(found, names)
    [months] = found.row("select count(distinct month) from counted")
    return [
        _dimension(found, place, name, declared.get(name, set()), int(months))
        for place, name in enumerate(names)
    ]


def kinds(found: Study) -> list[str]:
    """Return the columns of codes that sort rows into kinds, not those that name each row."""
    codes = found.table.codes
    if not codes:
        return []
    counts = found.row(
        "select "
        + ", ".join(f"count(distinct {quoted(name)})" for name in codes)
        + " from {sample}"
    )
    return [name for name, count in zip(codes, counts, strict=True) if 0 < count <= KINDS]


def _count_values(found: Study, names: list[str]) -> None:
    """Keep the rows of each dimension, value and month; one pass over the table serves them all."""
    columns = [quoted(name) for name in names]
    month = f"date_trunc('month', {TIME})" if found.table.is_events else found.table.months
    sets = ", ".join(f"(month, {column})" for column in columns)
    which = " ".join(
        f"when grouping({column}) = 0 then {place}" for place, column in enumerate(columns)
    )
    text = " ".join(f"when grouping({column}) = 0 then {column}::varchar" for column in columns)
    found.make(
        "counted",
        f"select case {which} end as dimension, case {text} end as value, month, count(*) as times"
        f" from (select {month or 'null'}::date as month, {', '.join(columns)} from {{whole}})"
        f" group by grouping sets ({sets})",
    )


def _dimension(found: Study, place: int, name: str, declared: set[str], months: int) -> Dimension:
    ours = f"from counted where dimension = {place}"
    rows = found.rows(
        f"select value, sum(times)::bigint as total, count(distinct month) {ours}"
        f" and value is not null group by 1 qualify row_number() over (order by total desc, value)"
        f" <= {SHOWN} or total >= {SMALLEST * found.table.rows} order by 2 desc, 1"
    )
    [values, known] = found.row(
        "select count(distinct value),"
        f" coalesce(sum(times) filter (value is not null), 0)::bigint {ours}"
    )
    total = found.table.rows
    shares = [Shared(text, rows, rows / total, seen, text in declared) for text, rows, seen in rows]
    seen = [Seen(_typed(found, name, each.text), each.share, each.months) for each in shares]
    return Dimension(
        name=name,
        shown=tuple(shares[:SHOWN]),
        values=int(values),
        missing=1 - known / total,
        other=_other(found, ours, declared),
        proposal=propose(name, seen, known / total, months),
    )


def _other(found: Study, ours: str, declared: set[str]) -> float | None:
    if not declared:
        return None
    listed = ", ".join(map(literal, sorted(declared)))
    [covered] = found.row(f"select coalesce(sum(times), 0)::bigint {ours} and value in ({listed})")
    return 1 - int(covered) / found.table.rows


def _typed(found: Study, name: str, text: str) -> Value:
    """Return a value as the specs write it."""
    kind = found.table.columns[name]
    if kind == "VARCHAR":
        return text
    return text == "true" if kind == "BOOLEAN" else int(text)
