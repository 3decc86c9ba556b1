"""Columns made at once are, to the byte, the values that Feast makes one by one."""

import math
import struct

import numpy as np
import pyarrow as pa
import pytest
from feast.protos.feast.types.Value_pb2 import FloatList, Value
from feast.types import Bool, Float32, Float64, Int32, Int64, String
from hypothesis import given
from hypothesis import strategies as st

from ml.store.values import customer_of, decoded, encoded, entity_key, packed, unpacked
from ml.workspace.errors import AlmanacError

KINDS = {
    Float64: (pa.float64(), "double_val", st.floats(allow_nan=False)),
    Float32: (pa.float32(), "float_val", st.floats(width=32, allow_nan=False)),
    Int64: (pa.int64(), "int64_val", st.integers(-(2**63), 2**63 - 1)),
    Int32: (pa.int32(), "int32_val", st.integers(-(2**31), 2**31 - 1)),
    Bool: (pa.bool_(), "bool_val", st.booleans()),
    String: (pa.string(), "string_val", st.text(max_size=5)),
}


@pytest.mark.parametrize("dtype", KINDS, ids=str)
@given(data=st.data())
def test_a_column_is_written_as_feast_writes_it_and_read_back(dtype, data):
    kind, field, value = KINDS[dtype]
    given_values = data.draw(st.lists(st.none() | value, max_size=6))
    found = encoded(pa.chunked_array([given_values], kind), dtype)
    assert found.values == [
        b"" if each is None else Value(**{field: each}).SerializeToString() for each in given_values
    ]
    assert found.texts == [None if each is None else str(each) for each in given_values]
    assert decoded(found.values, dtype).to_pylist() == given_values
    absent = decoded([None, *found.values], dtype)
    assert absent.type == kind
    assert absent[0].as_py() is None


def test_a_number_that_is_none_is_a_null():
    assert encoded(pa.chunked_array([[math.nan, 1.0]]), Float64).values[0] == b""


@given(st.integers(1, 300), st.integers(0, 4), st.integers(0, 2**32 - 1))
def test_vectors_are_written_as_feast_writes_them_and_read_back(features, rows, seed):
    chance = np.random.default_rng(seed)
    bits = chance.integers(0, 2**32, size=(rows, features), dtype=np.uint32)
    matrix = np.where(np.isnan(bits.view(np.float32)), np.nan, bits.view(np.float32))
    values = packed(matrix)
    assert values == [
        Value(float_list_val=FloatList(val=row)).SerializeToString() for row in matrix
    ]
    assert unpacked(values, features).tobytes() == matrix.astype("<f4").tobytes()


@pytest.mark.parametrize("value", [b"", struct.pack("<f", 1), packed(np.ones((1, 4)))[0]])
def test_vectors_of_another_length_are_refused(value):
    with pytest.raises(AlmanacError, match=r"not of 3 features.\nPublish .*: ml materialize"):
        unpacked([*packed(np.ones((1, 3))), value], 3)


@given(st.text(min_size=1))
def test_a_key_tells_its_customer(customer):
    assert customer_of(entity_key(customer)) == customer
