"""What DuckDB's types hold: numbers, moments, and which of them compare or store alike."""

import re

_LIST = re.compile(r"(?P<element>.+)\[\d*\]")
_DECIMAL = re.compile(r"DECIMAL\(\d+,\d+\)")
_INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"}
_MOMENTS = {"DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"}
_NUMBERS = {"BOOLEAN", "INTEGER", "FLOAT", "DOUBLE", "DECIMAL"}


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
