"""Encoding of keys and values as Feast's online stores keep them, a column at a time.

A value is a protobuf message. For an array of floats, or one number, the message is a constant head
followed by the numbers' bytes, so whole columns are encoded and decoded by numpy without building
a protobuf object per value.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from feast.infra.key_encoding_utils import deserialize_entity_key, serialize_entity_key
from feast.infra.online_stores.helpers import extract_text_and_num
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import FloatList, Value
from feast.type_map import feast_value_type_to_python_type, python_values_to_proto_values
from feast.types import FeastType, from_feast_to_pyarrow_type
from numpy.typing import NDArray

from ml.workspace.errors import NotBuilt

KEY = "customer_id"
Matrix = NDArray[np.float32]
Blob = bytes | None
_HEADS = {
    pa.float64(): Value(double_val=1.0).SerializeToString()[:1],
    pa.float32(): Value(float_val=1.0).SerializeToString()[:1],
}


class EncodedColumn(NamedTuple):
    """A feature's encoded values, and their text, which SQL stores keep in a second column."""

    values: list[bytes]
    texts: list[str | None]


def entity_key(customer: str) -> bytes:
    """Return the key by which Feast's online stores find `customer`."""
    return serialize_entity_key(
        EntityKey(join_keys=[KEY], entity_values=[Value(string_val=customer)])
    )


def customer_of(key: bytes) -> str:
    """Return the customer id of an online store's key."""
    return str(deserialize_entity_key(key).entity_values[0].string_val)


def packed(matrix: Matrix) -> list[bytes]:
    """Return each row of the matrix encoded as a value of an `Array(Float32)` feature."""
    head = _vector_head(matrix.shape[1])
    return _with_head(head, np.ascontiguousarray(matrix, dtype="<f4"))


def unpacked(values: Sequence[bytes], features: int) -> Matrix:
    """Return the values of an `Array(Float32)` feature as a matrix with `features` columns.

    Raises:
        AlmanacError: a value is not an array of that length.
    """
    head = _vector_head(features)
    if any(
        len(value) != len(head) + 4 * features or not value.startswith(head) for value in values
    ):
        raise NotBuilt(
            f"The online store holds an input that is not of {features} features.",
            "Publish the model's inputs: ml materialize",
        )
    return _without_head(values, len(head), 4 * features).view("<f4")


def encoded(column: pa.Array | pa.ChunkedArray, dtype: FeastType) -> EncodedColumn:
    """Return a feature's values as the stores keep them; null and NaN become an empty value."""
    known = ~np.asarray(column.is_null(nan_is_null=True).to_numpy(zero_copy_only=False))
    head = _HEADS.get(column.type)
    if head is None or from_feast_to_pyarrow_type(dtype) != column.type:
        return _encoded_singly(column, known, dtype)
    numbers = column.to_numpy(zero_copy_only=False).astype(column.type.to_pandas_dtype())
    values = _with_head(head, numbers.reshape(-1, 1))
    rows = zip(values, column.to_pylist(), known, strict=True)
    pairs = [(value, str(each)) if there else (b"", None) for value, each, there in rows]
    return EncodedColumn([value for value, _ in pairs], [text for _, text in pairs])


def _encoded_singly(
    column: pa.Array | pa.ChunkedArray, known: NDArray[np.bool_], dtype: FeastType
) -> EncodedColumn:
    given = [each if there else None for each, there in zip(column.to_pylist(), known, strict=True)]
    protos = python_values_to_proto_values(given, dtype.to_value_type())
    texts = [extract_text_and_num(proto, False)[0] for proto in protos]
    return EncodedColumn([proto.SerializeToString() for proto in protos], texts)


def decoded(values: Sequence[Blob], dtype: FeastType) -> pa.Array:
    """Return a feature's decoded values, null where the store has none."""
    kind = from_feast_to_pyarrow_type(dtype)
    if kind not in _HEADS:
        return pa.array([_decoded_singly(value) for value in values], kind)
    known = np.array([bool(value) for value in values], dtype=np.bool_)
    numbers = np.zeros(len(values), dtype=kind.to_pandas_dtype())
    if known.any():
        bodies = _without_head([value for value in values if value], 1, numbers.itemsize)
        numbers[known] = bodies.view(numbers.dtype.newbyteorder("<"))[:, 0]
    return pa.array(numbers, kind, mask=~known)


def _decoded_singly(value: Blob) -> object:
    return feast_value_type_to_python_type(Value.FromString(value)) if value else None


@cache
def _vector_head(features: int) -> bytes:
    whole = Value(float_list_val=FloatList(val=[0.0] * features)).SerializeToString()
    return bytes(whole[: len(whole) - 4 * features])


def _with_head(head: bytes, numbers: NDArray[Any]) -> list[bytes]:
    """Return the bytes of each row of `numbers` behind `head`."""
    body = numbers.shape[1] * numbers.itemsize
    rows = np.empty((len(numbers), len(head) + body), dtype=np.uint8)
    rows[:, : len(head)] = np.frombuffer(head, dtype=np.uint8)
    rows[:, len(head) :] = np.ascontiguousarray(numbers).view(np.uint8).reshape(-1, body)
    whole, width = rows.tobytes(), rows.shape[1]
    return [whole[start : start + width] for start in range(0, len(whole), width)]


def _without_head(values: Sequence[bytes], head: int, body: int) -> NDArray[np.uint8]:
    """Return the bytes after the head of each value, one row per value."""
    rows = np.frombuffer(b"".join(values), dtype=np.uint8).reshape(len(values), head + body)
    return np.ascontiguousarray(rows[:, head:])
