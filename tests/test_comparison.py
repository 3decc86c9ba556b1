"""What an artifact keeps for people to look at: rivals with intervals, contributions of values."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from ml.data.training_set import evenly
from ml.evaluation.bootstrap import RESAMPLES, estimate, estimates
from ml.evaluation.delong import auc_gain
from ml.evaluation.metrics import (
    average_precision_statistic,
    brier_statistic,
    roc_auc_statistic,
    roc_auc_within,
)
from ml.models import FAMILIES, importance
from ml.models.importance import TOP_FEATURES, importance_and_contributions
from ml.training.crossfit import CrossFit
from ml.training.ensemble import learn
from ml.training.leaderboard import BASELINE, BEST, NOTHING, best_single_feature, leaderboard
from ml.training.plan import Plan
from tests.cards import target
from tests.test_search import rows


def ranked(count: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(6)
    labels = (rng.random(count) < 0.3).astype(np.int8)
    return labels, labels + rng.normal(size=count), labels + rng.normal(size=count)


def resampled(labels, scores, parts, customers) -> np.ndarray:
    """The mean of the parts' ROC-AUC of the rows of drawn customers, repeated as often as drawn."""
    rng, names = np.random.default_rng(0), np.unique(customers)
    found = []
    for _ in range(RESAMPLES):
        drawn = names[rng.integers(len(names), size=len(names))]
        rows = np.concatenate([np.flatnonzero(customers == name) for name in drawn])
        known = [rows[parts[rows] == part] for part in np.unique(parts[rows])]
        known = [each for each in known if len(set(labels[each])) == 2]
        found.append(np.mean([roc_auc_score(labels[each], scores[each]) for each in known]))
    return np.array(found)


def test_draws_are_those_of_customers_with_all_their_rows():
    labels, scores, _ = ranked(120)
    # Ties, parts, and customers of one to nine rows.
    scores, parts = scores.round(), np.repeat([0, 1, 2], 40)
    customers = np.random.default_rng(3).integers(40, size=120).astype(str)
    found = estimate(roc_auc_statistic(labels, scores, parts), customers)
    drawn = resampled(labels, scores, parts, customers)
    assert found.resampled == pytest.approx(drawn)
    assert found.interval == pytest.approx(tuple(np.quantile(drawn, (0.025, 0.975))))


@pytest.mark.parametrize(
    ("of_draws", "once"),
    [(average_precision_statistic, average_precision_score), (brier_statistic, brier_score_loss)],
)
def test_a_row_that_counts_thrice_is_three_rows(of_draws, once):
    rng = np.random.default_rng(5)
    labels, told = (rng.random(90) < 0.3).astype(np.int8), rng.random(90).round(1)
    counts = rng.integers(3, size=90)
    repeated = np.repeat(np.arange(90), counts)
    assert of_draws(labels, told)(counts) == pytest.approx(once(labels[repeated], told[repeated]))


def test_gains_are_those_of_the_same_draws():
    labels, scores, other = ranked()
    rankings = {"one": scores, "two": other, "again": 2 * scores}
    statistics = {name: roc_auc_statistic(labels, each) for name, each in rankings.items()}
    found = estimates(statistics, np.arange(300))
    assert (found["one"] - found["again"]).interval == (0, 0)
    gain, error = auc_gain(labels, scores, other)
    low, high = (found["one"] - found["two"]).interval
    assert (found["one"] - found["two"]).value == pytest.approx(gain)
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.2)


def test_rows_of_one_customer_count_as_one():
    labels, scores, _ = ranked()
    thrice = [np.tile(each[:100], 3) for each in (labels, scores, np.arange(300))]
    apart, together = (
        estimate(roc_auc_statistic(thrice[0], thrice[1]), customers).interval
        for customers in (np.arange(300), thrice[2])
    )
    assert np.ptp(together) == pytest.approx(np.sqrt(3) * np.ptp(apart), rel=0.2)


def test_the_intervals_hold_the_truth_as_often_as_they_say():
    rng, held = np.random.default_rng(2), 0
    for _ in range(400):
        labels = (rng.random(200) < 0.3).astype(np.int8)
        ranking = roc_auc_statistic(labels, labels + rng.normal(size=200))
        low, high = estimate(ranking, np.arange(200)).interval
        # Two normal variables one apart: the probability that the greater is greater.
        held += low < 0.76025 < high
    assert 0.92 < held / 400 < 0.98


def test_intervals_need_two_customers_of_each_class_and_stay_within_the_measure():
    def interval(positives):
        labels = np.int8([1] * positives + [0] * 30)
        return estimate(roc_auc_statistic(labels, np.arange(len(labels))[::-1]), customers)

    for positives in (1, 3):
        customers = np.arange(positives + 30)
        found = interval(positives)
        assert found.value == 1
        assert found.interval == (None if positives == 1 else (1, 1))
    assert estimate(roc_auc_statistic(np.zeros(9), np.arange(9.0)), np.arange(9)) is None


