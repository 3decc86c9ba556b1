"""The offline store beyond the join: names, other Feast calls, and what it says when it cannot."""

from datetime import UTC, timedelta

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from feast import FeatureService, FeatureStore, Field, FileSource
from feast.errors import SavedDatasetLocationAlreadyExists
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Float64

from feature_repo.stores.duckdb_offline import DuckDBOfflineStore
from feature_repo.stores.duckdb_source import DuckDBSource, SavedDatasetDuckDBStorage
from ml.workspace.errors import AlmanacError
from tests.pair_store import SOURCES, START, pair_store, write

DAY = timedelta(days=1)
RESOLUTION = timedelta(microseconds=1)
PAIRS = [
    (1, 11, START, START, 1, 0.5),
    (1, 11, START + DAY, START, 2, 1.5),
    (11, 1, START, START, 3, 2.5),
    (11, 1, START, START + DAY, 4, 3.5),
    (11, 1, START + 2 * DAY, None, 5, 4.5),
]
ROWS = pa.table(
    {"k1": [11, 1], "k2": [1, 11], "event_timestamp": pa.array([START, START], pa.timestamp("us"))}
)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def store(home) -> FeatureStore:
    return pair_store(home)


@pytest.fixture(autouse=True)
def _tables(home, store):
    write(home, {"pairs": PAIRS, "singles": [(1, START, 8), (11, START, 9)]})


def pull(store, method, start, end, **changed):
    arguments = {
        "config": store.config,
        "data_source": DuckDBSource(relation="facts.pairs", timestamp_field="at"),
        "join_key_columns": ["k1", "k2"],
        "feature_name_columns": ["id"],
        "timestamp_field": "at",
        "created_timestamp_column": "made",
        "start_date": start,
        "end_date": end,
    }
    return getattr(DuckDBOfflineStore, method)(**arguments | changed).to_arrow()


def test_full_feature_names_carry_the_view(store):
    job = store.get_historical_features(ROWS, ["pair:pair_id"], full_feature_names=True)
    assert job.to_arrow().column_names == [*ROWS.column_names, "pair__pair_id"]
    assert job.to_df()["pair__pair_id"].tolist() == [4, 1]


def test_entity_columns_come_back_as_they_went_in(store):
    rows = ROWS.append_column("label", pa.array([True, None]))
    answer = store.get_historical_features(rows, ["pair:pair_id"]).to_arrow()
    assert answer.select(rows.column_names) == rows


def test_one_view_serves_two_columns_through_join_key_maps(store):
    single = store.get_feature_view("single")
    views = [
        single.with_name(name).with_join_key_map({"k1": key})
        for name, key in (("from_first", "k1"), ("from_second", "k2"))
    ]
    store.apply(FeatureService(name="both", features=views))
    job = store.get_historical_features(
        ROWS, store.get_feature_service("both"), full_feature_names=True
    )
    rows = job.to_arrow()
    assert rows["from_first__size"].to_pylist() == [9, 8]
    assert rows["from_second__size"].to_pylist() == [8, 9]


def test_on_demand_features_are_computed_from_the_answer(store):
    @on_demand_feature_view(
        sources=[store.get_feature_view("pair")], schema=[Field(name="double", dtype=Float64)]
    )
    def doubled(rows: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"double": rows["pair_amount"] * 2})

    with pytest.warns(RuntimeWarning, match="On demand feature view is an experimental"):
        store.apply(doubled)
    job = store.get_historical_features(ROWS, ["doubled:double"])
    assert job.to_arrow()["double"].to_pylist() == [7.0, 1.0]
    assert [batch["double"].to_pylist() for batch in job.to_arrow_batches(1)] == [[7.0], [1.0]]
    with pytest.raises(AlmanacError, match="as columns only, and doubled is on demand"):
        job.to_matrix()


@pytest.mark.parametrize(("by_then", "expected"), [(True, 2), (False, 3)])
def test_what_was_created_later_is_left_out_on_request(home, store, by_then, expected):
    hour = timedelta(hours=1)
    rows = [
        (1, 11, START, START + DAY, 1, None),
        (1, 11, START + hour, START + hour, 2, None),
        (1, 11, START + 2 * hour, START + 2 * DAY, 3, None),
    ]
    write(home, {"pairs": rows})
    entities = f"select 1::bigint k1, 11::bigint k2, timestamp '{START + DAY}' event_timestamp"
    job = store.get_historical_features(
        entities, ["pair:pair_id"], filter_by_created_timestamp=by_then
    )
    assert job.to_arrow()["pair_id"].to_pylist() == [expected]


