"""ml.store: training sets and online rows, and what it says when there are none."""

from datetime import UTC, datetime

import duckdb
import numpy as np
import pyarrow as pa
import pytest
import yaml

from feature_repo.build import feast_objects
from ml.store import feature_names, feature_store, online_rows, training_matrix, training_set
from ml.workspace.errors import AlmanacError
from ml.workspace.settings import Workspace
from tests.online_stores import repository
from tests.small_workspace import make_workspace

FEBRUARY = datetime(2023, 2, 1, tzinfo=UTC)
FEATURES = ["trx_amount_sum__1m", "trx_count__1m", "geo_count__1m"]
LABELS = "from targets.tgt_purchase_any"


@pytest.fixture(scope="module")
def registered(tmp_path_factory) -> Workspace:
    ws = make_workspace(tmp_path_factory.mktemp("registered"))
    feature_store(ws).apply(feast_objects(ws))
    return ws


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Workspace:
    ws = make_workspace(tmp_path_factory.mktemp("published"))
    store = feature_store(ws)
    store.apply(feast_objects(ws))
    store.materialize_incremental(FEBRUARY)
    return ws


def test_features_come_in_the_order_of_the_warehouse(registered):
    features = feature_names(registered, "purchase_any")
    assert [feature.name for feature in features] == FEATURES
    assert [feature.view for feature in features] == ["trx", "trx", "geo"]
    assert {feature.dtype for feature in features} == {pa.float64()}


def test_a_training_set_keeps_rows_labels_and_their_order(registered):
    rows = training_set(registered, "purchase_any", LABELS)
    assert rows.column_names == ["customer_id", "event_timestamp", "label", *FEATURES]
    assert rows["customer_id"].to_pylist() == ["b", "a", "a", "c"]
    assert rows["label"].to_pylist() == [1, 0, 1, 0]
    # b's only row was known on the first of December and lives for 32 days.
    assert rows["trx_amount_sum__1m"].to_pylist() == [40.5, 20.5, 30.5, None]
    assert rows["trx_count__1m"].to_pylist() == [7.0, None, 5.0, None]
    assert rows["geo_count__1m"].to_pylist() == [None, 100.0, 100.0, None]


def test_a_training_set_takes_a_table(registered):
    with duckdb.connect(str(registered.warehouse), read_only=True) as connection:
        labels = connection.sql(LABELS).to_arrow_table()
    rows = training_set(registered, "purchase_any", labels)
    assert rows == training_set(registered, "purchase_any", LABELS)


def test_a_training_set_takes_features_by_name(registered):
    names = ["geo_count__1m", "trx_count__1m"]
    table = training_set(registered, names, LABELS)
    assert table.column_names[3:] == names
    assert table["trx_count__1m"].to_pylist() == [7.0, None, 5.0, None]
    with pytest.raises(
        AlmanacError,
        match=r"(?s)no feature trx_cuont__1m; the nearest .* trx_count__1m, .*ml features",
    ):
        training_set(registered, ["trx_cuont__1m"], LABELS)


def test_a_training_matrix_holds_the_training_set(registered):
    matrix = training_matrix(registered, "purchase_any", LABELS)
    table = training_set(registered, "purchase_any", LABELS)
    assert matrix.rows == table.select(["customer_id", "event_timestamp", "label"])
    assert matrix.types == dict.fromkeys(FEATURES, pa.float64())
    columns = [table[name].to_numpy() for name in FEATURES]
    np.testing.assert_array_equal(matrix.values, np.column_stack(columns).astype(np.float32))


def test_the_environments_workspace_is_left_alone(registered, tmp_path, monkeypatch):
    monkeypatch.setenv("ALMANAC_HOME", str(tmp_path))
    assert training_set(registered, "purchase_any", LABELS).num_rows == 4
    assert not list(tmp_path.iterdir())


