"""Scoring, beside what the stand-in for the store lets be known."""

from datetime import datetime

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ml import Predictor
from ml.serving import batch_inputs as inputs
from ml.serving.batch import append, score
from ml.training.plan import Plan
from ml.training.train import train
from ml.workspace.errors import AlmanacError
from ml.workspace.targets import target
from ml.workspace.warehouse import open_warehouse
from tests.learnable import AS_OF, FEATURES, customer_months, fake_store, scores, ws

__all__ = ["fake_store", "ws"]
pytestmark = pytest.mark.usefixtures("fake_store")
LOGISTIC = Plan(families=("logistic",))


def newest() -> pd.DataFrame:
    frame = customer_months()
    return frame.loc[frame["event_timestamp"] == AS_OF, ["customer_id", *FEATURES]]


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
    monkeypatch.setattr(inputs, "CELLS_PER_BATCH", 4 * 7)
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
