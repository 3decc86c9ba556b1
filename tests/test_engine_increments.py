"""Random events that come in any order, in any files: increments give what one build gives."""

import random
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.oracle_events import Event, first_day
from tests.random_events import (
    FIRST,
    LAST,
    bank_events,
    purchases,
    write_bank,
    write_transactions,
)
from tests.test_feature_oracle import build
from tests.test_increments import assert_same, tables
from tests.workspaces import make_workspace

MODELS = ("ftr_trx", "ftr_trx_currency", "ftr_spend")
# Which file of its source an event lies in.
LAYOUTS: dict[str, Callable[[Event], str]] = {
    "one file": lambda event: "all",
    "a file a month": lambda event: f"{first_day(event.month):%Y-%m}",
    "a file a customer": lambda event: event.customer,
}
# How the first build and its increments are made: with so few values at once that months and
# customers are built in many batches, or all at once. Which of the two must not matter.
BATCHES = (("--vars", "{cells_at_once: 5000}"), (), ("--vars", "{cells_at_once: 5000}"))


def arrivals(dice: random.Random, events: Sequence[Event], steps: int) -> list[list[Event]]:
    """What is there at each step: months one after the other, late events, events taken back."""
    ends = [*sorted(dice.sample(range(FIRST + 2, LAST), steps - 1)), LAST]
    there: list[list[Event]] = [[] for _ in ends]
    for event in events:
        comes = next(step for step, end in enumerate(ends) if event.month <= end)
        if dice.random() < 0.15:
            comes = dice.randint(comes, steps - 1)
        goes = steps if dice.random() < 0.9 else dice.randint(comes, steps)
        for step in range(comes, goes):
            there[step].append(event)
    return there


class Files:
    """The raw files of a source; only those whose events are others are written again."""

    def __init__(self, folder: Path, name: str, write: Callable[[Path, Sequence[Event]], None]):
        self.folder, self.name, self.write = folder, name, write
        self.held: dict[str, list[Event]] = {}

    def hold(self, events: Sequence[Event], layout: Callable[[Event], str]) -> None:
        wanted: dict[str, list[Event]] = {}
        for event in events:
            wanted.setdefault(layout(event), []).append(event)
        for key in self.held.keys() - wanted.keys():
            (self.folder / self.name.format(key)).unlink()
        for key, own in wanted.items():
            if self.held.get(key) != own:
                self.write(self.folder / self.name.format(key), own)
        self.held = wanted


# A sequence takes half a minute: the longest way to lay out the files, and any events.
@pytest.mark.parametrize(("seed", "layout"), [(712_344, "a file a customer")])
def test_any_sequence_of_increments_gives_the_rows_of_one_build(
    tmp_path_factory: pytest.TempPathFactory, seed: int, layout: str
) -> None:
    dice, home = random.Random(seed), tmp_path_factory.mktemp("random")
    ws = make_workspace(home, home / "raw")
    bank = Files(ws.raw / "detail/trx/fold=0", "part-{}.parquet", write_bank)
    shop = Files(ws.raw / "transactions", "{}.csv", write_transactions)
    banked = arrivals(dice, bank_events(dice, ["c1", "c2", "b1"]), len(BATCHES))
    bought = arrivals(dice, purchases(dice, customers=3), len(BATCHES))
    for transactions, sales, options in zip(banked, bought, BATCHES, strict=True):
        bank.hold(transactions, LAYOUTS[layout])
        shop.hold(sales, LAYOUTS[layout])
        build(ws, *MODELS, options=options)
    grown = tables(ws)
    build(ws, *MODELS, options=["--full-refresh"])
    assert_same(tables(ws), grown)
    assert len(grown["features.ftr_trx"]) > 0
    shutil.rmtree(home)
