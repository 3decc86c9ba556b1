"""What the shop's own sources need to know of every customer, kept while blocks come and go."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.simulate.latent import State, decline_score, order_rates
from ml.simulate.scenario import Floats, Plan

ORDERING_SHARE, MARKET_SHARE, SESSION_SHARE = 0.7, 0.4, 0.25


@dataclass(frozen=True)
class Shoppers:
    """One row a customer; `engagement` holds the ends of the last three months, newest last.

    `order_rates` are expected orders in months 0 .. T.
    """

    affluence: Floats
    shopping: Floats
    engagement: Floats
    decline: Floats
    order_rates: Floats


@dataclass(frozen=True)
class Members:
    """Which customers (by index, in the order of their ids) each of the shop's sources knows."""

    ordering: NDArray[np.int64]
    market: NDArray[np.int64]
    raw_sessions: NDArray[np.int64]
    clean_sessions: NDArray[np.int64]


def shoppers(plan: Plan, state: State) -> Shoppers:
    """Return what the shop's sources need of one block."""
    return Shoppers(
        state.affluence,
        state.shopping,
        state.engagement[:, -3:].copy(),
        decline_score(state),
        order_rates(plan, state),
    )


def join_shoppers(parts: Sequence[Shoppers]) -> Shoppers:
    """Return the blocks' shoppers as one."""
    return Shoppers(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in Shoppers.__dataclass_fields__
        )
    )


def draw_members(plan: Plan) -> Members:
    """Return who is in which source; a customer has sessions in one of the two files at most."""
    random = plan.random("members")

    def some(share: float) -> NDArray[np.int64]:
        return random.permutation(plan.customers)[: round(share * plan.customers)]

    ordering, market, sessions = some(ORDERING_SHARE), some(MARKET_SHARE), some(2 * SESSION_SHARE)
    half = len(sessions) // 2
    return Members(np.sort(ordering), market, sessions[:half], sessions[half:])
