"""Which type a column has in the lake's files: what DuckDB, Parquet and Delta all keep whole.

DuckDB writes some types as others without a word, a hugeint as a double, and Delta has no unsigned
numbers. So whoever writes a file casts to `file_type`, and whoever reads it casts back.
"""

import re
from collections.abc import Mapping

import pyarrow as pa

from ml.workspace.errors import BadInput

KEPT: Mapping[str, pa.DataType] = {
    "VARCHAR": pa.string(),
    "BLOB": pa.binary(),
    "BOOLEAN": pa.bool_(),
    "TINYINT": pa.int8(),
    "SMALLINT": pa.int16(),
    "INTEGER": pa.int32(),
    "BIGINT": pa.int64(),
    "FLOAT": pa.float32(),
    "DOUBLE": pa.float64(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us"),
    "TIMESTAMP WITH TIME ZONE": pa.timestamp("us", tz="UTC"),
}
WIDENED: Mapping[str, str] = {
    "UTINYINT": "SMALLINT",
    "USMALLINT": "INTEGER",
    "UINTEGER": "BIGINT",
    "UBIGINT": "DECIMAL(20,0)",
    # Of 39 digits only some fit; the cast of a larger value fails, and is told.
    "HUGEINT": "DECIMAL(38,0)",
    "UUID": "VARCHAR",
    "TIMESTAMP_S": "TIMESTAMP",
    "TIMESTAMP_MS": "TIMESTAMP",
}
DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
# FLOAT[500] too: Arrow cannot read what DuckDB writes of an array where a row is null.
LIST = re.compile(r"(.+)\[\d*\]")


def file_type(column: str, duckdb_type: str) -> str:
    """Return the DuckDB type to cast a column to before it is written; mostly its own.

    Args:
        column: the column's name, for the error.
        duckdb_type: as DuckDB's `describe` spells it.

    Raises:
        BadInput: a type that Delta, or a Parquet file, would not give back as it was.
    """
    if listed := LIST.fullmatch(duckdb_type):
        return f"{file_type(column, listed[1])}[]"
    if duckdb_type in KEPT or DECIMAL.fullmatch(duckdb_type):
        return duckdb_type
    if duckdb_type.startswith("ENUM("):
        return "VARCHAR"
    if duckdb_type not in WIDENED:
        raise BadInput(
            f"The column {column} is of type {duckdb_type}, which the lake's files do not keep.",
            "Cast it in its model, for example to double, timestamp or varchar, and build again.",
        )
    return WIDENED[duckdb_type]


def arrow_schema(columns: Mapping[str, str], partition_by: tuple[str, ...]) -> pa.Schema:
    """Return the schema of a table: its columns as files have them, and its partition columns.

    Args:
        columns: the DuckDB type of each column; partition columns may be among them.
        partition_by: the partition columns, which are integers and not in the files.

    Raises:
        BadInput: as `file_type`.
    """
    fields = [
        pa.field(name, _arrow_type(file_type(name, duckdb_type)))
        for name, duckdb_type in columns.items()
        if name not in partition_by
    ]
    return pa.schema([*fields, *(pa.field(name, pa.int32()) for name in partition_by)])


def _arrow_type(kept: str) -> pa.DataType:
    if kept.endswith("[]"):
        return pa.list_(_arrow_type(kept.removesuffix("[]")))
    if decimal := DECIMAL.fullmatch(kept):
        return pa.decimal128(int(decimal[1]), int(decimal[2]))
    return KEPT[kept]
