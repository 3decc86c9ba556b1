"""DuckDB's types in Feast's terms; a type without an equal is refused, never bent."""

import re

from feast.value_type import ValueType

from ml.config import AlmanacError

_SCALARS = {
    "BOOLEAN": ValueType.BOOL,
    "TINYINT": ValueType.INT32,
    "SMALLINT": ValueType.INT32,
    "INTEGER": ValueType.INT32,
    "UTINYINT": ValueType.INT32,
    "USMALLINT": ValueType.INT32,
    "UINTEGER": ValueType.INT64,
    "BIGINT": ValueType.INT64,
    "FLOAT": ValueType.FLOAT,
    "DOUBLE": ValueType.DOUBLE,
    "VARCHAR": ValueType.STRING,
    "BLOB": ValueType.BYTES,
    "TIMESTAMP": ValueType.UNIX_TIMESTAMP,
    "TIMESTAMP_S": ValueType.UNIX_TIMESTAMP,
    "TIMESTAMP_MS": ValueType.UNIX_TIMESTAMP,
    "TIMESTAMP WITH TIME ZONE": ValueType.UNIX_TIMESTAMP,
}
_LIST = re.compile(r"(?P<element>.+)\[\d*\]")
_INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"}
_MOMENTS = {"DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"}


def feast_type(duckdb_type: str) -> ValueType:
    """Return the Feast type that holds every value of `duckdb_type`.

    Raises:
        AlmanacError: Feast has no such type.
    """
    scalar = _SCALARS.get(duckdb_type)
    if scalar:
        return scalar
    array = _LIST.fullmatch(duckdb_type)
    element = _SCALARS.get(array["element"]) if array else None
    if element:
        return ValueType[f"{element.name}_LIST"]
    raise AlmanacError(
        f"Feast has no type equal to DuckDB's {duckdb_type}.\n"
        "Cast the column in its dbt model (to double, bigint or varchar, say), then: dbt build"
    )


def is_moment(duckdb_type: str) -> bool:
    """Return whether `duckdb_type` says when: a date or a timestamp, with or without a zone."""
    return duckdb_type in _MOMENTS or duckdb_type == "TIMESTAMP WITH TIME ZONE"


def comparable(left: str, right: str) -> bool:
    """Return whether keys of these two types are equal only when they look equal.

    DuckDB would compare '7' with 7 by casting one of them, and fail on the first 'x'.
    """
    return '"NULL"' in (left, right) or _kind(left) == _kind(right)


def _kind(duckdb_type: str) -> str:
    if duckdb_type.removeprefix("U") in _INTEGERS:
        return "INTEGER"
    return "VARCHAR" if duckdb_type.startswith("ENUM") else duckdb_type
