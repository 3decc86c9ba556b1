"""Corrupts Parquet files: every row, or array element, at or after an instant gets other values.

DuckDB rewrites a file as a stream; earlier rows are copied in their order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from ml.features.leakage.raw_tables import RawTable
from ml.features.leakage.time_sql import (
    WHOLE,
    as_file_time,
    file_time,
    is_number,
    landed_time,
    timestamp,
)
from ml.landing.delimited import META
from ml.workspace.sql import literal, no_glob, quoted

NUMBER, AFTER, COPY, PLACES = "_audit_number", "_audit_after", "_audit_copy", "_audit_places"
# A column of numbers with more distinct values holds amounts, not codes.
MOST_CODES = 256
POOL_ROWS = 100_000


@dataclass(frozen=True)
class ParquetColumn:
    """A column to corrupt.

    `kind` is the DuckDB type of a value (of an element in the array form). The SQL variable `pool`
    holds `pooled` values to replace others with; a flag has only the values 0 and 1.
    """

    name: str
    kind: str
    pool: str
    pooled: int
    is_flag: bool


@dataclass(frozen=True)
class ParquetRewrite:
    """A file to corrupt: table, instant (UTC), scan, column of the time, columns to change.

    `is_landed` says that it has rows as they landed, in a lake.
    """

    table: RawTable
    at: datetime
    scan: str
    time: str | None
    time_kind: str
    columns: tuple[ParquetColumn, ...]
    is_landed: bool

    def instant(self, value: str) -> str:
        """SQL of the UTC time that a value of the column of the time stands for."""
        return (landed_time if self.is_landed else file_time)(value, self.time_kind)

    def after(self, value: str) -> str:
        """SQL of whether a time is at or after the instant."""
        return f"coalesce({self.instant(value)} >= {timestamp(self.at)}, false)"


def rewrite(  # noqa: PLR0913
    connection: duckdb.DuckDBPyConnection,
    table: RawTable,
    at: datetime,
    source: Path,
    target: Path,
    *,
    is_landed: bool = False,
) -> None:
    """Write `source` to `target` with the rows of `table` at or after `at` corrupted.

    Times move within [at, the table's last time], some to `at` itself; numbers are scaled, shifted
    and change their sign; codes and texts become others; a tenth of the rows is dropped and a tenth
    is there twice. Customers stay. Without times a table is corrupted whole, and no row is dropped.
    A file that `is_landed` has columns as schema `landed` has them, where numbers may be texts.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    scan = _scan(source)
    described = connection.execute(f"describe select * from {scan}").fetchall()
    kinds = {row[0]: row[1] for row in described if row[0] != "file_row_number"}
    time = _name_in_file(table, table.time, kinds)
    kind = kinds[time] if time else ""
    arrays = table.arrays and kind.endswith("[]")
    columns = tuple(_columns(connection, table, scan, kinds, arrays))
    kind = kind.removesuffix("[]") if arrays else kind
    task = ParquetRewrite(table, at, scan, time, kind, columns, is_landed)
    query = _arrays(task) if arrays else _rows(task)
    connection.execute(f"copy ({query}) to {literal(target)} (format parquet)")


def _rows(task: ParquetRewrite) -> str:
    """SQL of a file with one row an event."""
    after = task.after(quoted(task.time)) if task.time else "true"
    changed = [
        f"case when {AFTER} then {_corrupted_value(task, column, quoted(column.name), NUMBER)} "
        f"else {quoted(column.name)} end as {quoted(column.name)}"
        for column in task.columns
    ]
    copies = "1"
    if task.table.is_dated:
        copies = f"case when {AFTER} then coalesce([0, 2][{_hash_pick(NUMBER, 10)}], 1) else 1 end"
    return (
        f"select * exclude ({NUMBER}, {AFTER}, {COPY}){_replace(changed)} "
        f"from (select *, unnest(range({copies})) as {COPY} "
        f"from (select * exclude (file_row_number), file_row_number as {NUMBER}, "
        f"{after} as {AFTER} from {task.scan}))"
    )


def _arrays(task: ParquetRewrite) -> str:
    """SQL of a file with one row a customer and one element an event in each of its columns."""
    times = quoted(str(task.time))
    after = task.after(f"{times}[i]")
    seed = f"({NUMBER} * 1000003 + i)"
    changed = []
    for column in task.columns:
        name = quoted(column.name)
        other = _corrupted_value(task, column, f"{name}[i]", seed)
        changed.append(
            f"case when {times} is null then {name} else list_transform({PLACES}, "
            f"lambda i: case when {after} then {other} else {name}[i] end) end as {name}"
        )
    places = (
        f"flatten(list_transform(range(1, coalesce(len({times}), 0) + 1), lambda i: "
        f"case when {after} then coalesce([[], [i, i]][{_hash_pick(seed, 10)}], [i]) else [i] end))"
    )
    return (
        f"select * exclude ({NUMBER}, {PLACES}){_replace(changed)} "
        f"from (select * exclude (file_row_number), file_row_number as {NUMBER}, "
        f"{places} as {PLACES} from {task.scan})"
    )


def _replace(changed: list[str]) -> str:
    return f" replace ({', '.join(changed)})" if changed else ""


def _corrupted_value(task: ParquetRewrite, column: ParquetColumn, value: str, seed: str) -> str:
    """SQL of another value of the same kind."""
    salted = f"{seed}, {literal(column.name)}"
    if column.name != task.time:
        return f"cast({_other_value(value, column, salted)} as {column.kind})"
    if task.table.is_period or task.table.span is None:
        return value
    end = f"epoch_us({timestamp(task.table.span[1])})"
    start = f"epoch_us({timestamp(task.at)})"
    now = f"epoch_us({task.instant(value)})"
    # Times are mirrored within the span; an eighth falls on the instant itself.
    moved = f"case when {_hash_pick(salted, 8)} = 1 then {start} else {start} + {end} - {now} end"
    return as_file_time(f"make_timestamp({moved})", column.kind)


def _other_value(value: str, column: ParquetColumn, seed: str) -> str:
    """SQL of a value of the column's type that is not `value`; null where nothing else is known."""
    kind = column.kind
    if kind.endswith("[]"):
        each = f"e{kind.count('[]')}"
        inner = _other_value(each, ParquetColumn(column.name, kind[:-2], "", 0, False), seed)
        return f"list_transform({value}, lambda {each}: {inner})"
    if column.is_flag:
        return f"1 - coalesce({value}, 0)"
    if column.pooled > 1:
        one, following = (_pooled(column, seed, step) for step in (0, 1))
        return f"case when {one} is distinct from {value} then {one} else {following} end"
    if is_number(kind):
        return _other_number(f"coalesce({value}, 1)", kind, seed)
    if kind.startswith(("DATE", "TIMESTAMP")):
        return f"{value} + to_days(cast({_hash_pick(seed, 28)} as integer))"
    others = {"BOOLEAN": f"not coalesce({value}, true)", "VARCHAR": f"coalesce({value}, '') || '~'"}
    return others.get(kind, "null")


def _other_number(value: str, kind: str, seed: str) -> str:
    # The first may be out of range for narrow and unsigned types.
    negated = f"try_cast(-3.0 * {value} - 7 as {kind})"
    return (
        f"coalesce(case when {_hash_pick(seed, 2)} = 1 then {negated} end, "
        f"try_cast(2.0 * {value} + 11 as {kind}), {value} // 2)"
    )


def _pooled(column: ParquetColumn, seed: str, step: int) -> str:
    place = f"1 + (hash({seed}) % {column.pooled} + {step}) % {column.pooled}"
    return f"getvariable({literal(column.pool)})[cast({place} as bigint)]"


def _hash_pick(seed: str, sides: int) -> str:
    """SQL of a number from 1 to `sides`, the same for the same seed."""
    return f"cast(1 + hash({seed}) % {sides} as bigint)"


def _columns(
    connection: duckdb.DuckDBPyConnection,
    table: RawTable,
    scan: str,
    kinds: Mapping[str, str],
    arrays: bool,
) -> list[ParquetColumn]:
    """The columns to change: in the array form, those that hold an element an event."""
    places = {_name_in_file(table, place, kinds) for place in table.kept_columns}
    declared = {name for names in table.names.values() for name in names}
    found: list[ParquetColumn] = []
    for name, kind in kinds.items():
        if (
            name in places
            or name in META
            or (arrays and not (kind.endswith("[]") and name in declared))
        ):
            continue
        element = kind[:-2] if arrays else kind
        value = f"unnest({quoted(name)})" if arrays else quoted(name)
        pool, size, is_flag = f"audit_pool_{len(found)}", 0, False
        if element in WHOLE or element == "VARCHAR":
            size = _fill_pool(connection, pool, value, scan)
            is_flag = element in WHOLE and _holds_flags(connection, pool)
        # Of texts any others will do: they may be numbers or dates, which must stay such.
        pooled = size if element == "VARCHAR" or size <= MOST_CODES else 0
        found.append(ParquetColumn(name, element, pool, pooled, is_flag))
    return found


def _fill_pool(connection: duckdb.DuckDBPyConnection, pool: str, value: str, scan: str) -> int:
    """Set a variable to at most MOST_CODES + 1 distinct values of a column; return their number."""
    values = f"select {value} as value from {scan} limit {POOL_ROWS}"
    distinct = f"select distinct value from ({values}) where value is not null"
    connection.execute(
        f"set variable {pool} = (select list(value order by value) from "
        f"(select value from ({distinct}) order by hash(value) limit {MOST_CODES + 1}))"
    )
    [(size,)] = connection.execute(f"select len(getvariable({literal(pool)}))").fetchall()
    return int(size or 0)


def _holds_flags(connection: duckdb.DuckDBPyConnection, pool: str) -> bool:
    values = f"getvariable({literal(pool)})"
    [(found,)] = connection.execute(
        f"select list_min({values}) in (0, 1) and list_max({values}) in (0, 1)"
    ).fetchall()
    return bool(found)


def _name_in_file(table: RawTable, name: str | None, kinds: Mapping[str, str]) -> str | None:
    names = table.names.get(str(name), (name,))
    return next((each for each in names if each in kinds), None)


def _scan(path: Path) -> str:
    return (
        f"read_parquet({literal(no_glob(str(path)))}, hive_partitioning = false, "
        "file_row_number = true, binary_as_string = true)"
    )