def test_online_rows_keep_the_order_asked_for_and_tell_the_missing(published):
    asked = ["c", "a", "nobody", "b", "a"]
    rows = online_rows(published, "purchase_any", asked)
    assert rows.column_names == ["customer_id", "found", *FEATURES]
    assert rows["customer_id"].to_pylist() == asked
    # b's row is two months old at the last published moment.
    assert rows["found"].to_pylist() == [True, True, False, False, True]
    assert rows["trx_amount_sum__1m"].to_pylist() == [None, 30.5, None, None, 30.5]
    assert rows["trx_count__1m"].to_pylist() == [None, 5.0, None, None, 5.0]
    assert rows["geo_count__1m"].to_pylist() == [300.0, 100.0, None, None, 100.0]


@pytest.mark.parametrize(
    ("as_of", "trx", "geo"),
    [
        (datetime(2023, 1, 31, 23, 59, 59), None, 100.0),
        (datetime(2023, 2, 1), 30.5, 100.0),
        (datetime(2023, 3, 5), 30.5, 100.0),
        (datetime(2023, 3, 5, 0, 0, 1), None, None),
    ],
)
def test_a_row_is_read_from_when_it_was_known_until_it_expires(published, as_of, trx, geo):
    rows = online_rows(published, "purchase_any", ["a"], as_of)
    assert rows["trx_amount_sum__1m"].to_pylist() == [trx]
    assert rows["geo_count__1m"].to_pylist() == [geo]
    assert rows["found"].to_pylist() == [trx is not None or geo is not None]


def test_many_and_no_customers_are_read(published):
    many = [f"x{i}" for i in range(1500)] + ["a"]
    rows = online_rows(published, "purchase_any", many)
    assert rows["found"].to_pylist() == [False] * 1500 + [True]
    none = online_rows(published, "purchase_any", [])
    assert (none.num_rows, none.schema) == (0, rows.schema)


def test_a_changed_view_is_published_anew(tmp_path):
    ws = make_workspace(tmp_path)
    store = feature_store(ws)
    store.apply(feast_objects(ws))
    store.materialize_incremental(FEBRUARY)
    with duckdb.connect(str(ws.warehouse)) as connection:
        connection.execute("alter table features.ftr_geo add column geo_new__1m double default 9")
    store.apply(feast_objects(ws))
    store.materialize_incremental(FEBRUARY)
    assert online_rows(ws, "purchase_any", ["c"])["geo_new__1m"].to_pylist() == [9.0]


def test_what_is_not_there_is_named(registered, tmp_path):
    with pytest.raises(AlmanacError, match="no feature service nothing; it knows purchase_any"):
        feature_names(registered, "nothing")
    with pytest.raises(AlmanacError, match=r"Nothing of trx, geo is published.\nPublish it: ml m"):
        online_rows(registered, "purchase_any", ["a"])
    with pytest.raises(AlmanacError, match=r"No features are registered: .*\nRun: feast apply"):
        training_set(Workspace(tmp_path, tmp_path, {}), "purchase_any", LABELS)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"online_store": {"type": "nonsense"}}, "'nonsense' should end with"),
        ({"online_store": {"type": "redis", "host": "here"}}, r"store: host: Extra inputs are not"),
        ({"registry": {"registry_type": "sql", "path": "sqlite:////none/r.db"}}, "unable to open"),
        ("registry: [", "is not YAML"),
        (None, "No such file"),
    ],
)
def test_settings_of_feast_that_give_no_store_are_named(tmp_path, monkeypatch, changed, told):
    ws = make_workspace(tmp_path)
    monkeypatch.setenv("FEATURE_REPO_DIR_ENV_VAR", str(tmp_path))
    path = tmp_path / "feature_store.yaml"
    if isinstance(changed, dict):
        repository(tmp_path, {})
        changed = yaml.safe_dump(yaml.safe_load(path.read_text(encoding="utf-8")) | changed)
    if changed:
        path.write_text(changed, encoding="utf-8")
    with pytest.raises(AlmanacError, match=rf"(?s)feature_store.yaml.*{told}.*\nCorrect it, "):
        feature_store(ws)