def test_no_entity_rows_give_no_rows(store):
    answer = store.get_historical_features(ROWS.slice(0, 0), ["pair:pair_id"]).to_arrow()
    assert answer.num_rows == 0
    assert answer.column_names == [*ROWS.column_names, "pair_id"]


@pytest.mark.parametrize("view", SOURCES)
def test_without_entity_rows_every_known_row_between_two_dates_comes_back(store, view):
    job = store.get_historical_features(
        None, [f"{view}:{view}_id"], start_date=START, end_date=(START + DAY).replace(tzinfo=UTC)
    )
    rows = [tuple(row.values()) for row in job.to_arrow().to_pylist()]
    assert rows == [(1, 11, START, 1), (1, 11, START + DAY, 2), (11, 1, START, 4)]
    job = store.get_historical_features(
        None, [f"{view}:{view}_id"], start_date=START, end_date=START + DAY - RESOLUTION
    )
    assert job.to_arrow()[f"{view}_id"].to_pylist() == [1, 4]


def test_without_a_start_the_longest_time_to_live_says_how_far_back(store):
    job = store.get_historical_features(None, ["pair:pair_id"], end_date=START + 2 * DAY)
    assert job.to_arrow()["pair_id"].to_pylist() == [2, 5]


def test_rows_of_several_views_are_lined_up_by_what_either_knows(store):
    features = ["pair:pair_id", "pair_view:pair_view_amount"]
    answer = store.get_historical_features(None, features, start_date=START, end_date=START)
    rows = [tuple(row.values()) for row in answer.to_arrow().to_pylist()]
    assert rows == [(1, 11, START, 1, 0.5), (11, 1, START, 4, 3.5)]
    with pytest.raises(AlmanacError, match="one has the keys k1, k2, the other k1"):
        store.get_historical_features(None, ["pair:pair_id", "single:size"], end_date=START)


def test_the_newest_row_of_a_key_is_pulled_ties_to_the_last_created(store):
    latest = pull(store, "pull_latest_from_table_or_query", START, START + DAY)
    assert sorted(latest["id"].to_pylist()) == [2, 4]
    assert latest.column_names == ["k1", "k2", "id", "at", "made"]


@pytest.mark.parametrize("view", SOURCES)
def test_both_ends_of_a_pull_are_inside(store, view):
    source = store.get_feature_view(view).batch_source
    end = (START + DAY).replace(tzinfo=UTC)
    rows = pull(store, "pull_latest_from_table_or_query", START + DAY, end, data_source=source)
    assert rows["id"].to_pylist() == [2]
    early = end - timedelta(microseconds=1)
    rows = pull(store, "pull_latest_from_table_or_query", START, early, data_source=source)
    assert sorted(rows["id"].to_pylist()) == [1, 4]
    rows = pull(store, "pull_all_from_table_or_query", START, early, data_source=source)
    assert sorted(rows["id"].to_pylist()) == [1, 3, 4]


def test_all_rows_are_pulled_with_keys_and_times(store):
    rows = pull(store, "pull_all_from_table_or_query", None, None, created_timestamp_column=None)
    assert rows.column_names == ["k1", "k2", "id", "at"]
    assert sorted(rows["id"].to_pylist()) == [1, 2, 3, 4, 5]
    later = pull(store, "pull_all_from_table_or_query", START + DAY, None)
    assert sorted(later["id"].to_pylist()) == [2, 5]


