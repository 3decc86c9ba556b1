"""Events in time: drawn by customer-month, in order of time within a customer without sorting."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.simulate.scenario import Floats, Integers, Scenario

# How strongly events concentrate around noon: 0 is uniform; values below 1 keep their order.
NOON = 0.8


@dataclass(frozen=True)
class Events:
    """Events of a block of n customers, ordered by customer and time.

    `counts` is (n, months); `cell`, the customer-month of each event, and `seconds`, its time since
    the epoch (UTC), have one entry an event.
    """

    counts: Integers
    cell: NDArray[np.int32]
    seconds: Integers

    @property
    def per_cell(self) -> Integers:
        """Number of events of each customer-month, flat."""
        return self.counts.ravel()

    @property
    def per_customer(self) -> Integers:
        """Number of events of each customer."""
        return np.asarray(self.counts.sum(axis=1), dtype=np.int64)

    @property
    def customer(self) -> NDArray[np.int32]:
        """Row of each event's customer in the block."""
        return np.repeat(np.arange(len(self.counts), dtype=np.int32), self.per_customer)


def draw_events(scenario: Scenario, random: np.random.Generator, rates: Floats) -> Events:
    """Return Poisson events at `rates` (n, months), at ordered times within each month.

    The gaps of a Poisson process are exponential: their running sum, scaled to the month, gives k
    ordered uniform times from k + 1 gaps.
    """
    counts = random.poisson(rates).astype(np.int64)
    flat = counts.ravel()
    cell = np.repeat(np.arange(flat.size, dtype=np.int32), flat)
    gaps = random.standard_exponential(cell.size + flat.size, dtype=np.float32)
    gaps += np.float32(1e-7)  # A last gap of 0 would put an event into the next month.
    walk = np.cumsum(gaps, dtype=np.float64)
    ends = walk[np.cumsum(flat + 1) - 1]
    before = np.concatenate([[0.0], ends[:-1]])
    customers = len(counts)
    scale = np.tile(scenario.days[: scenario.months], customers) / (ends - before)
    own = walk[np.arange(cell.size) + cell]
    days = (own - np.repeat(before, flat)) * np.repeat(scale, flat)
    month_start = np.repeat(np.tile(scenario.starts[: scenario.months], customers), flat)
    return Events(counts, cell, month_start + seconds_of(days))


def seconds_of(days: NDArray[np.float64]) -> Integers:
    """Return whole seconds since the month's start; fractions of a day concentrate around noon."""
    whole = days.astype(np.int64)
    fraction = (days - whole).astype(np.float32)
    fraction += np.float32(NOON / (2 * np.pi)) * np.sin(np.float32(2 * np.pi) * fraction)
    within = np.clip(fraction * np.float32(86_400), 0, 86_399).astype(np.int64)
    return np.asarray(whole * 86_400 + within, dtype=np.int64)
