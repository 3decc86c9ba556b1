"""Training sets that can be shown again: their ids, their files, and what verification says."""

import json
import shutil
from dataclasses import replace

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ml.dataset import current, datasets, find, make, remove, verify
from ml.dataset.recipe import from_json, to_json
from ml.dataset.storage import ROWS
from ml.registry import artifact
from ml.training.plan import Plan
from ml.training.train import train, train_on
from ml.workspace.errors import AlmanacError
from ml.workspace.settings import Workspace
from ml.workspace.targets import sampled, target
from tests.learnable import FEATURES, customer_months, fake_store, learnable
from tests.workspaces import copy_raw, make_workspace

__all__ = ["fake_store"]
UNIT_TESTS = "resource_type:unit_test"
NAME = "spend_next_month"
LOGISTIC = Plan(families=("logistic",))
VERSIONED = "alter table features.ftr_spend add column month_version ubigint default 7"
pytestmark = pytest.mark.usefixtures("fake_store")


@pytest.fixture
def ws(tmp_path) -> Workspace:
    return learnable(tmp_path / "home")


def made(ws: Workspace, name: str | None = None):
    return make(ws, target(ws, NAME), name)


def change(ws: Workspace, sql: str) -> None:
    with duckdb.connect(str(ws.warehouse)) as connection:
        connection.execute(sql)


def change_manifest(ws: Workspace, key: str, **node: object) -> None:
    manifest = json.loads(ws.manifest.read_text())
    manifest["nodes"][key] |= node
    ws.manifest.write_text(json.dumps(manifest))