def test_parts_are_judged_apart_and_those_of_one_class_left_out():
    labels, scores, _ = ranked()
    parts = np.repeat([0, 1, 2], 100)
    labels[:100] = 0
    expected = [
        roc_auc_score(labels[rows], scores[rows]) for rows in (slice(100, 200), slice(200, 300))
    ]
    assert roc_auc_within(labels, scores + 9 * parts, parts) == pytest.approx(np.mean(expected))


def test_every_family_stands_beside_the_chosen_model_and_trivial_answers():
    data = rows(800)
    plan = Plan(families=("logistic", "decision_tree"))
    learnt = learn(CrossFit.of(data, target(), plan), plan, quiet=True)
    baseline = np.where(data.matrix[:, 0] < -1, np.nan, data.matrix[:, 0])
    found = {each.name: each for each in leaderboard(learnt, data, baseline)}
    name, ranking = best_single_feature(data)
    alone = f"{BEST}: {name}"
    assert set(found) == {"logistic", "decision_tree", BASELINE, alone, NOTHING}
    assert found[alone].roc_auc == pytest.approx(
        roc_auc_within(data.labels, ranking, learnt.fold_of)
    )
    assert found[alone].brier is None
    best, tree, nothing = (found[name] for name in ("logistic", "decision_tree", NOTHING))
    assert [name for name, each in found.items() if each.chosen] == ["logistic"]
    assert best.roc_auc == pytest.approx(learnt.auc)
    low, high = best.roc_auc_interval
    assert low < best.roc_auc < high
    assert tree.gain == pytest.approx(best.roc_auc - tree.roc_auc)
    assert tree.gain_interval[0] > 0
    assert best.gain_interval == (0, 0)
    assert (nothing.roc_auc, nothing.roc_auc_interval) == (0.5, (0.5, 0.5))
    assert nothing.pr_auc == pytest.approx(data.labels.mean())
    assert best.brier < tree.brier < nothing.brier
    assert found[BASELINE].brier is None


def test_the_best_single_feature_is_found_up_or_down_with_gaps():
    data = rows(6000, columns=5)
    noise = np.random.default_rng(2).normal(size=6000)
    data.matrix[:, 3] = np.where(noise > 1.5, np.nan, noise - 3 * data.labels)
    name, ranking = best_single_feature(data)
    assert name == f"-{data.features[3].name}"
    every = [
        roc_auc_score(data.labels, np.where(np.isnan(signed), -99, signed))
        for column in data.matrix.T.astype(float)
        for signed in (column, -column)
    ]
    assert roc_auc_score(data.labels, np.maximum(ranking, -99)) == pytest.approx(max(every))
    assert best_single_feature(data.take(data.labels == 1)) is None


def test_exact_contributions_are_asked_for_once_for_importance_and_pictures(monkeypatch):
    data = rows(2000, columns=14)
    data.matrix[::3, 1] = np.nan
    names = [f"f{number}" for number in range(14)]
    model = FAMILIES["logistic"].fit(data.matrix, data.labels, np.ones(2000), 7)
    added, asked = model.contributions(data.matrix), []
    monkeypatch.setattr(type(model), "contributions", lambda *of: asked.append(of) or added)
    entries, kept = importance_and_contributions(model, data.matrix, names)
    assert len(asked) == 1
    assert entries == importance(model, data.matrix, names, added)
    frame = kept.to_pandas()
    top = [entry["feature"] for entry in entries[:TOP_FEATURES]]
    assert list(frame["feature"].unique()) == top
    assert set(frame.groupby("feature").size()) == {1000}
    second = frame[frame["feature"] == top[1]]
    column = names.index(top[1])
    assert second["contribution"].to_numpy() == pytest.approx(added[::2, column], abs=1e-6)
    expected = pytest.approx(data.matrix[::2, column], nan_ok=True)
    assert second["value"].to_numpy() == expected


def test_models_without_exact_contributions_are_asked_about_the_top_features_alone(monkeypatch):
    data = rows(2000)
    wide = np.tile(data.matrix, 40)
    tree = FAMILIES["decision_tree"].fit(wide, data.labels, np.ones(2000), 7)
    asked, margin = [], type(tree).margin
    monkeypatch.setattr(
        type(tree), "margin", lambda self, matrix: asked.append(len(matrix)) or margin(self, matrix)
    )
    entries, kept = importance_and_contributions(
        tree, wide, [f"f{number}" for number in range(240)]
    )
    assert kept["feature"].unique().to_pylist() == [each["feature"] for each in entries[:12]]
    assert asked[-3:] == [500, 1000, 12 * 1000]


def test_samples_are_evenly_spaced_and_no_larger_than_asked():
    assert evenly(np.arange(7), 9).tolist() == list(range(7))
    assert evenly(np.arange(15), 10).tolist() == list(range(0, 15, 2))
    assert evenly(np.arange(0), 9).tolist() == []
