"""The decimal sign of a text file: decided once a file, from all values of its numeric columns."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import duckdb

from ml.landing.declarations import SCHEMA
from ml.workspace.sql import literal, quoted

POINT, COMMA = ".", ","
# Of 1,234 nobody can tell the sign. One can where the sign has other than three digits behind it,
# a zero or more than three digits before it, or groups before it that the other sign parts.
SIGN = (
    r"[+-]?(\d*{sign}(\d{{0,2}}|\d{{4,}})|(0|\d{{4,}}){sign}\d{{3}}"
    r"|\d{{1,3}}({group}\d{{3}})+{sign}\d*|\d{{1,3}}({group}\d{{3}}){{2,}})([eE][+-]?\d+)?"
)
OPEN = r"[+-]?[1-9]\d{0,2},\d{3}"


# A whole number's digits, alone or parted in thousands by {group}, and its decimals behind {sign}.
NUMBER = r"[+-]?((\d+|[1-9]\d{{0,2}}({group}\d{{3}})+)({sign}\d*)?|{sign}\d+)([eE][+-]?\d{{1,3}})?"
POINTED = literal(NUMBER.format(sign=r"\.", group=","))
COMMAED = literal(NUMBER.format(sign=",", group=r"\."))
# The number that a text means by its file's decimal sign; null where it is none, or infinite.
DEFINITION = f"""
create or replace macro {SCHEMA}.decimal_number(written, sign) as (
    nullif(nullif(case
        when sign = ',' and regexp_full_match(trim(written), {COMMAED})
            then try_cast(replace(replace(trim(written), '.', ''), ',', '.') as double)
        when sign is distinct from ',' and regexp_full_match(trim(written), {POINTED})
            then try_cast(replace(trim(written), ',', '') as double)
    end, cast('inf' as double)), cast('-inf' as double))
)
"""


@dataclass(frozen=True)
class Evidence:
    """How many values of a file show each decimal sign, how many neither, with an example each."""

    point: int
    comma: int
    neither: int
    examples: tuple[str | None, str | None, str | None]

    @property
    def sign(self) -> str:
        """The decimal sign of the file: the one that more values show, else the point."""
        return COMMA if self.comma > self.point else POINT

    def note(self, file: str) -> str | None:
        """Return what a person should know about the choice; None where there is no doubt."""
        with_point, with_comma, with_neither = self.examples
        if self.point and self.comma:
            name = "comma" if self.sign == COMMA else "point"
            return (
                f"{file}: numbers have a decimal point ({with_point}) and a decimal comma "
                f"({with_comma}); the {name} is taken, the others are set aside."
            )
        if self.neither and not self.comma and not self.point:
            return (
                f"{file}: nothing tells whether {with_neither} has a decimal comma or one between "
                "thousands; it is read as thousands. To say otherwise, write one value of the file "
                "with other than three decimals (1,50)."
            )
        return None


def decimal_signs(
    connection: duckdb.DuckDBPyConnection, query: str, columns: Iterable[str]
) -> Mapping[str, Evidence]:
    """Return what each file of `query` shows of its decimal sign.

    Args:
        connection: any connection.
        query: rows with `_file` and text columns.
        columns: the columns that hold numbers.
    """
    names = list(columns)
    if not names:
        return {}
    values = ", ".join(f"trim({quoted(name)})" for name in names)
    point = SIGN.format(sign=r"\.", group=",")
    comma = SIGN.format(sign=",", group=r"\.")
    shown = ", ".join(
        f"count(*) filter ({each}), any_value(value order by value) filter ({each})"
        for each in ("is_point", "is_comma", "is_open")
    )
    rows = connection.execute(
        f"""
        select _file, {shown}
        from (
            select
                _file,
                value,
                regexp_full_match(value, '{point}') as is_point,
                regexp_full_match(value, '{comma}') as is_comma,
                regexp_full_match(value, '{OPEN}') as is_open
            from (select _file, unnest([{values}]) as value from ({query}))
            where contains(value, '.') or contains(value, ',')
        )
        group by _file
        """
    ).fetchall()
    return {
        file: Evidence(points, commas, opens, (a_point, a_comma, an_open))
        for file, points, a_point, commas, a_comma, opens, an_open in rows
    }
