"""`ml verify`: what is published is what the warehouse says, and what is not is named."""

import shutil
from datetime import UTC, datetime

import duckdb
import pytest
from click.testing import CliRunner

from feature_repo.build import feast_objects
from ml.cli import main
from ml.config import AlmanacError, Workspace
from ml.store import feature_store
from ml.targets import target
from ml.verify import verify
from tests.small_workspace import make_workspace

FEBRUARY = datetime(2023, 2, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Workspace:
    ws = make_workspace(tmp_path_factory.mktemp("published"))
    change(
        ws,
        "create schema intermediate",
        "create table intermediate.int_customer_months as "
        "select * from (values ('a'), ('b'), ('c'), ('d')) t (customer_id), "
        "(values (timestamp '2023-01-01'), (timestamp '2023-02-01')) m (event_timestamp)",
    )
    store = feature_store(ws)
    store.apply(feast_objects(ws))
    store.materialize_incremental(FEBRUARY)
    return ws


@pytest.fixture
def published(built, tmp_path) -> Workspace:
    shutil.copytree(built.home, tmp_path / "ws")
    return Workspace(tmp_path / "ws", tmp_path / "ws" / "raw", {})


def change(ws: Workspace, *statements: str) -> None:
    with duckdb.connect(str(ws.warehouse)) as connection:
        for statement in statements:
            connection.execute(statement)


def test_what_was_just_published_is_the_same(published):
    found = verify(published, target(published, "purchase_any"))
    assert found.differences == ()
    assert (found.moment, found.customers, found.features) == (datetime(2023, 2, 1), 4, 3)


def test_every_kind_of_difference_is_counted_and_named(published):
    change(
        published,
        "update features.ftr_trx set trx_amount_sum__1m = 31 where trx_amount_sum__1m = 30.5",
        "update features.ftr_trx set trx_count__1m = null where trx_count__1m = 5",
        "insert into features.ftr_geo values ('d', '2023-01-01', '2023-02-01', 7)",
    )
    found = verify(published, target(published, "purchase_any"))
    assert {kind: found.total(kind) for kind in ("missing", "extra", "mismatched")} == {
        "missing": 1,
        "extra": 1,
        "mismatched": 1,
    }
    named = {each.feature: (each.customer, each.offline, each.online) for each in found.differences}
    assert named == {
        "trx_amount_sum__1m": ("a", 31.0, 30.5),
        "trx_count__1m": ("a", None, 5.0),
        "geo_count__1m": ("d", 7.0, None),
    }


@pytest.mark.parametrize(("factor", "same"), [(1 + 1e-7, True), (1 + 1e-5, False)])
def test_floating_point_values_may_differ_by_a_millionth(published, factor, same):
    change(published, f"update features.ftr_trx set trx_amount_sum__1m = 30.5 * {factor}::double")
    found = verify(published, target(published, "purchase_any"))
    assert (found.total("mismatched") == 0) is same


def test_the_command_fails_where_they_differ(published, monkeypatch):
    monkeypatch.setenv("ALMANAC_HOME", str(published.home))
    monkeypatch.setenv("DBT_TARGET_PATH", str(published.manifest.parent))
    arguments = ["verify", "--target", "purchase_any"]
    clean = CliRunner().invoke(main, arguments)
    assert clean.exit_code == 0, clean.output
    change(published, "update features.ftr_geo set geo_count__1m = 101 where customer_id = 'a'")
    ran = CliRunner().invoke(main, arguments)
    assert ran.exit_code != 0
    assert "geo_count__1m" in ran.output


def test_what_was_never_published_is_said(built, tmp_path):
    ws = make_workspace(tmp_path)
    feature_store(ws).apply(feast_objects(ws))
    with pytest.raises(AlmanacError, match="No features of purchase_any are published"):
        verify(ws, target(ws, "purchase_any"))
