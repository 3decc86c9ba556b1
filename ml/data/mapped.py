"""Matrices that memory need not hold: in files, mapped into memory.

Numpy reads of such a matrix what is asked for, and the system keeps as much of it as there is room
for. Whoever sees the file can read its rows, on other machines too.
"""

import os
import shutil
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ml.workspace.errors import Held
from ml.workspace.faults import Refused, writing
from ml.workspace.holder import held_folder

# Makes a float32 matrix of a shape, rows and columns, full of NaN.
MatrixMaker = Callable[[tuple[int, int]], NDArray[np.float32]]
# A matrix may fill most of the memory: what needs a copy copies so many rows at once.
ROWS_AT_ONCE = 10_000


class FileRows(NamedTuple):
    """The file of a mapped matrix, and which of the file's rows is the matrix's first."""

    path: Path
    first: int


def in_memory(shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return a matrix of NaN in memory."""
    return np.full(shape, np.nan, np.float32)


def mapped(path: Path, shape: tuple[int, int]) -> "np.memmap[Any, np.dtype[np.float32]]":
    """Return a matrix of NaN in a new file, an `.npy` of numpy; `shape` has no zero.

    Raises:
        AlmanacError: the disk is full.
    """
    matrix = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    try:
        # A disk that is full refuses this; what is mapped and has no room ends the process.
        with writing(path), path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    except Refused as error:
        # Who reads the warehouse meanwhile would name its file instead.
        raise Held(error.what, error.next) from error
    for block in blocks(len(matrix)):
        matrix[block] = np.nan
    return matrix


def passing(folder: Path, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return a matrix of NaN in a file below `folder`, which goes when nobody uses the matrix."""
    if not all(shape):
        return in_memory(shape)
    place = held_folder(folder, "matrix-")
    try:
        matrix = mapped(place / "matrix.npy", shape)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    weakref.finalize(matrix, shutil.rmtree, place, ignore_errors=True)
    return matrix


def file_of(matrix: NDArray[np.float32]) -> FileRows | None:
    """Return where a mapped matrix lies, whole rows of it one after another; None in memory."""
    if not isinstance(matrix, np.memmap):
        return None
    whole = matrix
    while isinstance(whole.base, np.memmap):
        whole = whole.base
    first = (matrix.ctypes.data - whole.ctypes.data) // whole.strides[0]
    return FileRows(Path(str(whole.filename)), first)


def rows_at(matrix: NDArray[np.float32], rows: NDArray[np.int64] | slice) -> NDArray[np.float32]:
    """Return these rows: of a slice no copy, of a mapped matrix a copy in a file beside its own."""
    file = file_of(matrix)
    if file is None or isinstance(rows, slice):
        return matrix[rows]
    copy = passing(file.path.parents[1], (len(rows), matrix.shape[1]))
    for block in blocks(len(rows)):
        copy[block] = matrix[rows[block]]
    return copy


def blocks(rows: int) -> list[slice]:
    """Return slices that cover so many rows, at least one."""
    return [slice(start, start + ROWS_AT_ONCE) for start in range(0, max(rows, 1), ROWS_AT_ONCE)]
