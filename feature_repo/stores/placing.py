"""Writing fetched rows to the positions of their entity rows, by numpy and Arrow."""

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from feature_repo.stores.point_in_time import ROW, VECTOR

Matrix = NDArray[np.float32]


def placed(
    found: pa.RecordBatchReader, sources: Sequence[int | str], rows: int
) -> dict[int | str, pa.Array]:
    """Return `sources` of the fetched rows as columns of `rows` values, null where no row was.

    A source is an element of the vector, counted from 0, in which NaN means null; or a column.
    """
    names = [source for source in sources if isinstance(source, str)]
    places = [source for source in sources if not isinstance(source, str)]
    columns: dict[int | str, pa.Array] = {}
    batches: Iterable[pa.RecordBatch] = found
    if names:
        whole = found.read_all()
        columns |= zip(names, _placed_columns(whole, names, rows), strict=True)
        batches = whole.to_batches()
    if places:
        values = np.full((len(places), rows), np.nan, np.float32)
        _place(batches, found.schema, places, values.T)
        columns |= zip(places, map(_nullable, values), strict=True)
    return columns


def place_floats(
    found: pa.RecordBatchReader, sources: Sequence[int | str], block: Matrix
) -> list[pa.DataType]:
    """Write `sources` of the fetched rows into the columns of `block`; return their Arrow types.

    `block` holds NaN, which stays where nothing was fetched.
    """
    places = [source for source in sources if not isinstance(source, str)]
    if len(places) == len(sources):
        _place(found, found.schema, places, block)
        return [pa.float32()] * len(places)
    columns = placed(found, list(dict.fromkeys(sources)), len(block))
    with np.errstate(over="ignore"):
        for place, source in enumerate(sources):
            block[:, place] = columns[source].cast(pa.float64()).to_numpy(zero_copy_only=False)
    return [columns[source].type for source in sources]


def _placed_columns(found: pa.Table, names: Sequence[str], rows: int) -> list[pa.Array]:
    place = np.full(rows, -1)
    place[found[ROW].to_numpy()] = np.arange(found.num_rows)
    taken = found.select(names).combine_chunks().take(pa.array(place, mask=place < 0))
    return list(taken.columns)


def _place(
    found: Iterable[pa.RecordBatch], schema: pa.Schema, places: Sequence[int], block: Matrix
) -> None:
    width = schema.field(VECTOR).type.list_size
    for batch in found:
        known = batch.filter(batch[VECTOR].is_valid()) if batch[VECTOR].null_count else batch
        vectors = known[VECTOR].flatten().to_numpy(zero_copy_only=False).reshape(-1, width)
        block[known[ROW].to_numpy()] = _elements(vectors, places)


def _elements(vectors: Matrix, places: Sequence[int]) -> Matrix:
    whole = len(places) == vectors.shape[1] and all(i == place for i, place in enumerate(places))
    return vectors if whole else vectors[:, places]


def _nullable(values: NDArray[np.float32]) -> pa.Array:
    """Return `values` as an Arrow column without a copy; NaN becomes null."""
    known = np.packbits(~np.isnan(values), bitorder="little")
    buffers = [pa.py_buffer(known), pa.py_buffer(values)]
    return pa.Array.from_buffers(pa.float32(), len(values), buffers)
