"""Mapping of DuckDB's types to Feast's; a type without an exact equivalent is refused."""

import re

from feast.value_type import ValueType

from ml.workspace.errors import BadInput

_SCALARS = {
    "BOOLEAN": ValueType.BOOL,
    "TINYINT": ValueType.INT32,
    "SMALLINT": ValueType.INT32,
    "INTEGER": ValueType.INT32,
    "UTINYINT": ValueType.INT32,
    "USMALLINT": ValueType.INT32,
    "UINTEGER": ValueType.INT64,
    "BIGINT": ValueType.INT64,
    # Feast's decimals are exact and as long as they need to be; Arrow has these as decimals too.
    "HUGEINT": ValueType.DECIMAL,
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
_DECIMAL = re.compile(r"DECIMAL\(\d+,\d+\)")
_INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"}
_MOMENTS = {"DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"}
_NUMBERS = {"BOOLEAN", "INTEGER", "FLOAT", "DOUBLE", "DECIMAL"}
# Other types whose every value a Feast type holds exactly.
_WIDER = {
    ValueType.INT64: {ValueType.INT32},
    ValueType.DOUBLE: {ValueType.FLOAT, ValueType.INT32},
    ValueType.DECIMAL: {ValueType.INT32, ValueType.INT64},
}


def feast_type(duckdb_type: str) -> ValueType:
    """Return the Feast type that holds every value of `duckdb_type`.

    Raises:
        AlmanacError: Feast has no such type.
    """
    scalar = _scalar(duckdb_type)
    if scalar:
        return scalar
    array = _LIST.fullmatch(duckdb_type)
    element = _scalar(array["element"]) if array else None
    if element:
        return ValueType[f"{element.name}_LIST"]
    raise BadInput(
        f"Feast has no type equal to DuckDB's {duckdb_type}.",
        "Cast the column in its dbt model (to double, bigint or varchar, say), then: dbt build",
    )


def _scalar(duckdb_type: str) -> ValueType | None:
    return ValueType.DECIMAL if _DECIMAL.fullmatch(duckdb_type) else _SCALARS.get(duckdb_type)


def holds(declared: ValueType, duckdb_type: str) -> bool:
    """Return whether Feast's type `declared` holds every value of `duckdb_type` exactly.

    Raises:
        AlmanacError: Feast has no type for `duckdb_type` at all.
    """
    kind = feast_type(duckdb_type)
    return kind == declared or kind in _WIDER.get(declared, ())


def is_moment(duckdb_type: str) -> bool:
    """Return whether `duckdb_type` says when: a date or a timestamp, with or without a zone."""
    return duckdb_type in _MOMENTS or duckdb_type == "TIMESTAMP WITH TIME ZONE"


def is_number(duckdb_type: str) -> bool:
    """Return whether `duckdb_type` holds numbers; true and false are 1 and 0."""
    return _kind(duckdb_type) in _NUMBERS


def comparable(left: str, right: str) -> bool:
    """Return whether keys of these two types are equal only when they look equal.

    DuckDB would compare '7' with 7 by casting one of them, and fail on the first 'x'.
    """
    return '"NULL"' in (left, right) or _kind(left) == _kind(right)


def storable(given: str, column: str) -> bool:
    """Return whether every value of type `given` either fits into `column` unchanged or fails."""
    lists = _LIST.fullmatch(given), _LIST.fullmatch(column)
    if lists[0] and lists[1]:
        return storable(lists[0]["element"], lists[1]["element"])
    if is_moment(given) and is_moment(column):
        return given == column or column in {"TIMESTAMP", "TIMESTAMP WITH TIME ZONE"}
    if _kind(column) == "DECIMAL" or _kind(given) == "DECIMAL":
        return given == column or (_kind(given) == "INTEGER" and _kind(column) == "DECIMAL")
    widened = column == "DOUBLE" and (given == "FLOAT" or _kind(given) == "INTEGER")
    return comparable(given, column) or widened


def _kind(duckdb_type: str) -> str:
    if duckdb_type.removeprefix("U") in _INTEGERS:
        return "INTEGER"
    if _DECIMAL.fullmatch(duckdb_type):
        return "DECIMAL"
    return "VARCHAR" if duckdb_type.startswith("ENUM") else duckdb_type
