"""The hidden state of customers, and the probabilities that follow from it.

Every probability is logistic in a sum of normal variables, so its intercept is solved once against
the normal distribution: the average prevalence is right for any number of customers.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.simulate.plants import direction
from ml.simulate.scenario import Block, Doubles, Flags, Floats, Integers, Scenario, standard_normal

PRODUCTS = 4
PREVALENCE = (0.0044, 0.0005, 0.0038, 0.0026)
# Weights of need, activity and affluence in the propensity to buy each product; unit rows.
PROPENSITY = np.array(
    [[0.80, 0.45, 0.397], [0.80, 0.33, 0.501], [0.80, 0.501, -0.33], [0.80, 0.397, 0.45]],
    dtype=np.float32,
)
# For rare events the best reachable AUC is Phi(steepness / sqrt(2)): 0.85.
PROPENSITY_STEEPNESS = 1.466
NEED_MEMORY, ENGAGEMENT_MEMORY = 0.88, 0.75
STRANGERS_LOSS = 2.5
SILENT_SHARE, LATE_SHARE = 0.04, 0.15
PROPENSITY_SEASON, PROPENSITY_DRIFT = 0.15, 0.05
DECLINE_PREVALENCE, DECLINE_STEEPNESS = 0.383, 3.3
ORDER_LEVEL, ORDER_SEASON, ORDER_DRIFT = -0.95, 0.2, 0.08
ORDER_SPREAD, ORDER_ENGAGEMENT, ORDER_DECLINE = 0.8, 0.5, 0.6


@dataclass(frozen=True)
class State:
    """Latent state of one block of n customers over T months of events.

    `needs[:, k]` and `engagement[:, k]` are the state at the END of month k - 1: they determine the
    bank's events of month k - 1 and the purchases and orders of month k, for k = 0 .. T.
    """

    activity: Floats
    affluence: Floats
    mobility: Floats
    shopping: Floats
    disaffection: Floats
    silent: Flags
    joined: Integers
    needs: Floats
    engagement: Floats

    def known(self, months: NDArray[np.int64]) -> Flags:
        """Return whether each customer is known before each month: (n, months)."""
        return (self.joined[:, None] < months[None, :]) & ~self.silent[:, None]


def draw_state(scenario: Scenario, block: Block) -> State:
    """Return the latent state of `block`; the same scenario and block give the same state."""
    random = scenario.random("latent", block.number)
    traits = standard_normal(random, 5, block.size)
    silent = random.random(block.size) < SILENT_SHARE
    late = random.random(block.size) < LATE_SHARE
    joined = np.where(late, random.integers(1, scenario.months, block.size), 0)
    needs = _autoregression(random, NEED_MEMORY, block.size, scenario.months + 1, PRODUCTS)
    engagement = _autoregression(random, ENGAGEMENT_MEMORY, block.size, scenario.months + 1, 1)
    activity, affluence, mobility, shopping, disaffection = traits
    return State(
        activity=activity,
        affluence=affluence,
        mobility=mobility,
        shopping=shopping,
        disaffection=disaffection,
        silent=silent,
        joined=joined,
        needs=needs,
        engagement=engagement[:, :, 0],
    )


def _autoregression(
    random: np.random.Generator, memory: float, customers: int, months: int, width: int
) -> Floats:
    """Return stationary AR(1) paths (customers, months, width) of unit variance."""
    paths = standard_normal(random, customers, months, width)
    fresh = np.float32(np.sqrt(1 - memory**2))
    for month in range(1, months):
        paths[:, month] = np.float32(memory) * paths[:, month - 1] + fresh * paths[:, month]
    return paths


def purchase_probability(scenario: Scenario, state: State) -> Doubles:
    """Return the chance of buying each product in each label month: (n, label months, products)."""
    months = np.array(scenario.label_months)
    propensity = state.needs[:, months] * PROPENSITY[:, 0]
    propensity += (
        state.activity[:, None] * PROPENSITY[:, 1] + state.affluence[:, None] * PROPENSITY[:, 2]
    )[:, None]
    swing = PROPENSITY_SEASON * scenario.season[months] + PROPENSITY_DRIFT * scenario.drift[months]
    level = intercepts(scenario)[None, None, :] + swing[None, :, None]
    strangers = STRANGERS_LOSS * ~state.known(months)[:, :, None]
    return logistic(level + PROPENSITY_STEEPNESS * propensity.astype(np.float64) - strangers)


def intercepts(scenario: Scenario) -> Doubles:
    """Return the products' intercepts: averaged over label months they give `PREVALENCE`."""
    months = np.array(scenario.label_months)
    swing = PROPENSITY_SEASON * scenario.season[months] + PROPENSITY_DRIFT * scenario.drift[months]
    # Late customers join uniformly in months 1 .. T - 1 and are unknown until that month is over.
    to_come = LATE_SHARE * np.clip(scenario.months - months, 0, None) / (scenario.months - 1)
    strangers = SILENT_SHARE + (1 - SILENT_SHARE) * to_come
    shifts = np.concatenate([swing, swing - STRANGERS_LOSS])
    weights = np.concatenate([1 - strangers, strangers]) / len(months)
    return np.array([solve_intercept(p, PROPENSITY_STEEPNESS, shifts, weights) for p in PREVALENCE])


