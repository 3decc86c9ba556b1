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
