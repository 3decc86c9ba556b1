"""`ml verify`: what is published is what the warehouse says, and what is not is named."""

from datetime import datetime

import pytest
from click.testing import CliRunner

from ml import store
from ml.cli import main
from ml.serving.materialize import materialize
from ml.serving.parity import verify
from ml.workspace.errors import AlmanacError
from ml.workspace.settings import Workspace
from tests.small_workspace import change, copied, crown, make_workspace


@pytest.fixture(scope="module")
def built(crowned, tmp_path_factory) -> Workspace:
    ws = copied(crowned, tmp_path_factory.mktemp("published") / "ws")
    materialize(ws)
    return ws


@pytest.fixture
def published(built, tmp_path) -> Workspace:
    return copied(built, tmp_path / "ws")


def differences(ws: Workspace) -> dict[str, dict[str, tuple]]:
    return {
        verdict.view: {
            each.feature: (
                (each.missing, each.extra, each.mismatched),
                (each.customer, each.offline, each.online),
            )
            for each in verdict.differences
        }
        for verdict in verify(ws)
    }


def test_what_was_just_published_is_the_same(published):
    found = {each.view: each for each in verify(published)}
    assert set(found) == {"purchase_any__input", "trx", "geo"}
    assert not any(each.differences for each in found.values())
    seen = found["purchase_any__input"]
    assert (seen.moment, seen.customers, seen.features) == (datetime(2023, 2, 1), 4, 3)


def test_every_kind_of_difference_is_counted_and_named(published):
    change(
        published,
        "update features.ftr_trx set trx_amount_sum__1m = 31 where trx_amount_sum__1m = 30.5",
        "update features.ftr_trx set trx_count__1m = null where trx_count__1m = 5",
        "insert into features.ftr_geo values ('d', '2023-01-01', '2023-02-01', 7)",
    )
    trx = {
        "trx_amount_sum__1m": ((0, 0, 1), ("a", 31.0, 30.5)),
        "trx_count__1m": ((0, 1, 0), ("a", None, 5.0)),
    }
    geo = {"geo_count__1m": ((1, 0, 0), ("d", 7.0, None))}
    # By name, geo is published as of its newest month then, January.
    assert differences(published) == {"purchase_any__input": trx | geo, "trx": trx, "geo": {}}


def test_a_customer_who_should_not_be_published_is_extra(published):
    change(published, "delete from features.ftr_geo where customer_id = 'c'",
           "delete from intermediate.int_customer_months where customer_id = 'c'")  # fmt: skip
    extra = {"geo_count__1m": ((0, 1, 0), ("c", None, 300.0))}
    assert differences(published) == {"purchase_any__input": extra, "trx": {}, "geo": extra}


@pytest.mark.parametrize(("factor", "same"), [(1 + 1e-7, True), (1 + 1e-5, False)])
def test_fractions_may_differ_by_a_millionth(published, factor, same):
    change(published, f"update features.ftr_trx set trx_amount_sum__1m = 30.5 * {factor}::double")
    assert any(differences(published).values()) is not same


def test_whole_numbers_may_not_differ_at_all(published):
    change(published, "update features.ftr_trx set trx_count__1m = 8000000")
    materialize(published)
    change(published, "update features.ftr_trx set trx_count__1m = 8000001")
    wrong = {"trx_count__1m": ((0, 0, 1), ("a", 8000001.0, 8000000.0))}
    assert differences(published) == {"purchase_any__input": wrong, "trx": wrong, "geo": {}}


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


def test_what_was_never_published_is_said(tmp_path):
    ws = make_workspace(tmp_path)
    crown(ws)
    with pytest.raises(AlmanacError, match=r"Publish .*ml materialize"):
        verify(ws)
    assert store.online_views(ws) == ["geo", "trx"]
