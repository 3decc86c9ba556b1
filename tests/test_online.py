"""What is published: whole, in Feast's own layout, read back as the warehouse has it."""

import resource
from datetime import datetime

import numpy as np
import pytest
from redis import Redis

from feature_repo.build import feast_objects
from ml import store
from ml.data.feature import Feature
from ml.serving.materialize import materialize
from ml.store.online_reader import online_rows_of
from ml.store.values import entity_key
from ml.workspace.errors import AlmanacError
from ml.workspace.settings import Workspace
from tests.online_stores import choose, online, redis
from tests.small_workspace import READ, change, copied, crown, make_workspace, register

__all__ = ["online", "redis"]
NAN = float("nan")


@pytest.fixture
def ws(crowned, tmp_path) -> Workspace:
    return copied(crowned, tmp_path / "ws")


@pytest.fixture
def published(online, ws) -> Workspace:
    # The tables that Feast makes in SQLite's file when it registers are not there yet.
    materialize(ws)
    return ws


def model_input(read=READ, name="first") -> store.ModelInput:
    features = [Feature(feature, "double", view) for feature, view in read]
    return store.ModelInput.of("purchase_any", name, features)


def read(ws: Workspace, customers: list[str], at: datetime | None = None):
    return store.input_reader(ws, model_input()).read(customers, at)


def test_inputs_are_read_in_the_order_asked_for_with_nan_for_null(published):
    found = read(published, ["c", "a", "nobody", "b", "a"])
    expected = [[NAN, 300, NAN], [5, 100, 30.5], [NAN] * 3, [NAN] * 3, [5, 100, 30.5]]
    np.testing.assert_array_equal(found.matrix, np.array(expected, dtype=np.float32))
    assert found.matrix.dtype == np.float32
    assert list(found.status) == ["present", "present", "missing", "present", "present"]
    assert found.moment == datetime(2023, 2, 1)
    assert read(published, []).matrix.shape == (0, 3)


@pytest.mark.parametrize(
    ("at", "status"),
    [
        (datetime(2023, 1, 31, 23, 59, 59), "missing"),
        (datetime(2023, 2, 1), "present"),
        (datetime(2023, 3, 5), "present"),
        (datetime(2023, 3, 5, 0, 0, 1), "stale"),
    ],
)
def test_a_stale_row_a_missing_customer_and_a_null_are_three_answers(published, at, status):
    found = read(published, ["a", "b", "nobody"], at)
    assert list(found.status) == [status, status, "missing"]
    assert np.isnan(found.matrix[0]).all() == (status != "present")
    assert np.isnan(found.matrix[1:]).all()


def test_feasts_own_calls_read_what_was_published(published):
    feast = store.feature_store(published)
    asked = [{"customer_id": "a"}, {"customer_id": "nobody"}]
    service = feast.get_feature_service("purchase_any__input")
    vectors = feast.get_online_features(service, asked).to_dict(include_event_timestamps=True)
    assert vectors["vector"] == [[5.0, 100.0, 30.5], None]
    assert vectors["vector__ts"] == [1675209600, 0]
    names = ["trx:trx_count__1m", "geo:geo_count__1m"]
    named = feast.get_online_features(names, asked).to_dict(include_event_timestamps=True)
    assert (named["trx_count__1m"], named["geo_count__1m"]) == ([5.0, None], [100.0, None])
    assert named["geo_count__1m__ts"] == [1672531200, 0]


def test_feasts_own_materialize_is_read_likewise(published):
    ours = read(published, ["a", "b", "c", "d"])
    rows = store.online_rows(published, "purchase_any", ["a", "b", "c", "d"])
    feast = store.feature_store(published)
    feast.materialize(datetime(2022, 12, 1), datetime(2023, 2, 1))
    theirs = read(published, ["a", "b", "c", "d"])
    np.testing.assert_array_equal(theirs.matrix, ours.matrix)
    assert list(theirs.status) == list(ours.status)
    assert store.online_rows(published, "purchase_any", ["a", "b", "c", "d"]) == rows


def test_bytes_are_those_that_feast_writes(published):
    views = {"purchase_any__input": ["vector"], "trx": ["trx_count__1m", "trx_amount_sum__1m"]}
    feast = store.feature_store(published)
    rows = online_rows_of(feast)
    ours = {view: rows.read(view, names, rows.keys(view)) for view, names in views.items()}
    keys = {view: rows.keys(view) for view in views}
    feast.materialize(datetime(2023, 1, 15), datetime(2023, 2, 1), feature_views=list(views))
    for view, names in views.items():
        theirs = rows.read(view, names, keys[view])
        assert (theirs.values, theirs.seconds) == (ours[view].values, ours[view].seconds)


