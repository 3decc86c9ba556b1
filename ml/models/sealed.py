"""Scikit-learn objects as bytes: skops files without clock, chance or addresses in memory."""

import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

# What a file may hold beyond what skops itself takes for safe.
TRUSTED = [
    "ml.models.estimators.signed_log",
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
]
_EPOCH = (1980, 1, 1, 0, 0, 0)


def seal(value: object) -> bytes:
    """Return a skops file of `value`, the same bytes for equal values.

    Skops names what it holds after addresses in memory; here things are numbered as they come.
    """
    # Importing it imports all of scikit-learn; who has trees of LightGBM alone goes without.
    import skops.io

    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(value))) as found:
        schema = json.loads(found.read("schema.json"))
        files = _number(schema, {name: found.read(name) for name in found.namelist()})
    return pack({**files, "schema.json": json.dumps(schema).encode()})


def unseal(content: bytes) -> dict[str, Any]:
    """Return the dictionary that was sealed, trusting only the types named in `TRUSTED`."""
    import skops.io

    held: dict[str, Any] = skops.io.loads(content, trusted=TRUSTED)
    return held


def pack(files: Mapping[str, bytes]) -> bytes:
    """Return a zip archive of `files` that knows no time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return buffer.getvalue()


def unpack(content: bytes) -> dict[str, bytes]:
    """Return the files of a zip archive."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _number(schema: object, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Number the nodes below `schema` in place; return the files under their new names."""
    renamed: dict[str, bytes] = {}
    for number, node in enumerate(_nodes(schema)):
        node["__id__"] = number
        if "file" in node:
            old, node["file"] = node["file"], f"{number}.{node['file'].rpartition('.')[2]}"
            renamed[node["file"]] = _unpadded(files[old]) if old.endswith(".npy") else files[old]
    return renamed


def _unpadded(content: bytes) -> bytes:
    """Return the array's file with zeros between its fields, where memory had what it had."""
    array = np.load(io.BytesIO(content), allow_pickle=False)
    if array.dtype.names is None:
        return content
    clean = np.zeros(array.shape, array.dtype)
    for name in array.dtype.names:
        clean[name] = array[name]
    buffer = io.BytesIO()
    np.save(buffer, clean, allow_pickle=False)
    return buffer.getvalue()


def _nodes(value: object) -> Iterable[dict[str, Any]]:
    if isinstance(value, dict):
        if "__id__" in value:
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _nodes(each)
