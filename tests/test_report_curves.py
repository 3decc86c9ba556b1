"""The numbers behind the pictures."""

import numpy as np
import pytest
from scipy.stats import rankdata
from sklearn.metrics import f1_score, precision_score, recall_score, roc_auc_score

from ml.evaluation.delong import auc_gain
from ml.evaluation.thresholds import Costs
from ml.pages.report import curves
from ml.pages.report.feature_importance import FeatureContributions
from ml.pages.report.figures import contribution_plots
from tests.report_workspace import made


def test_tied_scores_share_their_positives_whatever_the_order():
    label = np.array([1.0] * 10 + [0.0] * 90)
    same = np.zeros(100)
    assert curves.lift_by_decile(label, same) == pytest.approx(np.ones(10))
    assert curves.lift_by_decile(label, -np.arange(100.0)) == pytest.approx([10] + [0] * 9)


def test_campaigns_count_what_the_top_holds():
    label = np.array([1.0, 1.0, 0.0, 1.0] + [0.0] * 96)
    found = {c.share: c for c in curves.campaigns(label, -np.arange(100.0))}
    assert (found[0.05].contacted, found[0.05].precision, found[0.05].recall) == (5, 0.6, 1.0)
    assert found[0.01].recall == pytest.approx(1 / 3)


def test_auc_gain_is_the_difference_and_paired():
    rows = made("gain", rate=0.3)
    label = rows.label.astype(float)
    gain, error = auc_gain(label, rows.probability, rankdata(rows.baseline))
    expected = roc_auc_score(label, rows.probability) - roc_auc_score(label, rows.baseline)
    assert gain == pytest.approx(expected)
    assert 0 < error < 0.05
    assert auc_gain(label, rows.probability, 2 * rows.probability) == (0.0, 0.0)


def test_gain_grows_from_nothing_to_everything_and_ties_share():
    label = np.array([1.0, 0.0, 1.0, 0.0])
    gain = curves.gain(label, np.array([0.9, 0.8, 0.1, 0.1]))
    assert gain.x == pytest.approx([0, 0.25, 0.5, 0.75, 1])
    assert gain.y == pytest.approx([0, 0.5, 0.5, 0.75, 1])


def test_thresholds_say_what_comes_of_each_and_of_the_chosen():
    rng = np.random.default_rng(5)
    probability = np.round(rng.random(500), 2)
    label = (rng.random(500) < probability).astype(float)
    found = curves.threshold_curves(
        label, probability, 0.4, Costs(true_positive=3, false_positive=-1)
    )
    chosen = probability >= 0.4
    hits = label[chosen].sum()
    assert found.chosen.precision == pytest.approx(precision_score(label, chosen))
    assert found.chosen.recall == pytest.approx(recall_score(label, chosen))
    assert found.chosen.f1 == pytest.approx(f1_score(label, chosen))
    assert found.chosen.profit == pytest.approx(3 * hits - (chosen.sum() - hits))
    [place] = np.flatnonzero(found.threshold == 0.4)
    for measure in ("precision", "recall", "f1", "profit"):
        assert getattr(found, measure)[place] == pytest.approx(getattr(found.chosen, measure))
    assert (probability >= found.threshold[0]).sum() >= curves.FEWEST
    on_roc = curves.on_roc(label, probability, 0.4)
    assert on_roc.y == pytest.approx(found.chosen.recall)
    assert on_roc.x == pytest.approx((chosen & (label == 0)).sum() / (label == 0).sum())


def test_like_contributions_are_spread_apart_and_missing_values_are_grey():
    heights = contribution_plots._spread(np.array([0.0, 0.0, 0.0, 5.0]), 0.0, 5.0)
    assert len(set(heights[:3])) == 3
    assert heights[3] == 0
    shades = contribution_plots._shades(np.array([1.0, np.nan, 3.0]))
    low, grey, high = shades
    assert low[2] > low[0]
    assert high[0] > high[2]
    assert np.ptp(grey[:3]) < 0.06


def test_features_of_nothing_but_missing_values_are_drawn():
    gone = FeatureContributions("gone", np.full(30, np.nan), np.linspace(-1, 1, 30))
    assert "missing" in contribution_plots.dependence("any", gone)
    assert "gone" in contribution_plots.beeswarm("any", [gone])
