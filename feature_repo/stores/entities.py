"""Entity rows, given as pandas, Arrow or SQL."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from feature_repo.stores.point_in_time import MOMENT, ROW, Bounds
from ml.workspace.errors import BadInput

EVENT_TIMESTAMP = "event_timestamp"
_MICROSECONDS = pa.timestamp("us")


def read_entities(
    entities: pd.DataFrame | pa.Table | str, connection: duckdb.DuckDBPyConnection
) -> pa.Table:
    """Return the entity rows in their order; a string is SQL over the warehouse.

    Raises:
        AlmanacError: the SQL fails, or there is no timestamp column `event_timestamp`.
    """
    if isinstance(entities, str):
        table = _query(entities, connection)
    elif isinstance(entities, pd.DataFrame):
        table = _from_pandas(entities)
    else:
        table = entities
    _refuse_repeated(table.column_names)
    require_columns(table, [EVENT_TIMESTAMP])
    kind = table.schema.field(EVENT_TIMESTAMP).type
    if not (pa.types.is_temporal(kind) or pa.types.is_null(kind)) or pa.types.is_time(kind):
        raise BadInput(
            f"The entity rows' {EVENT_TIMESTAMP} must be a timestamp, but it is {kind}.",
            "Convert it (pandas.to_datetime, or cast(… as timestamp) in SQL), then ask again.",
        )
    return table


def _from_pandas(frame: pd.DataFrame) -> pa.Table:
    _refuse_repeated([str(label) for label in frame.columns])
    columns = {}
    for name, values in ((str(label), values) for label, values in frame.items()):
        if values.dtype == object and name == EVENT_TIMESTAMP and _are_moments(values):
            columns[name] = _moments(values)
            continue
        try:
            columns[name] = pa.array(values, from_pandas=True)
        except pa.ArrowException as error:
            raise BadInput(
                f"The entity rows' {name} holds values of several types: {error}",
                "Make them one type, then ask again.",
            ) from error
    return pa.table(columns)


def _refuse_repeated(names: Sequence[str]) -> None:
    repeated = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if repeated:
        raise BadInput(
            f"The entity rows have {', '.join(repeated)} more than once.",
            "Rename or drop all but one, then ask again.",
        )


def _moments(values: "pd.Series[Any]") -> pa.Array:
    """Return moments in UTC; each value may have its own time zone, or none, which means UTC."""
    try:
        return pa.array(pd.to_datetime(values, utc=True))
    except pd.errors.OutOfBoundsDatetime:
        # Nanoseconds end in 2262; microseconds reach every date that Python has.
        whole = [datetime(*v.timetuple()[:3]) if type(v) is date else v for v in values]
        zoned = [
            None if pd.isna(v) else v.replace(tzinfo=UTC) if v.tzinfo is None else v for v in whole
        ]
        return pa.array(zoned, pa.timestamp("us", "UTC"))


def _are_moments(values: "pd.Series[Any]") -> bool:
    return all(isinstance(value, date) for value in values.dropna())


def _query(sql: str, connection: duckdb.DuckDBPyConnection) -> pa.Table:
    try:
        return connection.sql(sql.strip().rstrip(";")).to_arrow_table()
    except duckdb.Error as error:
        raise BadInput(
            f"The entity rows' SQL fails in the warehouse: {error}",
            "Correct it; if a relation is missing, build it: dbt build",
        ) from error


def require_columns(table: pa.Table, columns: Sequence[str]) -> None:
    """Check that the entity rows have `columns`.

    Raises:
        AlmanacError: one is missing; the message says what there is.
    """
    missing = [column for column in columns if column not in table.column_names]
    if missing:
        raise BadInput(
            f"The entity rows lack {', '.join(missing)}; they have "
            f"{', '.join(table.column_names) or 'no columns'}.",
            "Add the missing columns to the entity rows, then ask again.",
        )


def moments(table: pa.Table) -> pa.ChunkedArray:
    """Return the entities' timestamps as naive UTC in microseconds, finer parts cut off."""
    values = table[EVENT_TIMESTAMP]
    if pa.types.is_timestamp(values.type) and values.type.unit == "ns":
        values = pc.floor_temporal(values, unit="microsecond")
    # Arrow keeps every zoned timestamp in UTC: without its zone it is the naive UTC moment.
    zone = getattr(values.type, "tz", None)
    return values.cast(pa.timestamp("us", zone)).cast(_MICROSECONDS)


def bounds(table: pa.Table) -> Bounds:
    """Return the first and last moment of the entities."""
    ends = pc.min_max(moments(table))
    return Bounds(ends["min"].as_py(), ends["max"].as_py())


def join_rows(table: pa.Table, keys: Sequence[str]) -> pa.Table:
    """Return what joins need of the entities: row number, moment and the key columns."""
    columns = {ROW: pa.array(np.arange(table.num_rows)), MOMENT: moments(table)}
    return pa.table(columns | {key: table[key] for key in dict.fromkeys(keys)})
