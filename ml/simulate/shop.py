"""What the shop's sources take from every customer's latent state, and who is in which source."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.simulate.latent import State, decline_score, order_rates
from ml.simulate.scenario import Floats, Scenario

ORDERING_SHARE, MARKET_SHARE, SESSION_SHARE = 0.7, 0.4, 0.25


@dataclass(frozen=True)
class Shoppers:
    """The latent state that the shop's sources depend on, one row a customer.

    `engagement` (n, 3) is that at the end of the last three months, newest last; `order_rates`
    (n, T + 1) are expected orders in months 0 .. T.
    """

    affluence: Floats
    shopping: Floats
    engagement: Floats
    decline: Floats
    order_rates: Floats


@dataclass(frozen=True)
class SourceMembers:
    """Which customers (by index, in the order of their ids) each of the shop's sources knows."""

    ordering: NDArray[np.int64]
    market: NDArray[np.int64]
    raw_sessions: NDArray[np.int64]
    clean_sessions: NDArray[np.int64]


def shoppers(scenario: Scenario, state: State) -> Shoppers:
    """Return what the shop's sources need of one block."""
    return Shoppers(
        state.affluence,
        state.shopping,
        state.engagement[:, -3:].copy(),
        decline_score(state),
        order_rates(scenario, state),
    )


def join_shoppers(blocks: Sequence[Shoppers]) -> Shoppers:
    """Return the blocks' shoppers as one."""
    return Shoppers(
        *(
            np.concatenate([getattr(block, name) for block in blocks])
            for name in Shoppers.__dataclass_fields__
        )
    )


def draw_members(scenario: Scenario) -> SourceMembers:
    """Return who is in which source; a customer has sessions in one of the two files at most."""
    random = scenario.random("members")

    def some(share: float) -> NDArray[np.int64]:
        return random.permutation(scenario.customers)[: round(share * scenario.customers)]

    ordering, market, sessions = some(ORDERING_SHARE), some(MARKET_SHARE), some(2 * SESSION_SHARE)
    half = len(sessions) // 2
    return SourceMembers(np.sort(ordering), market, sessions[:half], sessions[half:])