def test_publishing_leaves_its_interval_in_the_registry(published):
    for name, end in (("purchase_any__input", (2023, 2, 1)), ("geo", (2023, 1, 1))):
        view = store.feature_store(published).get_feature_view(name)
        ended = view.most_recent_end_time
        assert (ended.year, ended.month, ended.day) == end
        assert view.state.name == "AVAILABLE_ONLINE"


def test_an_earlier_month_is_published_whole_and_who_is_gone_is_gone(published):
    materialize(published, datetime(2023, 1, 20))
    change(published, "delete from intermediate.int_customer_months where customer_id = 'd'")
    done = {each.view: each for each in materialize(published, datetime(2023, 1, 20))}
    assert done["purchase_any__input"].moment == datetime(2023, 1, 1)
    assert done["purchase_any__input"].rows == 3
    found = read(published, ["a", "b", "d"])
    np.testing.assert_array_equal(found.matrix[:2], np.array([[NAN, 100, 20.5], [7, NAN, 40.5]]))
    assert list(found.status) == ["present", "present", "missing"]


def test_a_family_with_nothing_known_by_then_is_published_empty(published):
    done = {each.view: each for each in materialize(published, datetime(2022, 12, 1))}
    assert (done["geo"].moment, done["geo"].rows) == (None, 0)
    rows = store.online_rows(published, "purchase_any", ["a", "c"])
    assert rows["geo_count__1m"].to_pylist() == [None, None]
    assert rows["trx_amount_sum__1m"].to_pylist() == [10.5, None]


def test_an_open_reader_sees_the_new_generation(published):
    reader = store.input_reader(published, model_input())
    reader.read(["a"])
    change(published, "update features.ftr_geo set geo_count__1m = 8 where customer_id = 'a'")
    materialize(published)
    assert reader.read(["a"]).matrix[0, 1] == 8


def test_a_model_of_other_features_is_not_fed_the_old_ones(published):
    other = READ[::-1]
    crown(published, other, "second")
    with pytest.raises(AlmanacError, match=r"not that of second.*\nPublish it: ml materialize"):
        store.input_reader(published, model_input(other, "second")).read(["a"])
    with pytest.raises(AlmanacError, match="registered for second"):
        read(published, ["a"])
    materialize(published)
    found = store.input_reader(published, model_input(other, "second")).read(["a"])
    np.testing.assert_array_equal(found.matrix, [[30.5, 100, 5]])


def test_two_publishers_do_not_meet(published):
    before = read(published, ["a"]).matrix
    rows = online_rows_of(store.feature_store(published))
    with (
        rows.begin_materialization(),
        pytest.raises(AlmanacError, match="Another process publishes into"),
    ):
        materialize(published)
    with (
        rows.begin_materialization(),
        pytest.raises(AlmanacError, match="Another process publishes into"),
    ):
        # What that process publishes would bring the customer back.
        store.forget_customers(published, ["a"])
    materialize(published)
    np.testing.assert_array_equal(read(published, ["a"]).matrix, before)


