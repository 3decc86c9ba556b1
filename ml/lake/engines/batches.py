"""The rows that go through an exchange: their types, and the checks that both engines make."""

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

import numpy as np
import pyarrow as pa

# A picklable callable that yields the rows of one task, for instance those of one raw file.
Source = Callable[[], Iterable[pa.RecordBatch]]

BUCKET = "bucket"
# Rows of a bucket come in the order of these; neither is ever null.
ORDER = ("_file", "_row")
NEEDED = {BUCKET: pa.int32(), "_file": pa.string(), "_row": pa.int64()}
SIMPLE = (
    pa.string(),
    pa.binary(),
    pa.bool_(),
    pa.int8(),
    pa.int16(),
    pa.int32(),
    pa.int64(),
    pa.float32(),
    pa.float64(),
    pa.date32(),
    pa.timestamp("us"),
)
# Rows in a batch that a bucket is given.
ROWS = 20_000


def written_schema(schema: pa.Schema) -> pa.Schema:
    """Return the schema of the rows that a bucket is given: that of the sources without BUCKET."""
    return pa.schema([field for field in schema if field.name != BUCKET])


def check_schema(schema: pa.Schema) -> None:
    """Check that the rows name their bucket and order, and that every engine keeps their types.

    Raises:
        TypeError: a column is missing, or of a type that Spark or Parquet would change.
    """
    for name, kind in NEEDED.items():
        if name not in schema.names or schema.field(name).type != kind:
            raise TypeError(f"the rows of an exchange need a column {name} of type {kind}")
    for field in schema:
        if not _is_kept(field.type):
            raise TypeError(
                f"the column {field.name} is {field.type}, which an exchange may change"
            )


def checked(source: Source, schema: pa.Schema, buckets: int) -> Iterator[pa.RecordBatch]:
    """Yield the batches of a source with exactly the columns of `schema`.

    Raises:
        ValueError: a row has no bucket, one that is not there, or no place in the order.
    """
    for batch in source():
        rows = batch.select(schema.names).cast(schema)
        if rows.num_rows == 0:
            continue
        if any(rows.column(name).null_count for name in NEEDED):
            raise ValueError(f"a row has a null among {', '.join(NEEDED)}")
        places = rows.column(BUCKET).to_numpy()
        if places.min() < 0 or places.max() >= buckets:
            raise ValueError(f"a row has a bucket outside 0 to {buckets - 1}")
        yield rows


def runs(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Yield each batch in pieces of one bucket: the bucket and its rows, all columns."""
    for batch in batches:
        if batch.num_rows == 0:
            continue
        places = batch.column(batch.schema.get_field_index(BUCKET)).to_numpy()
        edges = [0, *(np.flatnonzero(np.diff(places)) + 1).tolist(), batch.num_rows]
        for start, end in pairwise(edges):
            yield int(places[start]), batch.slice(start, end - start)


def _is_kept(kind: pa.DataType) -> bool:
    if pa.types.is_list(kind):
        return _is_kept(kind.value_type)
    return pa.types.is_decimal128(kind) or kind in SIMPLE
