"""Types of the warehouse on their way through Feast: exact, or refused with a reason."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from feast import Entity, FeatureStore, FeatureView, Field, ValueType
from feast.types import Float64, Int64, from_value_type

from feature_repo.stores.duckdb_source import DuckDBSource
from feature_repo.stores.duckdb_types import feast_type
from ml.workspace.errors import AlmanacError
from tests.pair_store import repo_config

START = datetime(2023, 1, 1)
INSTANT = datetime(2022, 12, 31, 22, 30, 0, 123456, tzinfo=UTC)
# Name: type, a value as SQL, and the value as it must come back.
VALUES = {
    "money": ("DECIMAL(18,2)", "12345678901234.56", Decimal("12345678901234.56")),
    "huge": ("HUGEINT", "99999999999999999999999999999999999998", Decimal("9" * 37 + "8")),
    "big": ("BIGINT", "9223372036854775807", 2**63 - 1),
    "small": ("TINYINT", "-128", -128),
    "zoned": ("TIMESTAMP WITH TIME ZONE", "'2023-01-01 00:30:00.123456+02:00'", INSTANT),
    "naive": ("TIMESTAMP", "'2023-01-01 00:30:00.123456'", datetime(2023, 1, 1, 0, 30, 0, 123456)),
    "vector": (
        "FLOAT[3]",
        "[0.1, null, 3]",
        [float(pd.Series([0.1], dtype="float32")[0]), None, 3],
    ),
    "words": ("VARCHAR[]", "['a', null, '']", ["a", None, ""]),
    "prices": ("DECIMAL(4,1)[]", "[1.5, 2]", [Decimal("1.5"), Decimal("2.0")]),
    "raw": ("BLOB", r"'\x00\xFF'::blob", b"\x00\xff"),
    "yes": ("BOOLEAN", "true", True),
}
MONEY = "DECIMAL(18,2)"


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> FeatureStore:
    home = tmp_path_factory.mktemp("types")
    columns = ", ".join(f"cast({sql} as {kind}) as {n}" for n, (kind, sql, _) in VALUES.items())
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute("set TimeZone = 'Asia/Tokyo'")
        connection.execute(
            f"""
            create table typed as select 1.50::decimal(18,2) as account,
                timestamp '{START}' as event_timestamp, date '2023-01-01' as day, {columns};
            create table fine as select * from (values
                (1, timestamp_ns '2023-01-01 00:00:00.000000001', 5::bigint),
                (2, timestamp_ns '1960-01-01 00:00:00.000000999', 6)
            ) t (id, event_timestamp, value)
            """
        )
    account = Entity(name="account", join_keys=["account"], value_type=ValueType.DECIMAL)
    number = Entity(name="number", join_keys=["id"], value_type=ValueType.INT32)
    fields = [Field(name=n, dtype=from_value_type(feast_type(v[0]))) for n, v in VALUES.items()]
    store = FeatureStore(config=repo_config(home))
    store.apply(
        [
            account,
            number,
            view("typed", account, "typed", fields),
            view("fine", number, "fine", [Field(name="value", dtype=Int64)]),
            view("bent", account, "typed", [Field(name="money", dtype=Float64)]),
            view("dated", account, "typed", [Field(name="day", dtype=Int64)]),
        ]
    )
    return store


def view(name, entity, relation, fields):
    source = DuckDBSource(relation=relation, timestamp_field="event_timestamp", name=name)
    return FeatureView(name=name, entities=[entity], ttl=timedelta(0), schema=fields, source=source)


def accounts(width=18, digits=2):
    keys = pa.array([Decimal("1.50"), Decimal("2.50")], pa.decimal128(width, digits))
    times = pa.array([START, START], pa.timestamp("us"))
    return pa.table({"account": keys, "event_timestamp": times})


@pytest.mark.parametrize("name", VALUES)
def test_a_value_comes_back_as_it_is(store, name):
    answer = store.get_historical_features(accounts(), [f"typed:{name}"]).to_arrow()
    assert answer[name].to_pylist() == [VALUES[name][2], None]


def test_a_decimal_key_needs_no_declared_width(store):
    frame = pd.DataFrame({"account": [Decimal("1.5")], "event_timestamp": [START]})
    answer = store.get_historical_features(frame, ["typed:big"]).to_arrow()
    assert answer["big"].to_pylist() == [2**63 - 1]
    wide = store.get_historical_features(accounts(30, 9), ["typed:big"])
    assert wide.to_arrow()["big"].to_pylist() == [2**63 - 1, None]
    with pytest.raises(AlmanacError, match=r"account is DOUBLE .* but account is DECIMAL\(18,2\)"):
        store.get_historical_features(frame.astype({"account": float}), ["typed:big"])


def test_decimals_are_numbers_of_a_matrix(store):
    job = store.get_historical_features(accounts(), ["typed:money", "typed:small", "typed:yes"])
    values = job.to_matrix().values
    assert values[0].tolist() == [pytest.approx(12345678901234.56), -128.0, 1.0]


def test_a_field_that_cannot_hold_its_column_is_refused(store):
    with pytest.raises(
        AlmanacError,
        match=r"money of the feature view bent is Float64, but money is DECIMAL\(18,2\) in typed",
    ):
        store.get_historical_features(accounts(), ["bent:money"])
    with pytest.raises(AlmanacError, match=r"typed.day: Feast has no type equal to DuckDB's DATE"):
        store.get_historical_features(accounts(), ["dated:day"])


@pytest.mark.parametrize(("key", "moment"), [(1, START), (2, datetime(1960, 1, 1))])
def test_what_became_known_within_a_microsecond_is_known_at_its_end(store, key, moment):
    times = pa.array([moment, moment + timedelta(microseconds=1)], pa.timestamp("us"))
    rows = pa.table({"id": pa.array([key, key], pa.int32()), "event_timestamp": times})
    answer = store.get_historical_features(rows, ["fine:value"]).to_arrow()
    assert answer["value"].to_pylist() == [None, 4 + key]


def test_types_of_entity_rows_are_left_alone(store):
    sql = (
        "select account, event_timestamp, 5::hugeint as five, now() as zoned, [1.5::decimal(4,1)] "
        "as prices from typed"
    )
    answer = store.get_historical_features(sql, ["typed:big"]).to_arrow()
    assert answer.schema.field("five").type == pa.decimal128(38, 0)
    assert answer.schema.field("zoned").type == pa.timestamp("us", "UTC")
    assert answer["prices"].to_pylist() == [[Decimal("1.5")]]
