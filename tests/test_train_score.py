"""Training and scoring, beside what the stand-in for the store lets be known."""

from datetime import datetime

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ml import Predictor, artifact, inputs
from ml.config import AlmanacError, Workspace
from ml.evaluate import decide, evaluate
from ml.metrics import roc_auc
from ml.nested import Protocol, backtest, plan_of
from ml.plan import Plan
from ml.score import append, parse_as_of, score
from ml.targets import target
from ml.thresholds import Costs
from ml.train import train
from ml.warehouse import open_warehouse
from tests.learnable import FEATURES, customer_months, fake_store, learnable

__all__ = ["fake_store"]
pytestmark = pytest.mark.usefixtures("fake_store")
AS_OF = datetime(2023, 6, 1)
LOGISTIC = Plan(families=("logistic",))


@pytest.fixture
def ws(tmp_path) -> Workspace:
    return learnable(tmp_path)


def scores(ws: Workspace) -> list[tuple]:
    with open_warehouse(ws.warehouse) as connection:
        return connection.execute("from scores.scores order by all").fetchall()


def newest() -> pd.DataFrame:
    frame = customer_months()
    return frame.loc[frame["event_timestamp"] == AS_OF, ["customer_id", *FEATURES]]


def value(card, part, name):
    return next(m for m in card["metrics"][part]["metrics"] if m["name"] == name)


def test_the_newest_label_month_is_the_test_and_the_card_says_what_was_done(ws):
    trained = train(ws, target(ws, "spend_next_month"))
    card = trained.card
    assert card["training_rows"] == 4 * 400
    assert card["metrics"]["test"]["rows"] == 400
    auc = value(card, "test", "roc_auc")
    assert auc["value"] > auc["trivial"] > 0.6
    assert [f["name"] for f in card["features"]] == FEATURES
    assert card["protocol"][0].startswith("Tested on label month 2023-06, trained on 2023-02 to")
    assert artifact.champion(ws, "spend_next_month").model_id == card["model_id"]
    assert card["model_id"].startswith("spend_next_month-")


def test_predictions_are_kept_for_every_judged_row_and_strangers_are_dropped(ws):
    train(ws, target(ws, "spend_next_month"), LOGISTIC)
    table = artifact.champion(ws, "spend_next_month").predictions().to_pandas()
    assert dict(table["part"].value_counts()) == {"cv": 1600, "test": 400}
    assert "stranger" not in set(table["customer_id"])
    folds = table[table["part"] == "cv"].groupby("customer_id")["fold"].nunique()
    assert (folds == 1).all()
    test = table[table["part"] == "test"]
    auc, _ = roc_auc(test["label"].to_numpy(np.int8), test["baseline"].to_numpy())
    assert auc > 0.6


def test_training_again_gives_the_same_artifact_byte_for_byte(tmp_path):
    found = []
    for name in ("one", "two"):
        ws = learnable(tmp_path / name)
        folder = train(ws, target(ws, "activity")).folder
        found.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert found[0] == found[1]


def test_the_card_names_the_inputs_of_a_budget_and_scoring_asks_for_no_other(ws):
    plan = Plan(families=("logistic", "lightgbm", "blend"), features=2)
    card = train(ws, target(ws, "spend_next_month"), plan).card
    assert [f["name"] for f in card["features"]] == ["spend_sum__1m", "spend_days_since__all"]
    assert value(card, "test", "roc_auc")["value"] > 0.7
    assert score(ws, target(ws, "spend_next_month"), None, online=False).new == 400


def test_the_probabilities_of_the_champion_are_those_of_its_test_month(ws):
    card = train(ws, target(ws, "spend_next_month"), Plan(families=("svc",))).card
    assert card["calibration"]["slope"] != 1
    score(ws, target(ws, "spend_next_month"), AS_OF, online=False)
    table = artifact.champion(ws, "spend_next_month").predictions().to_pandas()
    test = table[table["part"] == "test"].set_index("customer_id")["probability"]
    scored = pd.Series({row[0]: row[4] for row in scores(ws)})
    pd.testing.assert_series_equal(
        test.sort_index(), scored.sort_index(), check_names=False, check_index_type=False
    )


def test_thresholds_are_judged_where_they_were_not_chosen(ws):
    train(ws, target(ws, "spend_next_month"), LOGISTIC)
    found = decide(ws, target(ws, "spend_next_month"), "recall", Costs())
    assert found.rows == 400
    assert found.outcome.recall == pytest.approx(0.9, abs=0.07)
    assert found.always_yes.recall == 1
    assert found.outcome.precision > found.always_yes.precision


