"""Places as 30-bit geohash numbers: six base-32 letters; the first letters name the wider cells."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ml.simulate.events import Events
from ml.simulate.scenario import Floats, Scenario

LETTERS = np.frombuffer(b"0123456789bcdefghjkmnpqrstuvwxyz", dtype=np.uint8)
LENGTHS = (4, 5, 6)
BITS_A_LETTER, ALL_LETTERS = 5, 6
TOWNS = 60
Cells = NDArray[np.int32]


def visited(scenario: Scenario, random: np.random.Generator, events: Events, away: Floats) -> Cells:
    """Return each event's place: home, or with probability `away` elsewhere in town or far away."""
    towns = scenario.random("towns").integers(0, 1 << 20, TOWNS, dtype=np.int32)
    size = len(events.counts)
    town = towns[np.minimum(random.zipf(1.4, size) - 1, TOWNS - 1)]
    home = (town << 10) | random.integers(0, 1 << 10, size, dtype=np.int32)
    draw = random.random(events.cell.size, dtype=np.float32)
    place = np.repeat(home, events.per_customer)
    near = random.integers(0, 1 << 10, events.cell.size, dtype=np.int32)
    place = np.where(draw < away, (place & ~np.int32(1023)) | near, place)
    far = np.flatnonzero(draw < away * np.float32(0.2))
    other = towns[random.integers(0, TOWNS, far.size)]
    place[far] = (other << 10) | near[far]
    return np.asarray(place, dtype=np.int32)


def geohashes(place: Cells, form: str) -> dict[str, pa.Array]:
    """Return the columns geohash_4, _5 and _6: text in the detail form, integers in ptls."""
    columns = {}
    for length in LENGTHS:
        cell = place >> (BITS_A_LETTER * (ALL_LETTERS - length))
        columns[f"geohash_{length}"] = pa.array(cell) if form == "ptls" else _text(cell, length)
    return columns


def _text(cell: Cells, length: int) -> pa.StringArray:
    """Return `cell` in base 32 as Arrow strings of `length` letters, built as raw buffers."""
    letters = np.empty((cell.size, length), dtype=np.uint8)
    for position in range(length):
        shift = BITS_A_LETTER * (length - 1 - position)
        letters[:, position] = LETTERS[(cell >> shift) & 31]
    offsets = np.arange(cell.size + 1, dtype=np.int32) * length
    return pa.StringArray.from_buffers(cell.size, pa.py_buffer(offsets), pa.py_buffer(letters))