def files(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_same_rows_in_another_order_give_the_same_id_and_bytes(ws, tmp_path):
    frame = customer_months()
    shuffled = frame.iloc[np.random.default_rng(5).permutation(len(frame))]
    other = learnable(tmp_path / "other", shuffled)
    one, two = made(ws), made(other)
    assert one.id == two.id
    assert files(one.folder) == files(two.folder)


def test_the_kept_rows_are_the_label_rows_with_their_features_in_order(ws):
    found = made(ws).table()
    assert found.column_names == ["customer_id", "event_timestamp", "label", *FEATURES]
    assert found.num_rows == 400 * 5 + 1
    rows = found.select(["event_timestamp", "customer_id"]).to_pylist()
    assert rows == sorted(rows, key=lambda row: (row["event_timestamp"], row["customer_id"]))
    assert found.schema.types[:3] == [pa.string(), pa.timestamp("us"), pa.int32()]


def test_a_manifest_is_read_back_as_it_was_written(ws):
    manifest = made(ws).manifest
    assert from_json(json.loads(json.dumps(to_json(manifest)))) == manifest


@pytest.mark.parametrize(
    ("sql", "part", "where", "how"),
    [
        (
            "update features.ftr_spend set spend_count__1m = 1 "
            "where customer_id = 'c007' and event_timestamp = '2023-03-01'",
            '"features"."ftr_spend"',
            "2023-03",
            "400 rows, not the same",
        ),
        (
            "delete from targets.tgt_spend_next_month "
            "where customer_id = 'c007' and event_timestamp = '2023-04-01'",
            '"targets"."tgt_spend_next_month"',
            "2023-04",
            "400 rows, today 399",
        ),
        (
            "delete from features.ftr_spend where event_timestamp = '2023-02-01'",
            '"features"."ftr_spend"',
            "2023-02",
            "400 rows are gone",
        ),
    ],
)
def test_what_differs_is_named_by_relation_and_month(ws, sql, part, where, how):
    kept = made(ws)
    assert verify(ws, kept).holds
    change(ws, sql)
    found = verify(ws, kept)
    assert not found.holds
    assert [(each.part, each.where, each.how) for each in found.inputs] == [(part, where, how)]
    assert found.rows


def test_rows_and_columns_that_differ_are_counted_with_an_example(ws):
    kept = made(ws)
    change(
        ws,
        "update features.ftr_spend set spend_count__1m = 1.5 where customer_id < 'c002'"
        " and event_timestamp = '2023-03-01';"
        "update features.ftr_spend set spend_sum__1m = null where customer_id = 'c009';"
        "delete from targets.tgt_spend_next_month where customer_id = 'c005';"
        "insert into targets.tgt_spend_next_month values ('new', '2023-03-01', 1)",
    )
    before = kept.table().to_pandas().query("customer_id == 'c009'")["spend_sum__1m"]
    found = {each.where: each.how for each in verify(ws, kept).rows}
    assert found["5 rows"] == "are gone"
    assert found["1 rows"] == "are new"
    assert found["spend_count__1m"].startswith("2 rows, such as customer c000 on 2023-03-01: ")
    assert found["spend_count__1m"].endswith("today 1.5")
    assert found["spend_sum__1m"].startswith(f"{before.notna().sum()} rows, such as customer c009")
    assert found.keys() == {"5 rows", "1 rows", "spend_count__1m", "spend_sum__1m"}


def test_later_months_do_not_touch_a_training_set(ws):
    kept = made(ws)
    change(
        ws, "update features.ftr_spend set spend_noise__1m = 0 where event_timestamp > '2023-06-01'"
    )
    assert verify(ws, kept).holds


def test_tables_with_month_versions_are_told_apart_by_these_alone(ws):
    change(ws, VERSIONED)
    kept = made(ws)
    change(ws, "update features.ftr_spend set spend_noise__1m = 0 where customer_id = 'c001'")
    assert verify(ws, kept).holds
    with_rows = verify(ws, kept, rows=True)
    assert not with_rows.holds
    assert [each.where for each in with_rows.rows] == ["spend_noise__1m"]
    change(
        ws, "update features.ftr_spend set month_version = 8 where event_timestamp = '2023-04-01'"
    )
    assert [each.where for each in verify(ws, kept).inputs] == ["2023-04"]


def test_code_is_part_of_what_rows_come_from(ws):
    macro = {"macro_sql": "sum(x)", "resource_type": "macro"}
    manifest = json.loads(ws.manifest.read_text())
    manifest["macros"] = {"macro.almanac.windows": macro}
    ws.manifest.write_text(json.dumps(manifest))
    spend = "model.almanac.ftr_spend"
    change_manifest(ws, spend, depends_on={"macros": ["macro.almanac.windows"], "nodes": []})
    kept = made(ws)
    manifest = json.loads(ws.manifest.read_text())
    manifest["macros"]["macro.almanac.windows"]["macro_sql"] = "sum(x + 1)"
    ws.manifest.write_text(json.dumps(manifest))
    found = verify(ws, kept)
    assert [(each.where, each.how) for each in found.inputs] == [
        ("macro.almanac.windows", "changed")
    ]
    assert found.rows == ()
    change_manifest(ws, "model.almanac.tgt_rare", checksum={"checksum": "other"})
    assert len(verify(ws, kept).inputs) == 1


def test_training_records_the_set_and_keeps_no_rows(ws):
    card = train(ws, target(ws, NAME), LOGISTIC).card
    (recorded,) = datasets(ws)
    assert recorded.id == card.dataset == made(ws).id
    assert recorded.folder is None
    assert artifact.champion(ws, NAME).card.dataset == recorded.id
    assert find(ws, recorded.id).folder is not None
    remove(ws, recorded.id)
    with pytest.raises(AlmanacError, match=r"not kept.*\n.*ml dataset make spend_next_month"):
        find(ws, recorded.id).table()
    assert verify(ws, find(ws, recorded.id)).holds


def test_training_on_a_kept_set_gives_the_model_of_then(ws):
    before = train(ws, target(ws, NAME), LOGISTIC).card
    made(ws, "then")
    change(ws, "update features.ftr_spend set spend_sum__1m = 0 where customer_id < 'c200'")
    kept = find(ws, "then")
    assert train_on(ws, kept, kept.rows(), LOGISTIC).card == before
    assert train(ws, target(ws, NAME), LOGISTIC).card.dataset != before.dataset


def test_a_share_of_the_customers_has_all_their_rows_and_is_in_every_larger_share(ws):
    def rows(share: float) -> set[tuple]:
        kept = make(ws, sampled(ws, target(ws, NAME), share))
        assert verify(ws, kept, rows=True).holds
        return {tuple(row.values()) for row in kept.table().to_pylist()}

    few, some, every = rows(0.2), rows(0.6), rows(1)
    assert few < some < every
    chosen = {row[0] for row in some}
    assert some == {row for row in every if row[0] in chosen}
    # Of 401 customers, within four standard deviations.
    assert abs(len(chosen) - 0.6 * 401) < 40
    with pytest.raises(AlmanacError, match=r"none of this share of the customers: 1e-06"):
        sampled(ws, target(ws, NAME), 1e-6)


def test_a_model_of_a_share_of_the_customers_says_so_and_meets_the_champion(ws):
    whole = train(ws, target(ws, NAME), LOGISTIC)
    part = train(ws, target(ws, NAME), replace(LOGISTIC, customers=0.5))
    assert part.card.dataset != whole.card.dataset
    assert part.card.protocol[0].startswith("Learnt from and judged on 50.00% of the customers")
    assert part.contest.champion == whole.folder.name
    assert part.contest.accepted is not None
    kept = find(ws, part.card.dataset)
    assert kept.manifest.target.customers == 0.5
    assert verify(ws, kept).holds


def test_todays_set_is_read_from_the_kept_rows(ws, fake_store, monkeypatch):
    kept = made(ws)
    monkeypatch.delattr(type(fake_store), "training_set")
    found, rows = current(ws, target(ws, NAME))
    assert (found.id, found.folder) == (kept.id, kept.folder)
    # The stranger has no feature.
    assert len(rows) == kept.table().num_rows - 1


def test_a_name_keeps_its_meaning(ws):
    kept = made(ws, "december")
    assert made(ws, "december").names == ("december",)
    change(ws, "delete from targets.tgt_spend_next_month where customer_id = 'c005'")
    with pytest.raises(AlmanacError, match=f"december names {kept.id} already"):
        made(ws, "december")
    with pytest.raises(AlmanacError, match="cannot be a name"):
        made(ws, "../models")
    with pytest.raises(AlmanacError, match=f"{kept.id} names"):
        made(ws, kept.id)
    assert [each.id for each in datasets(ws)] == [kept.id]
    shutil.rmtree(kept.folder)
    assert made(ws, "december").id != kept.id
    remove(ws, "december")
    assert datasets(ws) == []
    assert not list(ws.datasets.iterdir())
    assert made(ws, "december").id != kept.id


def test_a_spoilt_file_is_not_trained_on(ws):
    kept = made(ws)
    table = pq.read_table(kept.folder / ROWS)
    pq.write_table(table.slice(1), kept.folder / ROWS)
    with pytest.raises(AlmanacError, match=rf"not the file that was written.*\n.*remove {kept.id}"):
        find(ws, kept.id).rows()
    with pytest.raises(AlmanacError, match="not the file that was written"):
        verify(ws, find(ws, kept.id))


def test_an_unknown_set_is_refused_and_the_nearest_named(ws):
    made(ws, "december")
    with pytest.raises(AlmanacError, match=r"no dataset decembre.*Here are: december, "):
        find(ws, "decembre")


def test_a_warehouse_that_changes_meanwhile_is_refused_and_nothing_is_kept(
    ws, fake_store, monkeypatch
):
    retrieve = type(fake_store).training_set

    def meddled(self, ws, *given):
        found = retrieve(self, ws, *given)
        change(ws, "update features.ftr_spend set spend_noise__1m = 0")
        return found

    monkeypatch.setattr(type(fake_store), "training_set", meddled)
    with pytest.raises(AlmanacError, match="changed while the training set was read"):
        made(ws)
    assert datasets(ws) == []
    assert not [*ws.datasets.glob("*")]


def test_a_warehouse_built_anew_from_the_same_files_gives_the_same_bytes(tmp_path_factory):
    """Two builds, through the commands, each in processes of its own."""
    from ml.simulate import simulate

    source = tmp_path_factory.mktemp("source")
    simulate(source, customers=150, months=8, seed=3)
    kept = []
    for name in ("one", "two"):
        home = tmp_path_factory.mktemp(name)
        raw = copy_raw(source / "raw", home / "files", "transactions/*")
        typed = make_workspace(home, raw)
        typed.must("dbt", "build", "--quiet", "--exclude", "resource_type:test", UNIT_TESTS)
        typed.must("feast", "apply")
        typed.must("ml", "dataset", "make", NAME, "--name", "kept")
        kept.append(find(Workspace(home, raw, {}), "kept"))
    assert files(kept[0].folder) == files(kept[1].folder)
    (shown,) = [line for line in typed.must("ml", "dataset", "list").splitlines() if "kept" in line]
    assert shown.split()[:3] == [kept[1].id, "kept", NAME]
    assert "features" in typed.must("ml", "dataset", "show", "kept")
    assert typed.must("ml", "dataset", "verify", "kept", "--rows").endswith("row by row.\n")
    typed.change("delete from targets.tgt_spend_next_month where label = 1")
    typed.must("ml", "train", "--dataset", "kept", "--model", "logistic")
    assert artifact.champion(Workspace(home, raw, {}), NAME).card.dataset == kept[1].id
    broken = typed.run("ml", "dataset", "verify", "kept")
    assert broken.code == 1
    assert "differs" in broken.text
    typed.must("ml", "dataset", "remove", "kept")
    assert not list((home / "datasets").iterdir())
    shutil.rmtree(home)
