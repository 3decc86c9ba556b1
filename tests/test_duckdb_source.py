"""What a source is before anything is asked of it: one named thing, with columns and types."""

import duckdb
import pytest
from feast.value_type import ValueType

from feature_repo.stores.duckdb_source import DuckDBSource
from feature_repo.stores.duckdb_types import feast_type
from feature_repo.stores.relations import read_relation
from ml.workspace.errors import AlmanacError


def test_of_many_columns_the_nearest_are_named():
    names = [
        f"trx_amount_{aggregate}__{window}m"
        for aggregate in ("sum", "max")
        for window in range(1, 9)
    ]
    with duckdb.connect() as connection:
        connection.execute(f"create table wide ({', '.join(f'{name} float' for name in names)})")
        relation = read_relation(connection, "wide")
    with pytest.raises(
        AlmanacError, match=r"of its 16 columns the nearest are trx_amount_sum__3m,"
    ):
        relation.require("trx_amuont_sum__3m")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "neither relation= and query="),
        ({"relation": "facts.pairs", "query": "select 1"}, "both relation= and query="),
        ({"query": "select 1"}, "'select 1' has no name"),
    ],
)
def test_a_source_is_one_named_thing(options, message):
    with pytest.raises(AlmanacError, match=message):
        DuckDBSource(timestamp_field="at", **options)


@pytest.mark.parametrize(
    ("duckdb_type", "expected"),
    [
        ("SMALLINT", ValueType.INT32),
        ("UINTEGER", ValueType.INT64),
        ("FLOAT", ValueType.FLOAT),
        ("DOUBLE", ValueType.DOUBLE),
        ("TIMESTAMP WITH TIME ZONE", ValueType.UNIX_TIMESTAMP),
        ("DECIMAL(18,2)", ValueType.DECIMAL),
        ("HUGEINT", ValueType.DECIMAL),
        ("FLOAT[500]", ValueType.FLOAT_LIST),
        ("DECIMAL(4,1)[]", ValueType.DECIMAL_LIST),
        ("VARCHAR[]", ValueType.STRING_LIST),
    ],
)
def test_types_are_kept(duckdb_type, expected):
    assert feast_type(duckdb_type) == expected


@pytest.mark.parametrize(
    "duckdb_type",
    ["UBIGINT", "TIMESTAMP_NS", "DATE", "TIME", "INTEGER[][]", "MAP(A, B)"],
)
def test_types_without_an_equal_are_refused(duckdb_type):
    with pytest.raises(AlmanacError, match="no type equal to DuckDB's"):
        feast_type(duckdb_type)
