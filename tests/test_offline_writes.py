"""Rows written through Feast into the warehouse: of feature views, and of what was served."""

from datetime import UTC, date, datetime, timedelta

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feast import FeatureService, FeatureStore
from feast.feature_logging import LOG_TIMESTAMP_FIELD, FeatureServiceLoggingSource, LoggingConfig
from feast.infra.offline_stores.file_source import FileLoggingDestination

from feature_repo.stores.duckdb_offline import DuckDBOfflineStore
from feature_repo.stores.duckdb_source import DuckDBLoggingDestination
from ml.workspace.errors import AlmanacError
from tests.pair_store import START, pair_store, write

LOG = "served.log"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("writes")


@pytest.fixture(scope="module")
def store(home) -> FeatureStore:
    store = pair_store(home)
    config = LoggingConfig(destination=DuckDBLoggingDestination(LOG))
    single = store.get_feature_view("single")
    store.apply(FeatureService(name="served", features=[single], logging_config=config))
    return store


@pytest.fixture(autouse=True)
def _tables(home, store):
    write(home, {"singles": [(1, START, 8)]})
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute("drop schema if exists served cascade")


def query(home, sql):
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def append(store, view, table):
    DuckDBOfflineStore.offline_write_batch(
        store.config, store.get_feature_view(view), table, lambda rows: None
    )


def new_rows(**changes):
    columns = {
        "size": pa.array([7]),
        "k1": pa.array([11]),
        "at": pa.array([START + timedelta(days=1)], pa.timestamp("us")),
    }
    return pa.table({name: column for name, column in (columns | changes).items() if column})


def test_rows_are_appended_to_a_view_by_name(home, store):
    store.write_to_offline_store("single", new_rows().to_pandas())
    append(store, "single", new_rows())
    assert query(home, "select size from facts.singles order by 1") == [(7,), (7,), (8,)]


@pytest.mark.parametrize(
    ("view", "table", "message"),
    [
        ("single", new_rows(at=None), "missing at, unknown none"),
        ("single", new_rows(width=pa.array([1])), "missing none, unknown width"),
        ("single", new_rows(size=pa.array(["7"])), "size is VARCHAR in the rows, but BIGINT in"),
        ("single", new_rows(size=pa.array([7.5])), "size is DOUBLE in the rows, but BIGINT in"),
        ("pair_query", new_rows(), "pairs queried is a query"),
        ("wide", new_rows(), "missing w1, w2, w3, unknown size"),
    ],
)
def test_rows_that_do_not_fit_are_refused_whole(home, store, view, table, message):
    with pytest.raises(AlmanacError, match=message):
        append(store, view, table)
    assert query(home, "select count(*) from facts.singles") == [(1,)]


def test_a_view_takes_no_rows(store):
    nothing = pa.array([1.5], pa.float32())
    table = new_rows(size=None, w1=nothing, w2=nothing, w3=nothing)
    with pytest.raises(AlmanacError, match=r"facts.wide does not take the rows"):
        append(store, "wide", table)


def log_of(store, moment):
    source = FeatureServiceLoggingSource(store.get_feature_service("served"), store.project)
    schema = source.get_schema(store.registry)
    values = {name: [None] for name in schema.names}
    values |= {"k1": [1], "single__size": [8], "__request_id": ["r"], "__log_date": [date.today()]}
    return pa.table(values | {LOG_TIMESTAMP_FIELD: [moment]}, schema=schema)


def test_served_features_are_logged_to_a_table(home, store):
    moment = datetime(2023, 1, 1, 12, tzinfo=UTC)
    service = store.get_feature_service("served")
    assert service.logging_config.destination.relation == LOG
    store.write_logged_features(log_of(store, moment), service)
    folder = home / "logs"
    folder.mkdir()
    pq.write_table(log_of(store, moment + timedelta(hours=1)), folder / "part.parquet")
    store.write_logged_features(folder, service)
    rows = query(home, f"select k1, single__size, {LOG_TIMESTAMP_FIELD} from {LOG} order by 3")
    assert rows == [(1, 8, moment), (1, 8, moment + timedelta(hours=1))]
    source = service.logging_config.destination.to_data_source()
    assert source.timestamp_field == LOG_TIMESTAMP_FIELD
    source.validate(store.config)


def test_a_log_of_other_columns_is_refused(home, store):
    service = store.get_feature_service("served")
    rows = log_of(store, datetime(2023, 1, 1, tzinfo=UTC))
    store.write_logged_features(rows, service)
    with pytest.raises(AlmanacError, match="missing single__size, unknown none"):
        store.write_logged_features(rows.drop_columns(["single__size"]), service)
    assert query(home, f"select count(*) from {LOG}") == [(1,)]


def test_a_log_outside_the_warehouse_is_refused(store):
    service = store.get_feature_service("served")
    service.logging_config = LoggingConfig(destination=FileLoggingDestination(path="log"))
    with pytest.raises(AlmanacError, match="FileLoggingDestination is not in the warehouse"):
        store.write_logged_features(pa.table({}), service)


def test_what_was_logged_is_a_frame_of_pandas_too(store):
    service = store.get_feature_service("served")
    moment = datetime(2023, 1, 1, tzinfo=UTC)
    store.write_logged_features(log_of(store, moment), service)
    job = DuckDBOfflineStore.pull_all_from_table_or_query(
        config=store.config,
        data_source=service.logging_config.destination.to_data_source(),
        join_key_columns=["k1"],
        feature_name_columns=["single__size"],
        timestamp_field=LOG_TIMESTAMP_FIELD,
    )
    assert job.to_df()[LOG_TIMESTAMP_FIELD].tolist() == [pd.Timestamp(moment)]