def test_ids_and_row_order_change_no_prediction(tmp_path):
    frame = customer_months()
    order = np.random.default_rng(1).permutation(len(frame))
    renamed = frame.iloc[order].assign(
        customer_id=lambda f: "n" + (999 - f["customer_id"].str[1:].astype(int)).astype(str)
    )
    ids, found = [], []
    for name, rows in (("as_is", frame), ("renamed", renamed)):
        ws = learnable(tmp_path / name, rows)
        ids.append(train(ws, target(ws, "activity")).card["model_id"])
        table = artifact.champion(ws, "activity").predictions().to_pandas()
        found.append(table.set_index("customer_id")["probability"])
    back = found[1].rename(lambda name: f"c{999 - int(name[1:]):03}")
    pd.testing.assert_series_equal(found[0].sort_index(), back.sort_index())
    assert ids[0] == ids[1]


def test_too_few_positives_are_refused(ws):
    with pytest.raises(AlmanacError, match="those of 3 customers"):
        train(ws, target(ws, "rare"))


def test_a_column_that_never_varies_is_no_feature(tmp_path):
    ws = learnable(tmp_path, customer_months().assign(spend_noise__1m=1.0))
    card = train(ws, target(ws, "activity"), LOGISTIC).card
    assert [f["name"] for f in card["features"]] == FEATURES[:3]


def test_evaluation_shows_trivial_answers_and_no_limit_for_real_data(ws):
    train(ws, target(ws, "activity"), LOGISTIC)
    found = evaluate(ws, target(ws, "activity"))
    assert (found.part, found.rows) == ("cv", 400)
    assert found.limits == {}
    trivial = {m.name: m.trivial for m in found.metrics}
    assert trivial["pr_auc"] == pytest.approx(found.positives / 400)
    assert trivial["f1"] == pytest.approx(2 * found.positives / (400 + found.positives))


def test_the_limit_is_that_of_the_truth_on_the_same_rows(ws):
    train(ws, target(ws, "spend_next_month"), LOGISTIC)
    frame = customer_months()
    known = pa.table(
        {
            "customer_id": frame["customer_id"],
            "event_timestamp": pa.array(frame["event_timestamp"], pa.timestamp("us")),
            "target": ["spend_next_month"] * len(frame),
            "probability": frame["truth"],
        }
    )
    ws.truth.parent.mkdir()
    pq.write_table(known, ws.truth)
    june = frame[frame["event_timestamp"] == "2023-06-01"]
    limit, _ = roc_auc(june["label"].to_numpy(np.int8), june["truth"].to_numpy())
    assert evaluate(ws, target(ws, "spend_next_month")).limits["roc_auc"] == pytest.approx(limit)
    pq.write_table(known.slice(0, 2000), ws.truth)
    assert evaluate(ws, target(ws, "spend_next_month")).limits == {}


def test_repeats_and_months_are_for_their_own_kind_of_target(ws):
    for name in ("activity", "spend_next_month"):
        train(ws, target(ws, name), LOGISTIC)
    shuffled, months = target(ws, "activity"), target(ws, "spend_next_month")
    assert plan_of(ws, shuffled) == LOGISTIC
    repeated = backtest(ws, shuffled, LOGISTIC, Protocol(repeats=2))
    assert [len(run.labels) for run in repeated.runs] == [400, 400]
    assert repeated.runs[0].roc_auc != repeated.runs[1].roc_auc
    low, high = repeated.interval
    assert low < repeated.runs[0].roc_auc < high
    walked = backtest(ws, months, LOGISTIC, Protocol(months=3))
    assert [run.name for run in walked.runs] == ["2023-04", "2023-05", "2023-06"]
    assert all(run.roc_auc > run.baseline for run in walked.runs)
    with pytest.raises(AlmanacError, match="--months 3"):
        backtest(ws, months, LOGISTIC, Protocol(repeats=2))
    with pytest.raises(AlmanacError, match="--repeats 5"):
        backtest(ws, shuffled, LOGISTIC, Protocol(months=2))


def test_scoring_twice_changes_nothing(ws):
    train(ws, target(ws, "spend_next_month"), LOGISTIC)
    first = score(ws, target(ws, "spend_next_month"), None, online=False)
    assert (first.new, first.already, first.as_of) == (400, 0, AS_OF)
    written = scores(ws)
    again = score(ws, target(ws, "spend_next_month"), None, online=True)
    assert (again.new, again.already, again.earlier_from) == (0, 400, ("offline",))
    assert scores(ws) == written


