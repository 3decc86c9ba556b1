"""What an artifact keeps for people to look at: rivals with intervals, contributions of values."""

import numpy as np
import pytest

from ml.comparison import BASELINE, NOTHING, compared
from ml.contributions import FEATURES, sampled
from ml.intervals import estimated_auc
from ml.metrics import roc_auc, roc_auc_within
from ml.models import FAMILIES
from ml.paired import auc_gain
from ml.plan import Plan
from ml.search import learn
from tests.test_search import rows


def ranked(count: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(6)
    labels = (rng.random(count) < 0.3).astype(np.int8)
    return labels, labels + rng.normal(size=count), labels + rng.normal(size=count)


def test_with_a_row_a_customer_the_interval_is_delongs():
    labels, scores, other = ranked()
    whole = np.zeros(300, dtype=np.int64)
    one, two = (estimated_auc(labels, each, whole) for each in (scores, other))
    value, error = roc_auc(labels, scores)
    low, high = one.interval(np.arange(300))
    assert (one.value, high - low) == pytest.approx((value, 2 * 1.96 * error))
    gain, error = auc_gain(labels, scores, other)
    low, high = (one - two).interval(np.arange(300))
    assert ((one - two).value, high - low) == pytest.approx((gain, 2 * 1.96 * error))


def test_rows_of_one_customer_count_as_one():
    labels, scores, _ = ranked()
    thrice = [np.tile(each[:100], 3) for each in (labels, scores, np.arange(300))]
    apart, together = (
        estimated_auc(thrice[0], thrice[1], np.zeros(300)).interval(customers)
        for customers in (np.arange(300), thrice[2])
    )
    assert np.ptp(together) == pytest.approx(np.sqrt(3) * np.ptp(apart), rel=0.03)


def test_the_intervals_hold_the_truth_as_often_as_they_say():
    rng, held = np.random.default_rng(2), 0
    for _ in range(400):
        labels = (rng.random(200) < 0.3).astype(np.int8)
        found = estimated_auc(labels, labels + rng.normal(size=200), np.zeros(200))
        low, high = found.interval(np.arange(200))
        # Two normal variables one apart: the probability that the greater is greater.
        held += low < 0.76025 < high
    assert 0.92 < held / 400 < 0.98


def test_parts_are_judged_apart_and_those_of_one_class_left_out():
    labels, scores, _ = ranked()
    parts = np.repeat([0, 1, 2], 100)
    found = estimated_auc(labels, scores + 9 * parts, parts)
    assert found.value == pytest.approx(roc_auc_within(labels, scores, parts))
    labels[:100] = 0
    assert estimated_auc(labels, scores, parts).influence[:100].any() == np.False_
    assert estimated_auc(np.zeros(9), np.arange(9.0), np.zeros(9)) is None


def test_every_family_stands_beside_the_chosen_model_and_trivial_answers():
    data = rows(800)
    learnt = learn(
        data, Plan(families=("logistic", "decision_tree")), merge_equals=True, quiet=True
    )
    baseline = np.where(data.matrix[:, 0] < -1, np.nan, data.matrix[:, 0])
    found = {each["name"]: each for each in compared(learnt, data, baseline)}
    assert list(found) == ["logistic", "decision_tree", BASELINE, NOTHING]
    best, tree, nothing = (found[name] for name in ("logistic", "decision_tree", NOTHING))
    assert [name for name, each in found.items() if each["chosen"]] == ["logistic"]
    assert best["roc_auc"] == pytest.approx(learnt.auc)
    low, high = best["roc_auc_interval"]
    assert low < best["roc_auc"] < high
    assert tree["gain"] == pytest.approx(best["roc_auc"] - tree["roc_auc"])
    assert tree["gain_interval"][0] > 0
    assert best["gain_interval"] == [0, 0]
    assert (nothing["roc_auc"], nothing["roc_auc_interval"]) == (0.5, [0.5, 0.5])
    assert nothing["pr_auc"] == pytest.approx(data.labels.mean())
    assert best["brier"] < tree["brier"] < nothing["brier"]
    assert found[BASELINE]["brier"] is None


def test_contributions_are_the_models_own_on_a_sample_of_rows():
    data = rows(2500, columns=14)
    data.matrix[::3, 1] = np.nan
    names = [f"f{number}" for number in range(14)]
    model = FAMILIES["logistic"].fit(data.matrix, data.labels, np.ones(2500), 7)
    frame = sampled(model, data.matrix, names, names[::-1]).to_pandas()
    assert list(frame["feature"].unique()) == names[::-1][:FEATURES]
    assert set(frame.groupby("feature").size()) == {1000}
    second = frame[frame["feature"] == "f2"]
    expected = model.contributions(data.matrix[::2][:1000])[:, 2]
    assert second["contribution"].to_numpy() == pytest.approx(expected, abs=1e-6)
    assert second["value"].to_numpy() == pytest.approx(data.matrix[::2][:1000, 2])


def test_models_without_exact_contributions_are_asked_about_the_top_features_alone(monkeypatch):
    data = rows(2500)
    wide = np.tile(data.matrix, 40)
    tree = FAMILIES["decision_tree"].fit(wide, data.labels, np.ones(2500), 7)
    asked, margin = [], type(tree).margin
    monkeypatch.setattr(
        type(tree), "margin", lambda self, matrix: asked.append(len(matrix)) or margin(self, matrix)
    )
    top = [f"f{number}" for number in range(14)]
    kept = sampled(tree, wide, [f"f{number}" for number in range(240)], top)
    assert kept["feature"].unique().to_pylist() == top[:12]
    assert asked == [1000] * 13
