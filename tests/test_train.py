"""Training and evaluation, beside what the stand-in for the store lets be known."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ml.cli import judged
from ml.evaluation.metrics import roc_auc
from ml.evaluation.thresholds import Costs
from ml.pages.report.target_report import read_targets
from ml.registry import artifact
from ml.registry.backtest_months import read_months
from ml.serving.batch import score
from ml.training.backtest import Backtest, Protocol, Run, backtest, keep_months, plan_of
from ml.training.evaluate import decide, evaluate
from ml.training.plan import Plan
from ml.training.train import train
from ml.workspace.errors import AlmanacError
from ml.workspace.targets import target
from tests.learnable import AS_OF, FEATURES, customer_months, fake_store, learnable, scores, ws

__all__ = ["fake_store", "ws"]
pytestmark = pytest.mark.usefixtures("fake_store")
LOGISTIC = Plan(families=("logistic",))


def value(card, part, name):
    return card.metrics[part].metric(name)


def test_the_newest_label_month_is_the_test_and_the_card_says_what_was_done(ws):
    trained = train(ws, target(ws, "spend_next_month"))
    card = trained.card
    assert card.training_rows == 4 * 400
    assert card.metrics["test"].rows == 400
    auc = value(card, "test", "roc_auc")
    assert auc.value > auc.trivial > 0.6
    assert [f.name for f in card.features] == FEATURES
    assert card.protocol[0].startswith("Tested on label month 2023-06, trained on 2023-02 to")
    assert artifact.champion(ws, "spend_next_month").model_id == card.model_id
    assert card.model_id.startswith("spend_next_month-")


def test_predictions_are_kept_for_every_judged_row_and_strangers_are_dropped(ws):
    train(ws, target(ws, "spend_next_month"), LOGISTIC)
    table = artifact.champion(ws, "spend_next_month").predictions().to_pandas()
    assert dict(table["part"].value_counts()) == {"cv": 1600, "test": 400}
    assert "stranger" not in set(table["customer_id"])
    folds = table[table["part"] == "cv"].groupby("customer_id")["fold"].nunique()
    assert (folds == 1).all()
    test = table[table["part"] == "test"]
    auc = roc_auc(test["label"].to_numpy(np.int8), test["baseline"].to_numpy())
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
    assert [f.name for f in card.features] == ["spend_sum__1m", "spend_days_since__all"]
    assert value(card, "test", "roc_auc").value > 0.7
    assert score(ws, target(ws, "spend_next_month"), None, online=False).new == 400


def test_the_probabilities_of_the_champion_are_those_of_its_test_month(ws):
    card = train(ws, target(ws, "spend_next_month"), Plan(families=("svc",))).card
    assert card.calibration.slope != 1
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
        ids.append(train(ws, target(ws, "activity")).card.model_id)
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
    assert [f.name for f in card.features] == FEATURES[:3]


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
    limit = roc_auc(june["label"].to_numpy(np.int8), june["truth"].to_numpy())
    assert evaluate(ws, target(ws, "spend_next_month")).limits["roc_auc"] == pytest.approx(limit)
    pq.write_table(known.slice(0, 2000), ws.truth)
    assert evaluate(ws, target(ws, "spend_next_month")).limits == {}


def test_a_figure_has_one_interval_wherever_it_is_shown(ws):
    wanted = target(ws, "spend_next_month")
    train(ws, wanted, LOGISTIC)
    found = evaluate(ws, wanted).intervals
    assert found.keys() == {"roc_auc", "pr_auc", "brier"}
    [shown] = read_targets(ws)
    assert shown.model.interval == shown.months[-1].interval == found["roc_auc"]
    again = backtest(ws, wanted, LOGISTIC, Protocol(months=1))
    keep_months(ws, again)
    [month] = read_months(ws.models / wanted.name, artifact.champion_id(ws, wanted.name))
    assert again.interval == month.interval == found["roc_auc"]


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


def test_a_month_without_positives_has_no_f1_and_no_part_in_its_mean():
    def run(name: str, positives: int) -> Run:
        labels, half = np.arange(8) < positives, np.full(8, 0.5)
        return Run(
            name=name,
            customers=np.arange(8),
            labels=labels.astype(np.int8),
            probabilities=half,
            chosen=np.arange(8) < 4,
            fold_of=np.zeros(8, dtype=np.int64),
            ranking=half,
            prior=0.5,
        )

    runs = (run("2023-05", 4), run("2023-06", 0))
    found = judged.backtest_record(Backtest("any", "", runs, None, ""))
    shown = judged.backtest(found).splitlines()
    told = {line.split()[0]: line.split()[3:5] for line in shown[3:6]}
    assert told["2023-05"] == told["mean"] == ["1.0000", "0.6667"]
    assert told["2023-06"] == ["n/a", "n/a"]
    recall = judged.comparison([found]).splitlines()[3].split()[5]
    assert recall == "1.0000"
