"""How the offline store retrieves: one match for views that agree, matrices, batches."""

from datetime import UTC, date, datetime, timedelta

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from feast import FeatureStore, FeatureView

from feature_repo.stores.duckdb_source import DuckDBSource, SavedDatasetDuckDBStorage, open_store
from feature_repo.stores.retrieval import FEW_ROWS_PER_KEY, match
from ml.workspace.errors import AlmanacError
from tests.pair_store import SOURCES, START, pair_store, write

DAY = timedelta(days=1)
NAN = float("nan")
WIDE = [
    (1, START, [1.5, NAN, 3.5]),
    (1, START + DAY, [4.5, 5.5, 6.5]),
    (2, START, [NAN, NAN, NAN]),
]
PAIRS = [
    (1, 11, START, START, 1, 0.5),
    (1, 11, START + DAY, START, 2, 1.5),
    (11, 1, START, START, 3, 2.5),
]
ALL = [f"{view}:{view}_id" for view in SOURCES] + ["single:size", "wide:w3", "wide:w1"]


def rows_of(*asked):
    k1, k2, times = zip(*asked, strict=True)
    return pa.table({"k1": k1, "k2": k2, "event_timestamp": pa.array(times, pa.timestamp("us"))})


ROWS = rows_of((1, 11, START + DAY), (9, 9, START), (1, 11, START), (11, 1, START), (2, 2, START))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("retrieval")


@pytest.fixture(scope="module")
def store(home) -> FeatureStore:
    return pair_store(home)


@pytest.fixture(autouse=True)
def _tables(home, store):
    write(home, {"pairs": PAIRS, "singles": [(1, START, 8)], "wide__vectors": WIDE})


def matches(store, features):
    job = store.get_historical_features(ROWS, features)
    with open_store(store.config) as connection:
        return [each.match for each in match(connection, job._answer)]


def test_views_of_equal_rows_share_a_match(home, store):
    features = [f"{view}:{view}_id" for view in SOURCES]
    assert len(set(matches(store, features))) == 1
    # A row less, and the same rows in another order, are other rows.
    for change in ("limit 2", 'order by "at" desc'):
        with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
            connection.execute(
                f"create or replace view facts.pairs_view as from facts.pairs {change}"
            )
        own = matches(store, features)
        assert own[0] == own[2] != own[1]
        answer = store.get_historical_features(ROWS, features).to_arrow()
        expected = [2, None, 1, 3, None] if "order" in change else [2, None, 1, None, None]
        assert answer["pair_view_id"].to_pylist() == expected
        assert answer["pair_query_id"].to_pylist() == [2, None, 1, 3, None]


def test_views_of_other_keys_or_lives_have_matches_of_their_own(home, store):
    write(home, {"singles": [(1, START, 8)], "wide__vectors": WIDE[:1]})
    assert len(set(matches(store, ["single:size", "wide:w1"]))) == 2
    service = store.get_feature_service("all")
    job = store.get_historical_features(ROWS, service, full_feature_names=True)
    with open_store(store.config) as connection:
        by_view = {
            each.lookup.features[0][1]: each.match for each in match(connection, job._answer)
        }
    assert by_view["single__size"] != by_view["second__size"]


def test_a_matrix_holds_what_the_columns_hold(store):
    job = store.get_historical_features(ROWS, ALL)
    table, matrix = job.to_arrow(), job.to_matrix()
    assert matrix.rows == ROWS
    assert list(matrix.types) == [name.split(":")[1] for name in ALL]
    assert {name: table.schema.field(name).type for name in matrix.types} == matrix.types
    columns = [table[name].cast(pa.float64()).to_numpy() for name in matrix.types]
    np.testing.assert_array_equal(matrix.values, np.column_stack(columns).astype(np.float32))
    assert table["w3"].to_pylist() == [6.5, None, 3.5, None, None]
    assert table["w1"].type == pa.float32()


def test_a_vectors_positions_and_its_tables_columns_are_fetched_together(home, store):
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute(
            "alter table facts.wide__vectors add column w2 float;"
            "update facts.wide__vectors set w2 = 7;"
            "create or replace view facts.wide as "
            'select k1, "at", vector[1] as w1, w2, vector[2] as w3 from facts.wide__vectors'
        )
    job = store.get_historical_features(ROWS, ["wide:w3", "wide:w2", "wide:w1"])
    expected = [[5.5, 7, 4.5], [NAN] * 3, [NAN, 7, 1.5], [NAN] * 3, [NAN, 7, NAN]]
    np.testing.assert_array_equal(job.to_matrix().values, expected)
    assert job.to_arrow()["w2"].to_pylist() == [7, None, 7, None, 7]


def test_a_family_built_anew_in_between_is_not_misread(home, store):
    job = store.get_historical_features(ROWS, ["wide:w1"])
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute(
            "create or replace view facts.wide as "
            'select k1, "at", vector[1] as w2, vector[2] as w1 from facts.wide__vectors'
        )
    for answer in (job.to_arrow, job.to_matrix):
        with pytest.raises(AlmanacError, match=r"facts.wide has changed since .*\n.*ask again"):
            answer()


def test_a_missing_vector_is_missing_values(home, store):
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute("update facts.wide__vectors set vector = null where k1 = 1")
        connection.execute("update facts.wide__vectors set vector = [null, 1, 2] where k1 = 2")
    job = store.get_historical_features(ROWS, ["wide:w1", "wide:w2"])
    assert job.to_arrow()["w2"].to_pylist() == [None, None, None, None, 1]
    assert np.isnan(job.to_matrix().values[:, 0]).all()


