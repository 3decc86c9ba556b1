"""Pieces of SQL that the audit writes: identifiers, literals, and times of any type."""

from datetime import datetime

from ml.workspace.sql import literal

OFFSET = r":[0-9.]+ *(Z|[+-][0-9]{2}(:?[0-9]{2})?)$"
INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
WHOLE = (*INTEGERS, *(f"U{kind}" for kind in INTEGERS))


def timestamp(at: datetime) -> str:
    """Return `at` as an SQL timestamp."""
    return f"timestamp '{at:%Y-%m-%d %H:%M:%S.%f}'"


def is_time(kind: str) -> bool:
    """Say whether a DuckDB type is a date or a time with its date."""
    return kind.startswith(("DATE", "TIMESTAMP"))


def is_number(kind: str) -> bool:
    """Say whether values of a DuckDB type can be subtracted."""
    return kind in WHOLE or kind.startswith(("DECIMAL", "FLOAT", "DOUBLE"))


def text_time(text: str) -> str:
    """SQL of the UTC time that a text names, as staging reads it; null where it names none."""
    return (
        f"case when regexp_matches(trim({text}), {literal(OFFSET)}) "
        f"then try_cast(trim({text}) as timestamptz) at time zone 'UTC' "
        f"else try_cast(trim({text}) as timestamp) end"
    )


def landed_time(column: str, kind: str) -> str:
    """SQL of the UTC time that a column of schema `landed` holds."""
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"({column} at time zone 'UTC')"
    return text_time(column) if kind == "VARCHAR" else f"cast({column} as timestamp)"


def file_time(value: str, kind: str) -> str:
    """SQL of the UTC time that a value of a Parquet file stands for, as landing reads it."""
    if is_number(kind):
        return f"try(make_timestamp(cast({value} * 1000000 as bigint)))"
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"({value} at time zone 'UTC')"
    return f"try_cast({value} as timestamp)"


def as_file_time(time: str, kind: str) -> str:
    """SQL of a UTC time as the type that a Parquet file keeps it in; the reverse of file_time."""
    if kind in WHOLE:
        return f"cast(epoch_us({time}) // 1000000 as {kind})"
    if is_number(kind):
        return f"cast(epoch_us({time}) / 1000000 as {kind})"
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"({time} at time zone 'UTC')"
    if kind == "VARCHAR":
        return f"strftime({time}, '%Y-%m-%d %H:%M:%S')"
    return f"cast({time} as {kind})"