@pytest.mark.filterwarnings("ignore:(Saving|Retrieving) dataset.*experimental:RuntimeWarning")
def test_a_saved_data_set_is_read_back_and_not_overwritten_unasked(home, store):
    storage = SavedDatasetDuckDBStorage("kept.answers")
    job = store.get_historical_features(ROWS, ["pair:pair_id"])
    store.create_saved_dataset(job, "answers", storage)
    kept = store.get_saved_dataset("answers")
    assert kept.storage == storage
    assert sorted(kept.to_df()["pair_id"]) == [1, 4]
    with pytest.raises(SavedDatasetLocationAlreadyExists, match=r"kept.answers"):
        job.persist(storage)
    job.persist(storage, allow_overwrite=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(["k2"]), "lack k2; they have k1, event_timestamp"),
        (lambda t: t.drop(["event_timestamp"]), "lack event_timestamp; they have k1, k2"),
        (lambda t: t.append_column("pair_id", t["k1"]), "already have columns.*: pair_id"),
        (
            lambda t: t.set_column(0, "k1", t["k1"].cast(pa.string())),
            "k1 is VARCHAR in the entity rows, but k1 is BIGINT in facts.pairs",
        ),
        (
            lambda t: t.set_column(2, "event_timestamp", t["event_timestamp"].cast(pa.string())),
            "event_timestamp must be a timestamp, but it is string",
        ),
        (lambda t: "select * from facts.nothing", "SQL fails.*\n.*dbt build"),
        (
            lambda t: t.to_pandas().assign(note=[1, "x"]),
            "note holds values of several types.*Make them one type",
        ),
        (
            lambda t: t.to_pandas().assign(event_timestamp=[START, "2023-01-01"]),
            "event_timestamp holds values of several types",
        ),
    ],
)
def test_unusable_entity_rows_are_named(store, change, message):
    with pytest.raises(AlmanacError, match=f"(?s){message}"):
        store.get_historical_features(change(ROWS), ["pair:pair_id"])


def test_missing_relations_columns_and_warehouses_are_named(home, store):
    warehouse = home / "warehouse.duckdb"
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("alter table facts.singles rename size to width")
    with pytest.raises(
        AlmanacError, match=r"facts.singles has no column size; it has k1, at, width"
    ):
        store.get_historical_features(ROWS, ["single:size"])
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("drop table facts.singles")
    with pytest.raises(AlmanacError, match=r"no relation facts.singles.\nBuild it: dbt build"):
        store.get_historical_features(ROWS, ["single:size"])
    warehouse.unlink()
    with pytest.raises(AlmanacError, match=r"No warehouse at .*\nBuild it first: dbt build"):
        store.get_historical_features(ROWS, ["single:size"])


def test_a_source_is_checked_and_survives_the_registry(home, store):
    source = store.get_feature_view("pair").batch_source
    assert isinstance(source, DuckDBSource)
    assert (source.relation, source.created_timestamp_column) == ("facts.pairs", "made")
    assert DuckDBSource.from_proto(source.to_proto()) == source
    source.validate(store.config)
    wrong = DuckDBSource(relation="facts.pairs", timestamp_field="id")
    with pytest.raises(
        AlmanacError, match=r"facts.pairs: id must be a timestamp, but it is BIGINT"
    ):
        wrong.validate(store.config)


def test_a_query_is_a_source_like_a_table(store):
    source = store.get_feature_view("pair_query").batch_source
    assert isinstance(source, DuckDBSource)
    assert (source.name, source.relation) == ("pairs queried", "")
    assert DuckDBSource.from_proto(source.to_proto()) == source
    assert source != store.get_feature_view("pair").batch_source
    source.validate(store.config)
    assert list(source.get_table_column_names_and_types(store.config))[:2] == [
        ("k1", "BIGINT"),
        ("k2", "BIGINT"),
    ]
    with duckdb.connect() as connection:
        connection.execute("create schema facts; create table facts.pairs (id int)")
        assert connection.sql(f"from {source.get_table_query_string()}").columns == ["id"]


def test_a_query_that_fails_is_named(home, store):
    wrong = DuckDBSource(query="select * from facts.gone", name="lost", timestamp_field="at")
    with pytest.raises(AlmanacError, match=r"(?s)query of lost fails .*facts.gone.*dbt build"):
        wrong.validate(store.config)
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute("drop view facts.pairs_view; drop table facts.pairs")
    for features in (["pair_query:pair_query_id"], ["pair_view:pair_view_id"], ["pair:pair_id"]):
        with pytest.raises(AlmanacError, match="dbt build"):
            store.get_historical_features(ROWS, features)


def test_sources_outside_the_warehouse_are_refused(store):
    file = FileSource(path="x.parquet", timestamp_field="at")
    with pytest.raises(AlmanacError, match="FileSource, not in the warehouse"):
        pull(store, "pull_all_from_table_or_query", None, None, data_source=file)
