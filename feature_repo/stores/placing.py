"""Fetched rows put where their entity rows stand: vectors by numpy, other columns by Arrow."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from feature_repo.stores.point_in_time import ROW, VECTOR

Matrix = NDArray[np.float32]
# So many rows of a matrix are turned at a time: they stay in the processor's cache.
TURNED_AT_ONCE = 4096


def placed(found: pa.Table, sources: Sequence[int | str], rows: int) -> dict[int | str, pa.Array]:
    """Return `sources` of the fetched rows as columns of `rows` values, null where none was.

    A source is an element of the vector, counted from 0, in which NaN means null; or a column.
    """
    names = [source for source in sources if isinstance(source, str)]
    places = [source for source in sources if not isinstance(source, str)]
    columns = dict(zip(names, _placed_columns(found, names, rows), strict=True))
    return columns | dict(zip(places, _placed_elements(found, places, rows), strict=True))


def place_floats(found: pa.Table, sources: Sequence[int | str], block: Matrix) -> list[pa.DataType]:
    """Write `sources` of the fetched rows into the columns of `block`; return their Arrow types."""
    places = [source for source in sources if not isinstance(source, str)]
    if len(places) == len(sources):
        for rows, vectors in _vectors(found):
            block[rows] = _elements(vectors, places)
        return [pa.float32()] * len(places)
    columns = placed(found, sources, len(block))
    with np.errstate(over="ignore"):
        for place, source in enumerate(sources):
            block[:, place] = columns[source].cast(pa.float64()).to_numpy(zero_copy_only=False)
    return [columns[source].type for source in sources]


def _placed_columns(found: pa.Table, names: Sequence[str], rows: int) -> list[pa.Array]:
    if not names:
        return []
    place = np.full(rows, -1)
    place[found[ROW].to_numpy()] = np.arange(found.num_rows)
    taken = found.select(names).combine_chunks().take(pa.array(place, mask=place < 0))
    return list(taken.columns)


def _placed_elements(found: pa.Table, places: Sequence[int], rows: int) -> list[pa.Array]:
    if not places:
        return []
    block = np.full((rows, len(places)), np.nan, np.float32)
    for at, vectors in _vectors(found):
        block[at] = _elements(vectors, places)
    return [_nullable(column) for column in _turned(block)]


def _vectors(found: pa.Table) -> Iterator[tuple[NDArray[np.int64], Matrix]]:
    width = found.schema.field(VECTOR).type.list_size
    for batch in found.select([ROW, VECTOR]).to_batches():
        known = batch.filter(batch[VECTOR].is_valid()) if batch[VECTOR].null_count else batch
        values = known[VECTOR].flatten().to_numpy(zero_copy_only=False)
        yield known[ROW].to_numpy(), values.reshape(-1, width)


def _elements(vectors: Matrix, places: Sequence[int]) -> Matrix:
    whole = len(places) == vectors.shape[1] and all(i == place for i, place in enumerate(places))
    return vectors if whole else vectors[:, places]


def _turned(block: Matrix) -> Matrix:
    """Return `block` with its columns as rows."""
    turned = np.empty(block.shape[::-1], np.float32)
    for start in range(0, len(block), TURNED_AT_ONCE):
        stop = start + TURNED_AT_ONCE
        turned[:, start:stop] = block[start:stop].T
    return turned


def _nullable(values: NDArray[np.float32]) -> pa.Array:
    """Return `values` where they lie as an Arrow column, in which NaN is null."""
    known = np.packbits(~np.isnan(values), bitorder="little")
    buffers = [pa.py_buffer(known), pa.py_buffer(values)]
    return pa.Array.from_buffers(pa.float32(), len(values), buffers)