def test_a_matrix_of_anything_but_numbers_is_refused(home, store):
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute('create table facts.named (k1 bigint, "at" timestamp, size varchar)')
    source = DuckDBSource(relation="facts.named", timestamp_field="at")
    store.apply(FeatureView(name="named", entities=[store.get_entity("first")], source=source))
    job = store.get_historical_features(ROWS, ["named:size"])
    assert job.to_arrow()["size"].null_count == ROWS.num_rows
    with pytest.raises(AlmanacError, match="numbers only, and size is VARCHAR"):
        job.to_matrix()


@pytest.mark.parametrize("rows", [1, 2, 5, 100])
def test_batches_are_the_table_in_order(store, rows):
    job = store.get_historical_features(ROWS, ALL)
    reader = job.to_arrow_batches(rows)
    batches = list(reader)
    assert [batch.num_rows for batch in batches] == [
        len(part) for part in np.array_split(np.arange(5), range(rows, 5, rows))
    ]
    assert pa.Table.from_batches(batches, reader.schema) == job.to_arrow()


def test_no_rows_are_no_batches_of_the_same_columns(store):
    job = store.get_historical_features(ROWS.slice(0, 0), ALL)
    reader = job.to_arrow_batches()
    assert reader.schema == job.to_arrow().schema
    assert list(reader) == []
    with pytest.raises(AlmanacError, match="at least one row, not 0"):
        job.to_arrow_batches(0)


def test_batches_match_once(store, monkeypatch):
    from feature_repo.stores import retrieval

    made = []
    monkeypatch.setattr(retrieval, "match", lambda *asked: made.append(1) or match(*asked))
    list(store.get_historical_features(ROWS, ALL).to_arrow_batches(1))
    assert len(made) == 1


def test_crowds_are_counted_once_for_views_of_equal_keys(store, monkeypatch):
    from feature_repo.stores import retrieval

    counted, count = [], retrieval._keys_are_shared
    monkeypatch.setattr(
        retrieval, "_keys_are_shared", lambda on, keys: counted.append(keys) or count(on, keys)
    )
    job = store.get_historical_features(ROWS, ALL)
    job.to_arrow()
    assert counted == [("k1", "k2"), ("k1",)]
    job.to_sql()
    assert len(counted) == 4


def test_pulled_rows_come_in_batches_too(store):
    job = store._provider.offline_store.pull_all_from_table_or_query(
        config=store.config,
        data_source=store.get_feature_view("pair_query").batch_source,
        join_key_columns=["k1", "k2"],
        feature_name_columns=["id"],
        timestamp_field="at",
    )
    batches = list(job.to_arrow_batches(2))
    assert max(batch.num_rows for batch in batches) <= 2
    assert pa.Table.from_batches(batches) == job.to_arrow()


def test_a_data_set_that_fails_midway_leaves_the_old_one(home, store, monkeypatch):
    from feature_repo.stores import duckdb_job, retrieval

    monkeypatch.setattr(duckdb_job, "ROWS_PER_BATCH", 2)
    job = store.get_historical_features(ROWS, ALL)
    storage = SavedDatasetDuckDBStorage("kept.rows")
    job.persist(storage)
    answer = job.to_arrow()
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        assert connection.sql("from kept.rows").to_arrow_table() == answer
    columns = retrieval.feature_columns

    def fail(connection, matched, start, stop):
        if start:
            raise MemoryError
        return columns(connection, matched, start, stop)

    monkeypatch.setattr(retrieval, "feature_columns", fail)
    with pytest.raises(MemoryError):
        job.persist(storage, allow_overwrite=True)
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        assert connection.execute("select count(*) from kept.rows").fetchall() == [(5,)]


def test_ten_equal_rows_and_unknown_customers_come_back(store):
    rows = pa.concat_tables([rows_of((1, 11, START), (7, 77, START))] * 10)
    answer = store.get_historical_features(rows, ["pair:pair_id"]).to_arrow()
    assert answer["pair_id"].to_pylist() == [1, None] * 10


def test_a_crowd_of_one_key_is_matched_by_asof(store):
    crowd = pa.concat_tables([ROWS] * (FEW_ROWS_PER_KEY + 1))
    job = store.get_historical_features(crowd, ["pair:pair_id"])
    assert "asof join" in job.to_sql()
    assert job.to_arrow()["pair_id"].to_pylist() == [2, None, 1, 3, None] * (FEW_ROWS_PER_KEY + 1)


def test_the_statements_name_each_step(store):
    statements = store.get_historical_features(ROWS, ["pair:pair_id", "wide:w1"]).to_sql()
    assert "arg_max" in statements
    assert 'from "facts"."wide__vectors"' in statements


def test_moments_beyond_the_reach_of_nanoseconds_are_answered(store):
    moments = [datetime(9999, 12, 31), date(9999, 12, 31), datetime(1, 1, 2, tzinfo=UTC), START]
    frame = pd.DataFrame({"k1": [1, 1, 1, 1], "k2": [11, 11, 11, 11]})
    frame["event_timestamp"] = pd.Series(moments, dtype=object)
    found = store.get_historical_features(frame, ["single:size"]).to_arrow().to_pylist()
    assert len(found) == 4
    assert [row["size"] for row in found[2:]] == [None, 8]


def test_two_columns_of_one_name_are_refused_by_name(store):
    frame = ROWS.to_pandas().assign(label=1)
    twice = pd.concat([frame, frame[["label"]]], axis=1)
    with pytest.raises(AlmanacError, match="have label more than once"):
        store.get_historical_features(twice, ["single:size"])
