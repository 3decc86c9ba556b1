"""The parts of monitoring that need no build: attribution, served inputs, what is due."""

import json
from dataclasses import replace
from datetime import date, datetime, timedelta

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ml import store
from ml.data.feature import Feature
from ml.models import FAMILIES, Blend, Stack
from ml.monitoring import ALARMED, WARNED, Finding, Month, due, read_month
from ml.monitoring.inputs import alarmed_inputs, importance_of
from ml.monitoring.served import compared, served_inputs
from ml.registry import artifact, reigns
from ml.serving import attribution
from ml.serving.answer_log import SCHEMA, folder_of
from ml.serving.attribution import BASE, Attribution
from ml.workspace.errors import BadInput
from ml.workspace.settings import Workspace
from tests.small_workspace import copied

WIDTH = 6
NAMES = tuple(f"f{i}" for i in range(WIDTH))


def fitted(family: str):
    dice = np.random.default_rng(1)
    matrix = dice.normal(size=(400, WIDTH)).astype(np.float32)
    matrix[dice.random(matrix.shape) < 0.1] = np.nan
    labels = (np.nan_to_num(matrix[:, 0]) + dice.normal(size=400) > 0).astype(np.int64)
    return FAMILIES[family].fit(matrix, labels, np.ones(400), 3).calibrated(0.9, -0.2), matrix


def means(model, matrix: np.ndarray) -> dict[str, dict]:
    features = tuple(Feature(name, "float", "family") for name in NAMES)
    summed = Attribution(model, features, range(WIDTH))
    parts = [summed.summed(matrix[:150]), summed.summed(matrix[150:])]
    return {row["feature"]: row for row in attribution.averages(parts).to_pylist()}


@pytest.mark.parametrize("family", ["logistic", "lightgbm", "extra_trees"])
def test_contributions_add_up_to_the_mean_log_odds(family):
    model, matrix = fitted(family)
    matrix[7] = np.nan  # Who has no feature is not scored.
    scored = np.delete(matrix, 7, axis=0)
    found = means(model, matrix)
    assert set(found) == {*NAMES, BASE}
    total = sum(row["contribution"] for row in found.values())
    assert total == pytest.approx(model.log_odds(scored).mean(), abs=1e-9)
    for place, name in enumerate(NAMES):
        assert found[name]["mean_value"] == pytest.approx(np.nanmean(scored[:, place]), rel=1e-6)
        assert found[name]["null_share"] == pytest.approx(np.isnan(scored[:, place]).mean())
        assert found[name]["rows"] == len(scored)


@pytest.mark.parametrize("family", ["logistic", "lightgbm"])
def test_the_change_of_two_months_is_that_of_the_features_alone(family):
    model, matrix = fitted(family)
    later = matrix + np.float32([0.5, 0, 0, -0.3, 0, 0])
    before, after = means(model, matrix), means(model, later)
    change = sum(after[name]["contribution"] - before[name]["contribution"] for name in NAMES)
    moved = model.log_odds(later).mean() - model.log_odds(matrix).mean()
    assert abs(moved) > 0.01
    assert change == pytest.approx(moved, abs=1e-9)
    assert after[BASE]["contribution"] == pytest.approx(before[BASE]["contribution"], abs=1e-9)


def test_a_mixture_attributes_what_its_members_do():
    members = tuple(fitted(family)[0] for family in ("logistic", "lightgbm"))
    matrix = fitted("logistic")[1]
    for model in (Blend(members), Stack(members, weights=(0.3, 0.9))):
        total = sum(row["contribution"] for row in means(model, matrix).values())
        assert total == pytest.approx(model.log_odds(matrix).mean(), abs=1e-9)


def test_the_sample_is_of_the_same_customers_in_any_month():
    everyone = pa.array([f"c{i}" for i in range(5_000)])
    without_some = everyone.filter(pa.array([i % 10 != 0 for i in range(5_000)]))
    first, second = (set(attribution.sample(each).to_pylist()) for each in (everyone, without_some))
    assert (len(first), len(second)) == (2_000, 2_000)
    assert {each for each in first if int(each[1:]) % 10} <= second
    few = everyone.slice(0, 10)
    assert attribution.sample(few) is few


