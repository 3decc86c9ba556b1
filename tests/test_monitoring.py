"""Monitoring of a shop in which known things change: what is found, when, why; outcomes; due."""

import re
import shutil

import duckdb
import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.special import expit, logit
from scipy.stats import binomtest
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from ml.evaluation.delong import compare
from ml.simulate import simulate
from tests.monitored import monitored
from tests.workspaces import TestWorkspace, make_workspace

PLANTS = {
    "renamed-code": ("2022-02", "category toys is written toys & games"),
    "cents": ("2022-05", "amounts of category electronics are"),
    "half-file": ("2022-08", "rows are"),
    "new-product": ("2022-11", "category pets is new"),
}
REFERENCE = {"first": "2021-01-01", "until": "2021-12-31"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> TestWorkspace:
    """A shop of transactions alone with all PLANTS, built."""
    home = tmp_path_factory.mktemp("shop")
    plants = [f"{kind}@{month}" for kind, (month, _) in PLANTS.items()]
    simulate(home, customers=1_200, months=24, seed=5, plants=plants)
    for path in (home / "raw").iterdir():
        if path.name not in ("transactions", "identities.csv"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    ws = make_workspace(home, home / "raw", monitoring={"reference": REFERENCE})
    ws.must("dbt", "build", "--quiet")
    return ws


@pytest.mark.parametrize("kind", PLANTS)
def test_a_planted_change_is_found_in_its_month_with_its_cause(shop, kind):
    month, words = PLANTS[kind]
    code, found = monitored(shop, "--month", month)
    assert code == 4
    assert found["status"] == "alarmed"
    sources = [each for each in found["findings"] if each["kind"] == "source"]
    assert any(each["text"].startswith(words) for each in sources), sources
    assert all(f"transactions/{month}.csv" in each["text"] for each in sources)
    features = [each for each in found["findings"] if each["kind"] == "feature"]
    # Half of a file is in few features; amounts in cents stay alarmed in the months that follow.
    if kind != "half-file":
        assert any(words in each["cause"] for each in features if each["status"] == "alarmed")


def test_months_without_a_change_are_fine(shop):
    months = ("2021-10", "2021-11", "2021-12", "2022-01")
    assert [monitored(shop, "--month", month)[0] for month in months] == [0, 0, 0, 0]


def test_the_table_names_finding_and_cause(shop):
    ran = shop.run("ml", "monitor", "--month", PLANTS["cents"][0])
    assert ran.code == 4
    assert "alarmed  source" in ran.text
    assert "cause: amounts of category electronics are" in ran.text
    assert str(shop.home / "monitoring.html") in ran.text


def test_a_month_that_is_not_monitored_is_refused(shop):
    refused = {"2020-01": (1, "2021-01 to 2022-12 are"), "soon": (2, "does not match the format")}
    for month, (code, words) in refused.items():
        ran = shop.run("ml", "monitor", "--month", month)
        assert ran.code == code
        assert words in ran.text
        assert "ml monitor" in ran.text


def test_an_unchanged_build_measures_nothing_and_a_changed_month_only_itself(shop, tmp_path):
    home = tmp_path / "shop"
    shutil.copytree(shop.home, home)
    ws = TestWorkspace(home, home / "raw")
    before = ws.query("from monitoring.measured_months order by all")
    rows = "select feature_month, rowid from monitoring.feature_months order by all"
    kept = ws.query(rows)
    ws.must("dbt", "build", "--quiet")
    assert ws.query("from monitoring.measured_months order by all") == before
    assert ws.query(rows) == kept
    # An order of the newest month changes that month alone.
    file = home / "raw" / "transactions" / "2022-12.csv"
    file.write_text(file.read_text() + "u500001,2022-12-30T10:00:00,5,1,9999999,1,toys\n")
    ws.must("dbt", "build", "--quiet")
    after = ws.query("from monitoring.measured_months order by all")
    changed = {str(month) for _, month, _ in set(after) - set(before)}
    assert changed == {"2022-12-01"}
    # Other amounts of the same customers change their month and those that look back on it.
    file = home / "raw" / "transactions" / "2022-10.csv"
    file.write_text(re.sub(r"(:\d\d),(\d+\.\d+)", r"\1,9\2", file.read_text()))
    ws.must("dbt", "build", "--quiet")
    again = ws.query("from monitoring.measured_months order by all")
    changed = {str(month) for _, month, _ in set(again) - set(after)}
    assert changed == {"2022-10-01", "2022-11-01", "2022-12-01"}
    check_silence(ws)


def check_silence(ws: TestWorkspace) -> None:
    """What workspace.yml silences alarms no more, until its day."""
    month = PLANTS["new-product"][0]
    silence = [
        {"what": what, "until": "2999-12-31", "reason": "pets are sold now"}
        for what in ("spend*", "transactions.events")
    ]
    settings = {"monitoring": {"reference": REFERENCE, "silence": silence}}
    (ws.home / "workspace.yml").write_text(yaml.safe_dump(settings))
    ws.must("dbt", "build", "--quiet")
    assert monitored(ws, "--month", month)[0] == 0
    silence[0]["until"] = silence[1]["until"] = "2020-01-01"
    (ws.home / "workspace.yml").write_text(yaml.safe_dump(settings))
    ws.must("dbt", "build", "--quiet")
    assert monitored(ws, "--month", month)[0] == 4


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"refrence": REFERENCE}, "refrence: is not a setting"),
        ({"customers": 5}, "greater than or equal to 100"),
        ({"psi": {"warn": 0.5, "alarm": 0.2}}, "`warn` is more than `alarm`"),
        ({"reference": {"first": "2022-05-01", "until": "2022-01-01"}}, "comes after `until`"),
        ({"silence": [{"what": "spend*", "until": "2030-01-01"}]}, "reason: is missing"),
        ([1], "must hold `name: value` lines"),
    ],
)
def test_wrong_settings_are_named(shop, tmp_path, given, words):
    ws = make_workspace(tmp_path / "home", shop.raw, monitoring=given)
    ran = ws.run("dbt", "build", "--quiet")
    assert ran.code != 0
    assert words in ran.text
    assert "docs/monitoring.md" in ran.text