def decline_score(state: State) -> Floats:
    """Return each customer's propensity to decline after the last month, standard normal."""
    return np.float32(0.8) * state.disaffection - np.float32(0.6) * state.engagement[:, -1]


def decline_probability(score: Floats) -> Doubles:
    """Return the chance that shop activity declines in the three months after the last."""
    level = solve_intercept(DECLINE_PREVALENCE, DECLINE_STEEPNESS)
    return logistic(level + DECLINE_STEEPNESS * score.astype(np.float64))


def order_rates(scenario: Scenario, state: State) -> Floats:
    """Return the expected orders per customer and month 0 .. T, from the state before the month.

    In the last three months disaffected customers order less and less.
    """
    months = np.arange(scenario.months + 1)
    falling = np.clip((months - (scenario.months - 3)) / 3, 0, 1)
    swing = (
        ORDER_LEVEL + ORDER_SEASON * scenario.season[months] + ORDER_DRIFT * scenario.drift[months]
    )
    rate = ORDER_SPREAD * state.shopping[:, None] + ORDER_ENGAGEMENT * state.engagement
    rate = rate * direction(scenario.plants, range(scenario.months + 1))
    rate = rate - ORDER_DECLINE * state.disaffection[:, None] * falling.astype(np.float32)
    rates = np.exp(rate + swing.astype(np.float32))
    return np.asarray(rates * (state.joined[:, None] <= months), dtype=np.float32)


def solve_intercept(
    mean: float,
    steepness: float,
    shifts: NDArray[np.float64] | tuple[float, ...] = (0.0,),
    weights: NDArray[np.float64] | tuple[float, ...] = (1.0,),
) -> float:
    """Return b that gives logistic(b + shift + steepness z), z normal, the weighted mean `mean`."""
    grid = np.linspace(-8, 8, 1601)
    density = np.exp(-(grid**2) / 2)
    both = np.asarray(weights)[:, None] * (density / density.sum())
    terms = np.asarray(shifts)[:, None] + steepness * grid
    low, high = -40.0, 40.0
    for _ in range(60):
        middle = (low + high) / 2
        too_low = float((both * logistic(middle + terms)).sum()) < mean
        low, high = (middle, high) if too_low else (low, middle)
    return (low + high) / 2


def logistic(value: NDArray[np.float64]) -> Doubles:
    """Return 1 / (1 + exp(-value)), elementwise."""
    return np.asarray(1 / (1 + np.exp(-value)), dtype=np.float64)