def test_contributions_are_kept_once_and_not_without_their_table():
    model, matrix = fitted("logistic")
    features = tuple(Feature(name, "float", "family") for name in NAMES)
    table = attribution.averages([Attribution(model, features, range(WIDTH)).summed(matrix)])
    key = ("t", "m", datetime(2023, 1, 1))
    with duckdb.connect() as connection:
        attribution.keep(connection, key, table)
        connection.execute(
            "create schema monitoring; create table monitoring.contributions (target varchar, "
            "model_id varchar, as_of timestamp, feature varchar, mean_value double, "
            "null_share double, contribution double, rows bigint)"
        )
        for _ in range(2):
            attribution.keep(connection, key, table)
        rows = connection.execute("select count(*) from monitoring.contributions").fetchall()
    assert rows == [(WIDTH + 1,)]
    assert not attribution.averages([]).num_rows


def test_served_values_are_missing_extra_or_mismatched():
    nan = np.nan
    served = np.array([[1, nan, 3], [1, 2, 3.5], [nan, nan, 3]])
    known = np.array([[1, 2, 3], [nan, 2, 3], [nan, nan, 3]])
    found = compared(("t", "m", datetime(2023, 1, 1)), ["a", "b", "c"], served, known)
    assert (found.missing, found.extra, found.mismatched, found.rows) == (1, 1, 1, 3)
    assert found.differs
    same = compared(("t", "m", datetime(2023, 1, 1)), ["a", "b", "c"], known, known)
    assert (same.differs, same.feature) == (False, "")


def test_logged_inputs_are_compared_with_the_warehouse(crowned, tmp_path):
    ws = copied(crowned, tmp_path / "ws")
    assert served_inputs(ws, date(2022, 1, 1)) == []
    champion = artifact.champion(ws, "purchase_any")
    names = [feature.name for feature in champion.features]
    with duckdb.connect(str(ws.warehouse), read_only=True) as warehouse:
        customer, moment = warehouse.execute(
            "select customer_id, max(event_timestamp) from features.ftr_trx group by 1 order by 1"
        ).fetchall()[0]
    (row,) = store.training_set(ws, names, store.rows_at([customer], moment)).to_pylist()
    right = {name: row[name] for name in names if row[name] is not None}
    assert right
    wrong = {**right, next(iter(right)): 123456.0}
    folder_of(ws).mkdir()
    before = (moment.replace(day=1) - timedelta(days=1)).date().replace(day=1)
    for given, mismatched in ((right, 0), (wrong, 1)):
        row = {
            "answered_at": datetime(2023, 1, 1), "target": "purchase_any",
            "model_id": champion.model_id, "asked": "score", "as_of": moment,
            "input_hash": "", "score": 0.5, "customer_id": customer,
            "input": json.dumps(given),
        }  # fmt: skip
        pq.write_table(pa.Table.from_pylist([row], SCHEMA), folder_of(ws) / "a.parquet")
        (found,) = served_inputs(ws, before)
        assert (found.rows, found.mismatched, found.missing, found.extra) == (1, mismatched, 0, 0)


def month_with(*findings: Finding) -> Month:
    return Month(date(2022, 1, 1), findings, {})