@pytest.fixture(scope="module")
def scored(shop, tmp_path_factory: pytest.TempPathFactory) -> TestWorkspace:
    """The shop with scores of two models that somebody made up: one ranks well, one by chance."""
    home = tmp_path_factory.mktemp("scored") / "shop"
    shutil.copytree(shop.home, home)
    ws = TestWorkspace(home, home / "raw")
    dice = np.random.default_rng(3)
    labels = pd.DataFrame(
        ws.query("from targets.tgt_spend_next_month where event_timestamp >= '2022-09-01'"),
        columns=["customer_id", "as_of", "label"],
    )
    # Nobody knows yet what January brings.
    unripe = labels[labels["as_of"] == "2022-12-01"].assign(as_of=pd.Timestamp("2023-01-01"))
    rows = pd.concat([labels, unripe], ignore_index=True)
    chance = np.round(dice.random(len(rows)), 2)
    frames = [
        rows.assign(model_id="good", score=(0.2 + 0.4 * rows["label"] + 0.4 * chance).round(2)),
        rows.assign(model_id="chance", score=chance),
    ]
    scores = pd.concat(frames).assign(target="spend_next_month", scored_from="offline")
    scores["percentile"] = scores.groupby(["model_id", "as_of"])["score"].rank(pct=True)
    with duckdb.connect(str(home / "warehouse.duckdb")) as warehouse:
        warehouse.register("made_up", scores.drop(columns="label"))
        warehouse.execute("insert into scores.scores by name from made_up")
        for model_id in ("chance", "good"):
            warehouse.execute(
                "insert into monitoring.champions values ('spend_next_month', ?, now()::timestamp, "
                "['spend'], '2021-01-01', '2021-12-01', 0.5, 0.4, 0.9, 0.88, 0.92, 0.8, 0.1)",
                [model_id],
            )
    ws.must("dbt", "build", "--quiet", "--select", "source:scores+")
    return ws


