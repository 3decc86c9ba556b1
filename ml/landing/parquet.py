"""Parquet files as views, with every declared column cast to its declared type."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ml.landing.declarations import DeclaredColumn, DeclaredTable
from ml.landing.raw_files import RawFile
from ml.landing.times import utc_timestamp
from ml.workspace.errors import BadInput
from ml.workspace.sql import literal, no_glob, quoted
from ml.workspace.suggest import did_you_mean

INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
# Types with fractions, and how large their whole numbers are exact.
WHOLE = {"DOUBLE": 2**53, "FLOAT": 2**24}
NUMBERS = {*INTEGERS, *WHOLE, "UBIGINT", "HUGEINT", "UHUGEINT", "BOOLEAN"}
# What the reader adds to a file's columns: the file's path, and the row's number from 0.
PATH, ROW = "_path", "file_row_number"
# Lossless casts: values need not be checked for failures.
SAFE = {
    *((small, large) for place, small in enumerate(INTEGERS[:4]) for large in INTEGERS[place:4]),
    *((integer, "DOUBLE") for integer in INTEGERS),
    ("FLOAT", "DOUBLE"),
    ("DATE", "TIMESTAMP"),
}
# Which kinds of file column can be read as a declared kind.
READABLE = {
    "text": {"text", "number", "time", "null"},
    "number": {"number", "null"},
    "time": {"time", "text", "null"},
    "list": {"list", "null"},
    "other": {"other", "null"},
}


@dataclass(frozen=True)
class Group:
    """Files that hold the same columns in the same types."""

    files: tuple[RawFile, ...]
    types: Mapping[str, str]


def parquet_query(
    connection: duckdb.DuckDBPyConnection,
    table: DeclaredTable,
    files: Iterable[RawFile],
    raw: Path,
    arrays: bool,
) -> str:
    """Return the query that reads `files` as the declared columns and the meta columns.

    Args:
        connection: any connection.
        table: the declaration.
        files: at least one Parquet file.
        raw: the raw folder, to which `_file` is relative.
        arrays: whether list columns hold one element per event, to be unnested together.

    Raises:
        AlmanacError: a file is not a complete Parquet file, lacks a required column, or has a
            column that cannot be cast to the declared type.
    """
    declared = declared_types(connection, table)
    groups: dict[tuple[tuple[str, str], ...], list[RawFile]] = {}
    for file in files:
        types = _file_types(connection, file)
        _check(table, declared, types, file, arrays)
        groups.setdefault(tuple(types.items()), []).append(file)
    queries = [
        _group_query(table, declared, Group(tuple(found), dict(types)), raw, arrays)
        for types, found in groups.items()
    ]
    return "\nunion all\n".join(queries)


def empty_query(connection: duckdb.DuckDBPyConnection, table: DeclaredTable) -> str:
    """Return a query of no rows with the declared columns and the meta columns."""
    types = declared_types(connection, table)
    columns = ", ".join(f"cast(null as {kind}) as {quoted(name)}" for name, kind in types.items())
    return (
        f"select {columns}, cast(null as varchar) as _file, cast(null as bigint) as _row, "
        "cast(null as varchar) as _error, cast(null as varchar) as _line where false"
    )


def declared_types(connection: duckdb.DuckDBPyConnection, table: DeclaredTable) -> dict[str, str]:
    """Return the declared type of each column as DuckDB names it.

    Raises:
        AlmanacError: a declared type is not a DuckDB type.
    """
    nulls = ", ".join(f"cast(null as {c.data_type}) as {quoted(c.name)}" for c in table.columns)
    try:
        rows = connection.execute(f"describe select {nulls}").fetchall()
    except duckdb.Error as error:
        raise BadInput(
            f"_{table.source}.yml: a data_type of table {table.name} is no type: {error}",
            "Correct it, then: dbt build",
        ) from error
    return {row[0]: row[1] for row in rows}


def _file_types(connection: duckdb.DuckDBPyConnection, file: RawFile) -> dict[str, str]:
    try:
        rows = connection.execute(f"describe select * from {_scan((file,))}").fetchall()
    except duckdb.Error as error:
        reserved = [name for name in (PATH, ROW) if f'adds column "{name}"' in str(error)]
        if reserved:
            raise BadInput(
                f"{file.name}: column `{reserved[0]}` has a name that landing keeps for its own.",
                f"Rename it in {file.path}, then: dbt build",
            ) from error
        raise BadInput(
            f"{file.name} is no whole Parquet file: {file.path}\n({str(error).splitlines()[0]})",
            "Copy it again, then: dbt build",
        ) from error
    return {row[0]: row[1] for row in rows if row[0] not in (PATH, ROW)}


def _scan(files: Iterable[RawFile]) -> str:
    paths = ", ".join(literal(no_glob(str(file.path))) for file in files)
    return (
        f"read_parquet([{paths}], hive_partitioning = false, filename = {literal(PATH)}, "
        f"{ROW} = true, binary_as_string = true)"
    )


def _check(
    table: DeclaredTable,
    declared: Mapping[str, str],
    types: Mapping[str, str],
    file: RawFile,
    arrays: bool,
) -> None:
    for column in table.columns:
        name = _name_in_file(column, types)
        if column.from_path or (name is None and column.optional):
            continue
        if name is None:
            raise BadInput(
                f"{file.name}: column `{column.name}` is missing"
                f"{did_you_mean(column.name, types)}. Found: {', '.join(types)}",
                f"Correct {file.path}, then: dbt build",
            )
        kind, wanted = _element(types[name], arrays), declared[column.name]
        is_epoch = arrays and _kind(wanted) == "time" and _kind(kind) == "number"
        if _kind(kind) not in READABLE[_kind(wanted)] and not is_epoch:
            raise BadInput(
                f"{file.name}: column `{name}` is {types[name]}, from which {wanted} cannot be "
                "read.",
                f"Correct {file.path}, then: dbt build",
            )


def _group_query(
    table: DeclaredTable, declared: Mapping[str, str], group: Group, raw: Path, arrays: bool
) -> str:
    names = {column: _name_in_file(column, group.types) for column in table.columns}
    sources = {column: name for column, name in names.items() if name and not column.from_path}
    picked = [
        f"unnest({quoted(name)}) as {quoted(column.name)}"
        if arrays and group.types[name].endswith("[]")
        else f"{quoted(name)} as {quoted(column.name)}"
        for column, name in sources.items()
    ]
    values, errors = [], []
    for column in table.columns:
        wanted, kind = (
            declared[column.name],
            _element(group.types.get(names[column] or "", ""), arrays),
        )
        value = _value(column, kind if column in sources else None, wanted)
        values.append(f"{value} as {quoted(column.name)}")
        is_lossless = wanted in (kind, "VARCHAR") and not _has_fractions(kind)
        if column in sources and not is_lossless and (kind, wanted) not in SAFE:
            errors.append(_error(column, value, wanted))
    errors_sql = f"coalesce({', '.join(errors)})" if errors else "cast(null as varchar)"
    return (
        f"select {', '.join(values)}, _file, _row, {errors_sql} as _error, "
        "cast(null as varchar) as _line\n"
        f"from (select {''.join(pick + ', ' for pick in picked)}"
        f"substr({PATH}, {len(str(raw)) + 2}) as _file, {ROW} + 1 as _row\n"
        f"from {_scan(group.files)})"
    )


def _value(column: DeclaredColumn, kind: str | None, wanted: str) -> str:
    """Return the SQL of a column in its declared type, null where the cast fails."""
    name = quoted(column.name)
    if column.from_path:
        pattern = literal(f"(?:^|/){column.from_path}=([^/]*)/")
        return f"try_cast(regexp_extract(_file, {pattern}, 1) as {wanted})"
    if kind is None:
        return f"cast(null as {wanted})"
    if kind == wanted == "VARCHAR":
        return f"trim({name})"
    return name if kind == wanted else _cast(name, kind, wanted)


def _has_fractions(kind: str) -> bool:
    return kind in WHOLE or kind.startswith("DECIMAL")


def _cast(name: str, kind: str, wanted: str) -> str:
    if kind == "TIMESTAMP WITH TIME ZONE" and _kind(wanted) == "time":
        return f"cast({name} at time zone 'UTC' as {wanted})"
    if _kind(wanted) == "time" and _kind(kind) == "number":
        # Whole seconds of a narrow type would overflow.
        seconds = f"cast({name} as bigint)" if kind in INTEGERS else name
        return f"try(cast(make_timestamp(cast({seconds} * 1000000 as bigint)) as {wanted}))"
    if _kind(wanted) == "time" and kind == "VARCHAR":
        return f"cast({utc_timestamp(name)} as {wanted})"
    if _has_fractions(kind) and wanted in ("VARCHAR", *INTEGERS):
        # Integer columns with nulls are often stored as floats; a fraction is no code and no id.
        whole = f"{name} = trunc({name}) and abs({name}) <= {WHOLE.get(kind, 2**53)}"
        integer = f"case when {whole} then cast({name} as bigint) end"
        return f"try_cast({integer} as {wanted})"
    return f"try_cast({name} as {wanted})"


def _error(column: DeclaredColumn, value: str, wanted: str) -> str:
    name = quoted(column.name)
    what = "whole number" if wanted == "VARCHAR" else wanted.lower()
    reason = literal(f"{column.name} is no {what}: ")
    return (
        f"case when {name} is not null and {value} is null "
        f"then {reason} || left(cast({name} as varchar), 100) end"
    )


def _name_in_file(column: DeclaredColumn, types: Iterable[str]) -> str | None:
    known = set(types)
    return next((name for name in (column.name, *column.aliases) if name in known), None)


def _element(kind: str, arrays: bool) -> str:
    return kind[:-2] if arrays and kind.endswith("[]") else kind


def _kind(data_type: str) -> str:
    if data_type.endswith("]"):
        return "list"
    if data_type == "VARCHAR":
        return "text"
    if data_type.startswith(("DATE", "TIMESTAMP")):
        return "time"
    if data_type == '"NULL"':
        return "null"
    is_number = data_type in NUMBERS or data_type.startswith("DECIMAL(")
    return "number" if is_number else "other"