def test_a_model_is_due_by_its_outcome_or_by_inputs_that_matter(crowned, monkeypatch):
    champion = artifact.champion(crowned, "purchase_any")
    strongest, weak = (feature.name for feature in champion.features[:2])
    shares = {strongest: 0.9, weak: 0.05}
    monkeypatch.setattr("ml.monitoring.inputs.importance_of", lambda _: shares)
    assert due(crowned, month_with()) == []
    outcome = Finding(ALARMED, "outcome", "purchase_any", "ROC-AUC fell", "why",
                      ("purchase_any", champion.model_id))  # fmt: skip
    (found,) = due(crowned, month_with(outcome))
    assert (found.target, found.model_id) == ("purchase_any", champion.model_id)
    assert found.why == "ROC-AUC fell; why"
    of_another = Finding(ALARMED, "outcome", "purchase_any", "", "", ("purchase_any", "other"))
    assert due(crowned, month_with(of_another)) == []
    inputs = Finding(ALARMED, "feature", "trx", "", "a code is new", (strongest,))
    (found,) = due(crowned, month_with(inputs))
    assert strongest in found.why
    assert "a code is new" in found.why
    assert due(crowned, month_with(Finding(WARNED, *list(vars(inputs).values())[1:]))) == []
    little = alarmed_inputs(champion.folder, {weak: "c"})
    assert little is not None
    assert (little.share, little.tells, little.cause) == (0.05, False, "c")
    elsewhere = Finding(ALARMED, "feature", "other", "", "", ("no_input", weak))
    assert due(crowned, month_with(elsewhere)) == []


def test_a_model_that_is_gone_has_no_importance(tmp_path):
    assert importance_of(tmp_path / "gone") == {}


def test_the_worst_finding_is_the_months():
    warned = Finding(WARNED, "source", "t", "", "", ())
    alarmed = Finding(ALARMED, "source", "t", "", "", ())
    assert [month_with(*each).status for each in ((), (warned,), (warned, alarmed))] == [
        "fine", "warned", "alarmed",
    ]  # fmt: skip


def test_a_champion_is_recorded_once_with_the_months_that_it_learnt_from(crowned, tmp_path):
    ws = copied(crowned, tmp_path / "ws")
    champion = artifact.champion(ws, "purchase_any")
    months = {f"2022-{month:02}": [10, "0"] for month in range(1, 13)}
    made = {
        "target": {"relation": "labels"},
        "features": [{"name": "a", "view": "trx"}, {"name": "b", "view": "geo"}],
        "snapshot": {"relations": {"labels": months}},
    }
    read = "select target, model_id, families, first_month, last_month from monitoring.champions"
    with duckdb.connect() as connection:
        reigns.record_reign(connection, champion)  # An older warehouse: there is no table.
        connection.execute(
            "create schema monitoring; create table monitoring.champions (target varchar, "
            "model_id varchar, since timestamp, families varchar[], first_month date, "
            "last_month date, threshold double, prevalence double, roc_auc double, "
            "roc_auc_low double, roc_auc_high double, pr_auc double, brier double)"
        )
        (champion.folder / artifact.DATASET).unlink(missing_ok=True)
        reigns.record_reign(connection, champion)  # An older artifact: it says no months.
        assert connection.execute(read).fetchall() == []
        (champion.folder / artifact.DATASET).write_text(json.dumps(made))
        for _ in range(2):
            reigns.record_reign(connection, champion)
        every = ("purchase_any", champion.model_id, ["geo", "trx"])
        assert connection.execute(read).fetchall() == [
            (*every, date(2021, 12, 1), date(2022, 11, 1))
        ]
        windowed = replace(
            champion, card=champion.card.model_copy(update={"plan": {"windows": ("3",)}})
        )
        connection.execute("delete from monitoring.champions")
        reigns.record_reign(connection, windowed)
        assert connection.execute(read).fetchall() == [
            (*every, date(2022, 9, 1), date(2022, 11, 1))
        ]


def test_months_before_the_label_are_those_of_features():
    assert reigns._month_before("2022-01") == date(2021, 12, 1)
    assert reigns._month_before("2022-12") == date(2022, 11, 1)


def test_a_wrong_section_is_told_by_whoever_reads(tmp_path):
    ws = Workspace(tmp_path, tmp_path / "raw", {"monitoring": {"months": 1}})
    with pytest.raises(BadInput, match=r"monitoring: months: .*\n.*docs/monitoring.md"):
        read_month(ws)
