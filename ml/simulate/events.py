"""Events in time: so many a customer-month, in order of time within each customer, no sorting."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.simulate.scenario import Floats, Integers, Plan

# How strongly events gather around noon; 0 would spread them evenly, below 1 keeps their order.
NOON = 0.8


@dataclass(frozen=True)
class Events:
    """Events of a block: `counts` (n, months), and flat arrays ordered by customer and time."""

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


def draw_events(plan: Plan, random: np.random.Generator, rates: Floats) -> Events:
    """Return Poisson events at `rates` (n, months), at ordered times within each month.

    The gaps of a Poisson process are exponential: their running sum, scaled to the month, gives k
    ordered uniform times from k + 1 gaps.
    """
    counts = random.poisson(rates).astype(np.int64)
    flat = counts.ravel()
    cell = np.repeat(np.arange(flat.size, dtype=np.int32), flat)
    gaps = random.standard_exponential(cell.size + flat.size, dtype=np.float32)
    gaps += np.float32(1e-7)  # A gap of nothing at the end would put an event into the next month.
    walk = np.cumsum(gaps, dtype=np.float64)
    ends = walk[np.cumsum(flat + 1) - 1]
    before = np.concatenate([[0.0], ends[:-1]])
    customers = len(counts)
    scale = np.tile(plan.days[: plan.months], customers) / (ends - before)
    own = walk[np.arange(cell.size) + cell]
    days = (own - np.repeat(before, flat)) * np.repeat(scale, flat)
    month_start = np.repeat(np.tile(plan.starts[: plan.months], customers), flat)
    return Events(counts, cell, month_start + seconds_of(days))


def seconds_of(days: NDArray[np.float64]) -> Integers:
    """Return whole seconds since the month's start; fractions of a day gather around noon."""
    whole = days.astype(np.int64)
    part = (days - whole).astype(np.float32)
    part += np.float32(NOON / (2 * np.pi)) * np.sin(np.float32(2 * np.pi) * part)
    within = np.clip(part * np.float32(86_400), 0, 86_399).astype(np.int64)
    return np.asarray(whole * 86_400 + within, dtype=np.int64)
