"""The simulated company is as hard as it says: labels, and the probabilities behind them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from ml.simulate import Simulation
from ml.simulate.latent import (
    PREVALENCE,
    decline_probability,
    decline_score,
    draw_state,
    purchase_probability,
    solve_intercept,
)
from ml.simulate.scenario import Scenario, make_scenario
from tests.simulated import folds, identities, readable_orders, truth


def quarter_million_labels(customers: int = 20_000) -> tuple[Scenario, np.ndarray, np.ndarray]:
    scenario = make_scenario(customers, 18, 5, "detail")
    chance = np.concatenate(
        [purchase_probability(scenario, draw_state(scenario, block)) for block in scenario.blocks]
    )
    return scenario, chance, scenario.random("test").random(chance.shape) < chance


def test_purchases_are_as_rare_and_as_predictable_as_they_should_be() -> None:
    scenario, chance, bought = quarter_million_labels()
    assert len(scenario.label_months) == 12
    assert chance.mean(axis=(0, 1)) == pytest.approx(PREVALENCE, rel=0.05)
    for product in (0, 2, 3):
        label, score = bought[:, :, product].ravel(), chance[:, :, product].ravel()
        assert label.mean() == pytest.approx(PREVALENCE[product], rel=0.2)
        assert roc_auc_score(label, score) == pytest.approx(0.855, abs=0.03)
    everyone = 1 - np.prod(1 - chance, axis=2)
    assert roc_auc_score(bought.any(axis=2).ravel(), everyone.ravel()) > 0.75


def test_decline_is_as_common_and_as_predictable_as_it_should_be() -> None:
    scenario = make_scenario(20_000, 6, 5, "detail")
    scores = np.concatenate(
        [decline_score(draw_state(scenario, block)) for block in scenario.blocks]
    )
    chance = decline_probability(scores)
    declined = scenario.random("test").random(chance.size) < chance
    assert declined.mean() == pytest.approx(0.383, abs=0.02)
    assert roc_auc_score(declined, chance) == pytest.approx(0.93, abs=0.015)


def test_intercept_gives_the_mean_asked_for() -> None:
    level = solve_intercept(0.3, 2.0, (0.0, -1.0), (0.75, 0.25))
    drawn = np.random.default_rng(0).standard_normal(400_000)
    means = [(1 / (1 + np.exp(-(level + shift + 2 * drawn)))).mean() for shift in (0.0, -1.0)]
    assert np.dot(means, (0.75, 0.25)) == pytest.approx(0.3, abs=0.003)


def test_truth_has_a_row_for_every_label(detail: Simulation) -> None:
    targets = folds(detail, "targets")
    who = identities(detail, "mbd").loc[targets["client_id"]]
    when = pd.to_datetime(targets["mon"]).dt.to_period("M").dt.to_timestamp()
    labelled = set(zip(who, when, strict=True))
    products = [truth(detail, f"purchase_product_{i}") for i in range(1, 5)]
    for frame in (*products, truth(detail, "purchase_any")):
        assert set(zip(frame["customer_id"], frame["event_timestamp"], strict=True)) == labelled
        assert len(frame) == len(labelled)
        assert frame["probability"].between(0, 1, inclusive="neither").all()
    none = np.prod([1 - each["probability"].to_numpy() for each in products], axis=0)
    assert truth(detail, "purchase_any")["probability"].to_numpy() == pytest.approx(1 - none)


def test_snapshot_truth_ranks_the_snapshot_labels(detail: Simulation) -> None:
    market = pd.read_csv(detail.home / "raw" / "market_file.csv", dtype={"id": str})
    clean = pd.read_csv(detail.home / "raw" / "model_data.csv", dtype={"customer_id": str})
    raw = pd.read_csv(detail.home / "raw" / "raw_customer_data.csv", dtype={"customer_id": str})
    sessions = pd.concat([raw, clean]).set_index("customer_id")["purchase"]
    decline = market.set_index("id")["Покупательская активность"] == "Снизилась"
    for source, target, label, least in (
        ("one_click", "activity_decline", decline, 0.85),
        ("retailtech", "session_purchase", sessions, 0.68),
    ):
        known = truth(detail, target)
        assert set(known["event_timestamp"]) == {pd.Timestamp("2023-01-01")}
        chance = known.set_index("customer_id")["probability"]
        customers = identities(detail, source).loc[label.index]
        assert len(known) == len(label)
        assert roc_auc_score(label, chance.loc[customers]) > least


def test_order_truth_is_told_for_earlier_buyers_and_ranks_the_next_month(
    detail: Simulation,
) -> None:
    orders = readable_orders(detail)
    months = orders["event_time"].str[:7]
    who = identities(detail, "transactions").loc[orders["customer_id"]].to_numpy()
    bought = set(zip(who, months, strict=True))
    first = pd.Series(months.to_numpy(), index=who).groupby(level=0).min()
    known = truth(detail, "spend_next_month")
    known = known.assign(month=known["event_timestamp"].dt.strftime("%Y-%m"))
    assert (first.loc[known["customer_id"]].to_numpy() < known["month"].to_numpy()).all()
    assert len(known[known["month"] == "2023-01"]) == len(first)
    past = known[known["month"] < "2023-01"]
    label = [pair in bought for pair in zip(past["customer_id"], past["month"], strict=True)]
    assert np.mean(label) == pytest.approx(past["probability"].mean(), abs=0.05)
    assert roc_auc_score(label, past["probability"]) > 0.68