def test_outcomes_are_those_of_scikit_learn(scored):
    outcomes = scored.query(
        "select model_id, score_month, labelled, roc_auc, roc_auc_low, roc_auc_high, pr_auc, brier,"
        " log_loss, lift_top_decile, positives, baseline_roc_auc "
        "from marts.mart_monitoring_outcomes order by 1, 2"
    )
    assert len(outcomes) == 10
    for model, month, labelled, auc, low, high, precision, brier, loss, lift, *more in outcomes:
        rows = scored.query(
            "select label, score, customer_id, coalesce(-spend_last_event_days_since__all, -1e9) "
            "from intermediate.int_monitoring_scored left join features.ftr_spend "
            "using (customer_id) where event_timestamp = as_of and label is not null "
            f"and model_id = '{model}' and score_month = '{month}'"
        )
        if str(month) == "2023-01-01":
            assert (labelled, auc, precision, more) == (0, None, None, [0, None])
            continue
        labels, scores, _, recency = (np.array(column) for column in zip(*rows, strict=True))
        assert more == [labels.sum(), pytest.approx(roc_auc_score(labels, recency), abs=1e-12)]
        assert labelled == len(labels)
        assert auc == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
        assert precision == pytest.approx(average_precision_score(labels, scores), abs=1e-12)
        assert brier == pytest.approx(brier_score_loss(labels, scores), abs=1e-12)
        clipped = np.clip(scores, 1e-15, 1 - 1e-15)
        assert loss == pytest.approx(log_loss(labels, clipped), abs=1e-9)
        # Beside a ranking that is always right, the difference has the error of this ROC-AUC.
        error = compare(labels.astype(float), scores, labels.astype(float)).error
        assert (high - auc, auc - low) == pytest.approx((min(1.96 * error, 1 - auc), 1.96 * error))
        best = sorted(rows, key=lambda row: (-row[1], row[2]))[: max(len(rows) // 10, 1)]
        assert lift == pytest.approx(np.mean([row[0] for row in best]) / labels.mean())


def test_calibration_and_intervals_follow_from_the_labels(scored):
    rows = scored.query(
        "select score, label from intermediate.int_monitoring_scored where model_id = 'good' "
        "and score_month = '2022-10-01' and label is not null order by score, customer_id"
    )
    tenths = scored.query(
        "select customers, mean_score, positives, prevalence_low, prevalence_high "
        "from marts.mart_monitoring_calibration "
        "where model_id = 'good' and score_month = '2022-10-01' order by tenth"
    )
    assert len(tenths) == 10
    parts = np.array_split(np.array(rows, dtype=float), 10)
    for (count, mean, positives, low, high), part in zip(tenths, parts, strict=True):
        wilson = binomtest(int(positives), count).proportion_ci(0.95, method="wilson")
        assert (count, positives) == (len(part), part[:, 1].sum())
        assert mean == pytest.approx(part[:, 0].mean())
        assert (low, high) == pytest.approx((wilson.low, wilson.high), abs=1e-4)
    [(low, brier, high, pr_low, precision, pr_high, lift_low, lift, lift_high)] = scored.query(
        "select brier_low, brier, brier_high, pr_auc_low, pr_auc, pr_auc_high, lift_low, "
        "lift_top_decile, lift_high from marts.mart_monitoring_outcomes "
        "where model_id = 'good' and score_month = '2022-10-01'"
    )
    scores, labels = np.array(rows, dtype=float).T
    error = 1.96 * np.std((scores - labels) ** 2, ddof=1) / np.sqrt(len(labels))
    assert (brier - low, high - brier) == pytest.approx((error, error))
    width = 1.96 / np.sqrt(labels.sum() * precision * (1 - precision))
    ends = expit(logit(precision) - width), expit(logit(precision) + width)
    assert (pr_low, pr_high) == pytest.approx(ends)
    assert lift_low < lift < lift_high + 1e-9


def test_estimates_come_true_where_probabilities_are_right(scored):
    dice = np.random.default_rng(8)
    with duckdb.connect(str(scored.home / "warehouse.duckdb"), read_only=True) as warehouse:
        ((compiled,),) = [
            (path.read_text(),)
            for path in scored.home.glob(
                "target/compiled/almanac/models/monitoring/int_monitoring_outcomes.sql"
            )
        ]
        score = dice.beta(2, 5, 40_000)
        label = (dice.random(len(score)) < score).astype(int)
        frame = pd.DataFrame(
            {
                "target": "t",
                "model_id": "m",
                "score_month": pd.Timestamp("2022-01-01"),
                "as_of": pd.Timestamp("2022-01-01"),
                "customer_id": np.arange(len(score)).astype(str),
                "score": score,
                "percentile": score,
                "label": label,
                "baseline": "score",
                "baseline_ranking": score,
            }
        )
        warehouse.register("made_up", frame)
        relation = '"warehouse"."intermediate"."int_monitoring_scored"'
        assert relation in compiled
        found = warehouse.execute(compiled.replace(relation, "made_up")).df().iloc[0]
    assert found["estimated_roc_auc"] == pytest.approx(found["roc_auc"], abs=0.01)
    assert found["baseline_roc_auc"] == pytest.approx(found["roc_auc"], abs=1e-12)
    assert found["estimated_brier"] == pytest.approx(found["brier"], abs=0.005)
    assert found["expected_positives"] == pytest.approx(found["positives"], rel=0.03)


def test_a_broken_promise_alarms_and_a_kept_one_does_not(scored):
    statuses = scored.query(
        "select distinct model_id, status from marts.mart_monitoring_outcomes order by all"
    )
    assert ("chance", "alarmed") in statuses
    assert ("good", "alarmed") not in statuses
    assert ("good", "not ripe") in statuses
    code, found = monitored(scored, "--month", "2022-10")
    outcome = next(each for each in found["findings"] if each["kind"] == "outcome")
    assert code == 4
    assert outcome["names"] == ["spend_next_month", "chance"]
    assert "promised 0.900" in outcome["text"]
    assert outcome["cause"] == (
        "none of its inputs is alarmed: what leads to the label may have changed"
    )


def test_scores_by_month_have_their_churn_and_distance(scored):
    rows = scored.query(
        "select score_month, psi, churn_top_decile, customers, segment "
        "from marts.mart_monitoring_scores where model_id = 'chance' order by 1"
    )
    assert {segment for *_, segment in rows} == {"everyone"}
    months = [row[0] for row in rows]
    tops = [
        {
            customer
            for (customer,) in scored.query(
                "select customer_id from intermediate.int_monitoring_scored where "
                f"model_id = 'chance' and score_month = '{month}' and percentile > 0.9"
            )
        }
        for month in months
    ]
    assert rows[0][1:3] == (0, None)
    for (_, psi, churn, *_), top, before in zip(rows[1:], tops[1:], tops, strict=False):
        assert 0 < psi < 0.1
        assert churn == pytest.approx(1 - len(top & before) / len(top))