def test_what_fails_under_way_leaves_what_was_published(published, monkeypatch):
    before = read(published, ["a", "b", "c", "d"])
    change(published, "update features.ftr_geo set geo_count__1m = 8 where customer_id = 'a'")

    def fails(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr("ml.store.materialization._named_batches", fails)
        with pytest.raises(KeyboardInterrupt):
            materialize(published)
    after = read(published, ["a", "b", "c", "d"])
    np.testing.assert_array_equal(after.matrix, before.matrix)
    assert materialize(published)
    assert read(published, ["a"]).matrix[0, 1] == 8


def test_another_project_on_the_same_redis_is_left_alone(ws, redis, tmp_path, monkeypatch):
    client = Redis(port=redis.port)
    client.flushall()
    choose(monkeypatch, tmp_path, redis.settings)
    materialize(ws)
    own = {key for key in client.scan_iter() if key.endswith(b"almanac")}
    alike = {key[: -len(b"almanac")] + b"my_almanac": key for key in own}
    for other, key in alike.items():
        client.copy(key, other)
    client.set("something", "else")
    change(ws, "delete from intermediate.int_customer_months where customer_id = 'd'")
    materialize(ws)
    left = set(client.scan_iter())
    assert alike.keys() | {b"something", b"almanac:generation"} < left
    assert len(left) == len(alike) + 2 + 3


def test_a_store_that_only_feast_knows_is_named(ws, tmp_path, monkeypatch):
    choose(monkeypatch, tmp_path, {"type": "remote", "path": "http://127.0.0.1:1"})
    told = r"RemoteOnlineStore is Feast's alone .* a single Redis server\.\n.*feast materialize"
    with pytest.raises(AlmanacError, match=told):
        materialize(ws)
    cluster = {"type": "redis", "redis_type": "redis_cluster", "connection_string": "127.0.0.1:1"}
    choose(monkeypatch, tmp_path, cluster)
    with pytest.raises(AlmanacError, match=r"The online store redis_cluster is Feast's alone"):
        materialize(ws)


def test_an_erasure_takes_what_a_killed_publisher_staged(ws, redis, tmp_path, monkeypatch):
    client = Redis(port=redis.port)
    client.flushall()
    choose(monkeypatch, tmp_path, redis.settings)
    materialize(ws)
    live = entity_key("a") + b"almanac"
    client.copy(live, b"almanac:next:" + live)
    assert store.forget_customers(ws, ["a"]) == 1
    assert [key for key in client.scan_iter() if entity_key("a") in key] == []
    assert list(read(ws, ["a", "b"]).status) == ["missing", "present"]


def test_nothing_to_publish_is_said(tmp_path):
    ws = make_workspace(tmp_path)
    with pytest.raises(AlmanacError, match=r"No features are registered.*\nRun: feast apply"):
        materialize(ws)
    change(ws, "delete from features.ftr_trx", "delete from features.ftr_geo")
    register(ws)
    with pytest.raises(AlmanacError, match=r"nothing to publish.*\nTrain a model: ml train"):
        materialize(ws)


def test_a_redis_that_is_down_or_full_is_named(ws, redis, tmp_path, monkeypatch):
    settings = {"type": "redis", "connection_string": "127.0.0.1:1,password=secret"}
    choose(monkeypatch, tmp_path, settings)
    for refused in (lambda: materialize(ws), lambda: read(ws, ["a"])):
        with pytest.raises(AlmanacError, match=r"Redis at 127\.0\.0\.1:1, cannot be .*\n") as told:
            refused()
        assert "secret" not in str(told.value)
    choose(monkeypatch, tmp_path, redis.settings)
    client = Redis(port=redis.port)
    client.flushall()
    materialize(ws)
    before = {key: client.dump(key) for key in client.scan_iter()}
    try:
        client.config_set("maxmemory", 1)
        with pytest.raises(AlmanacError, match=r"cannot be written: .*maxmemory.*\nWhat was"):
            materialize(ws)
    finally:
        client.config_set("maxmemory", 0)
    assert {key: client.dump(key) for key in client.scan_iter()} == before


def test_a_full_disk_is_named_and_what_was_published_stays(ws):
    materialize(ws)
    before = read(ws, ["a", "b", "c", "d"]).matrix
    change(
        ws,
        "create or replace table features.ftr_trx as select * replace ('c' || i as customer_id) "
        "from features.ftr_trx, range(5000) t(i)",
        "create or replace table intermediate.int_customer_months as select distinct customer_id, "
        "feature_month, event_timestamp, true as is_complete from features.ftr_trx",
    )
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        # The system refuses to let a file grow, as it does where there is no room.
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, unlimited[1]))
        with pytest.raises(AlmanacError, match=r"online_store.db cannot be written: .*\nWhat was"):
            materialize(ws)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    np.testing.assert_array_equal(read(ws, ["a", "b", "c", "d"]).matrix, before)
    assert len(materialize(ws)) == 3
    assert list(read(ws, ["c7", "a"]).status) == ["present", "missing"]


def test_an_absent_or_empty_store_is_named_by_readers_and_made_by_publishers(ws):
    place = ws.home / "online_store.db"
    for left in ws.home.glob("online_store.db*"):
        left.unlink()
    with pytest.raises(AlmanacError, match=r"online_store.db cannot be read: .*\nPublish into it"):
        read(ws, ["a"])
    assert not place.exists()
    place.touch()
    with pytest.raises(AlmanacError, match=r"cannot be read: no such table.*\nPublish into it"):
        read(ws, ["a"])
    materialize(ws)
    assert list(read(ws, ["a"]).status) == ["present"]


def test_a_store_that_may_not_be_written_is_named(ws):
    materialize(ws)
    for left in ws.home.glob("online_store.db-*"):
        left.unlink()
    place = ws.home / "online_store.db"
    place.rename(ws.home / "kept")
    place.mkdir()
    with pytest.raises(AlmanacError, match=r"online_store.db cannot be written: .*\nWhat was"):
        materialize(ws)


def test_a_champion_whose_features_are_gone_is_named(ws):
    change(ws, "alter table features.ftr_geo rename geo_count__1m to geo_other__1m")
    told = r"first are no longer all there: .*geo_count.*\n.*ml train --target purchase_any"
    with pytest.raises(AlmanacError, match=told):
        materialize(ws)
    register(ws)
    with pytest.raises(AlmanacError, match=r"not in the feature store: geo_count__1m"):
        materialize(ws)


def test_an_input_whose_families_changed_is_not_registered_until_defined_anew(ws):
    def registered() -> bool:
        return "purchase_any__input" in {each.name for each in feast_objects(ws)}

    change(ws, "alter table features.ftr_trx add column trx_new__1m double")
    assert not registered()
    materialize(ws)
    assert registered()
    assert read(ws, ["a"]).matrix.tolist() == [[5, 100, 30.5]]
