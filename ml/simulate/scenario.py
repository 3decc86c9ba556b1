"""The scenario of one run: its size, months, random streams and blocks of customers."""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.simulate.plants import Plants, make_plants
from ml.workspace.errors import BadInput

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]
Months = NDArray[np.datetime64]

LAST_LABEL_MONTH = np.datetime64("2023-01", "M")
FORMS = ("detail", "ptls")
FEWEST_CUSTOMERS = 100
FEWEST_MONTHS, MOST_MONTHS = 4, 240
# Customer-months per block: bounds memory whatever the company's size.
CELLS_A_BLOCK = 180_000
UNLABELLED_FOLD = -1
FOLD_SHARES = {0: 0.19, 1: 0.19, 2: 0.19, 3: 0.19, 4: 0.19, UNLABELLED_FOLD: 0.05}


@dataclass(frozen=True)
class Block:
    """Customers `first` to `first + size - 1`, all of one fold."""

    number: int
    fold: int
    first: int
    size: int


@dataclass(frozen=True)
class Scenario:
    """The arguments of one run and what follows from them alone."""

    customers: int
    months: int
    seed: int
    form: str
    plants: Plants = field(default_factory=Plants)

    def random(self, purpose: str, index: int = 0) -> np.random.Generator:
        """Return the random stream of `purpose` and `index`: the same for the same seed."""
        entropy = [self.seed, zlib.crc32(purpose.encode()), index]
        return np.random.Generator(np.random.SFC64(np.random.SeedSequence(entropy)))

    @cached_property
    def calendar(self) -> Months:
        """Months 0 .. `months` + 1 of datetime64[M]; events fill the first `months` of them."""
        return LAST_LABEL_MONTH - self.months + np.arange(self.months + 2)

    @cached_property
    def starts(self) -> Integers:
        """First instants of the calendar's months, in epoch seconds (UTC)."""
        return self.calendar.astype("datetime64[s]").astype(np.int64)

    @property
    def days(self) -> Integers:
        """Lengths of the calendar's months but the last, in days."""
        return np.diff(self.starts) // 86_400

    @property
    def label_months(self) -> range:
        """Indices of the months whose purchases are labelled; the last follows the last events."""
        return range(self.months + 1 - min(12, self.months - 3), self.months + 1)

    @cached_property
    def season(self) -> Doubles:
        """A yearly wave from -1 to 1 with its maximum in December, one value a calendar month."""
        month_of_year = self.calendar.astype(np.int64) % 12
        return np.asarray(np.cos(2 * np.pi * (month_of_year - 11) / 12), dtype=np.float64)

    @cached_property
    def drift(self) -> Doubles:
        """A slow trend, one value a calendar month, 0 in the first and growing by 1 a year."""
        return np.arange(self.months + 2) / 12

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The customers in blocks that fit in memory, fold after fold."""
        largest = max(1, CELLS_A_BLOCK // self.months)
        bounds = np.round(np.cumsum([0.0, *FOLD_SHARES.values()]) * self.customers).astype(int)
        cuts = [
            (fold, first, min(first + largest, int(end)))
            for fold, start, end in zip(FOLD_SHARES, bounds[:-1], bounds[1:], strict=True)
            for first in range(int(start), int(end), largest)
        ]
        return tuple(Block(i, fold, a, b - a) for i, (fold, a, b) in enumerate(cuts))


def make_scenario(
    customers: int, months: int, seed: int, form: str, plants: Iterable[str] = ()
) -> Scenario:
    """Return the scenario of a run; `plants` are texts `KIND@MONTH`.

    Raises:
        AlmanacError: an argument is out of its range, or a plant is not known.
    """
    _require(
        customers >= FEWEST_CUSTOMERS, f"customers is {customers}", f"{FEWEST_CUSTOMERS} or more"
    )
    _require(
        FEWEST_MONTHS <= months <= MOST_MONTHS,
        f"months is {months}",
        f"{FEWEST_MONTHS} to {MOST_MONTHS}",
    )
    _require(seed >= 0, f"seed is {seed}", "0 or more")
    _require(form in FORMS, f"form is {form!r}", " or ".join(FORMS))
    scenario = Scenario(customers, months, seed, form)
    simulated = scenario.calendar[:months].astype(str).tolist()
    return replace(scenario, plants=make_plants(plants, simulated))


def _require(holds: bool, fault: str, wanted: str) -> None:
    if not holds:
        raise BadInput(f"{fault}, but must be {wanted}.", "See: ml simulate --help")


def standard_normal(random: np.random.Generator, *shape: int) -> Floats:
    """Return float32 draws of mean 0 and deviation 1."""
    return random.standard_normal(shape, dtype=np.float32)


def company_ids(indices: NDArray[Any]) -> list[str]:
    """Return the company-wide ids of customers, such as `c0000123`."""
    return [f"c{index:07d}" for index in indices.tolist()]