def test_scores_are_probabilities_ranked_among_those_scored_together(ws):
    train(ws, target(ws, "spend_next_month"), LOGISTIC)
    score(ws, target(ws, "spend_next_month"), None, online=True)
    rows = sorted(scores(ws), key=lambda row: row[4])
    assert all(0 < row[4] < 1 for row in rows)
    assert rows[-1][5] == 1
    assert [row[5] for row in rows] == sorted(row[5] for row in rows)
    assert {row[6] for row in rows} == {"online"}


def test_batches_give_what_one_pass_gives(ws, monkeypatch):
    train(ws, target(ws, "spend_next_month"), Plan(families=("logistic",)))
    score(ws, target(ws, "spend_next_month"), None, online=False)
    at_once = scores(ws)
    with open_warehouse(ws.warehouse, read_only=False) as connection:
        connection.execute("delete from scores.scores")
    monkeypatch.setattr(inputs, "CELLS_AT_ONCE", 4 * 7)
    score(ws, target(ws, "spend_next_month"), None, online=False)
    in_parts = scores(ws)
    assert [row[:4] + row[5:] for row in in_parts] == [row[:4] + row[5:] for row in at_once]
    np.testing.assert_allclose([r[4] for r in in_parts], [r[4] for r in at_once], rtol=1e-12)


def test_every_score_has_the_predictors_reasons(ws):
    train(ws, target(ws, "spend_next_month"), Plan(families=("lightgbm",)))
    score(ws, target(ws, "spend_next_month"), None, online=False)
    answers = Predictor("spend_next_month", ws).predict(newest())
    expected = dict(zip(answers["id"], answers["reasons"], strict=True))
    assert {row[0]: row[7] for row in scores(ws)} == expected
    assert all(1 <= len(said) <= 3 for said in expected.values())


def test_only_the_highest_scores_are_explained_where_not_all_are(ws):
    train(ws, target(ws, "spend_next_month"), Plan(families=("lightgbm",)))
    wanted = target(ws, "spend_next_month")
    score(ws, wanted, None, online=False, explained=25)
    rows = sorted(scores(ws), key=lambda row: -row[4])
    assert [row[7] is not None for row in rows] == [True] * 25 + [False] * 375
    told = {row[0]: row[7] for row in rows[:25]}
    score(ws, wanted, datetime(2023, 3, 1), online=False, explained=0)
    earlier = [row for row in scores(ws) if row[3] == datetime(2023, 3, 1)]
    assert all(row[7] is None for row in earlier)
    answers = Predictor("spend_next_month", ws).predict(newest()).set_index("id")
    assert answers.loc[list(told), "reasons"].to_dict() == told


def test_an_earlier_instant_uses_what_was_known_then(ws):
    train(ws, target(ws, "spend_next_month"), LOGISTIC)
    early = score(ws, target(ws, "spend_next_month"), datetime(2023, 3, 1), online=False)
    assert (early.new, early.as_of) == (400, datetime(2023, 3, 1))


def test_impossible_instants_are_refused(ws):
    train(ws, target(ws, "spend_next_month"), LOGISTIC)
    wanted = target(ws, "spend_next_month")
    with pytest.raises(AlmanacError, match=r"first are of 2023-02-01.*\n.*--as-of 2023-06-01"):
        score(ws, wanted, datetime(2022, 1, 1), online=False)
    with pytest.raises(AlmanacError, match="still valid on 2030-01-01"):
        score(ws, wanted, datetime(2030, 1, 1), online=False)
    for text in ("yesterday", "2023-02-30", "2023-02"):
        with pytest.raises(AlmanacError, match="is not a date"):
            parse_as_of(text)


def test_scoring_comes_after_training(ws):
    with pytest.raises(AlmanacError, match="ml train --target activity"):
        score(ws, target(ws, "activity"), None, online=False)


def test_a_failed_append_leaves_no_row(ws):
    train(ws, target(ws, "activity"), LOGISTIC)
    score(ws, target(ws, "activity"), None, online=False)
    before = scores(ws)
    row = dict(zip(["customer_id", "target", "model_id", "as_of", "score", "percentile",
                    "scored_from", "reasons"], before[0], strict=True))  # fmt: skip
    batch = pa.Table.from_pylist([row | {"customer_id": "x"}, row | {"customer_id": None}])
    with open_warehouse(ws.warehouse, read_only=False) as connection:
        with pytest.raises(duckdb.ConstraintException):
            append(connection, batch)
        assert connection.execute("select 1").fetchone() == (1,)
    assert scores(ws) == before
