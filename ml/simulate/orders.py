"""The shop's orders: a CSV file a month, in order of time, with a few deliberately bad rows."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ml.simulate.events import seconds_of
from ml.simulate.plants import NEW_CATEGORY, NEW_ITEMS, kept_share, of_new_category, written
from ml.simulate.scenario import Doubles, Flags, Floats, Integers, Scenario
from ml.simulate.shop import Shoppers

HEADER = "customer_id,event_time,amount,quantity,order_id,item_id,category\n"
CATEGORIES = ("groceries", "clothing", "home", "beauty", "toys", "electronics", "garden", "books")
ITEMS = 2_000
BAD_LINE_RATE = 0.001
FIRST_ORDER, FIRST_BUYER = 1_000_001, 500_001


@dataclass(frozen=True)
class OrderMonth:
    """Orders of one month in order of time; `buyer` counts the shop's own customers from 0.

    `number` is the order's own; those of orders that a plant took out are given to no other.
    """

    month: int
    number: Integers
    buyer: Integers
    seconds: Integers
    amount: NDArray[np.float64]
    quantity: Integers
    item: Integers
    category: NDArray[np.str_]

    def only(self, kept: Flags) -> "OrderMonth":
        """Return the orders where `kept` (n,) is true."""
        columns = {name: each for name, each in vars(self).items() if name != "month"}
        return replace(self, **{name: values[kept] for name, values in columns.items()})


def buyer_ids(buyers: NDArray[Any]) -> list[str]:
    """Return the shop's own ids of its customers."""
    return [f"u{FIRST_BUYER + buyer}" for buyer in buyers.tolist()]


def draw_orders(scenario: Scenario, shoppers: Shoppers, ordering: Integers) -> Iterator[OrderMonth]:
    """Yield the months of orders: Poisson counts; prices grow with affluence; plants are in."""
    affluence, first = shoppers.affluence[ordering], FIRST_ORDER
    for month in range(scenario.months):
        random = scenario.random("orders", month)
        rates = shoppers.order_rates[ordering, month]
        drawn = _draw_month(scenario, random, month, rates, affluence)
        yield _planted(scenario, replace(drawn, number=first + drawn.number), affluence)
        first += drawn.number.size


def _draw_month(
    scenario: Scenario, random: np.random.Generator, month: int, rates: Floats, affluence: Floats
) -> OrderMonth:
    """Return the month's orders, numbered from 0."""
    counts = random.poisson(rates)
    buyer = np.repeat(np.arange(counts.size), counts)
    days = random.random(buyer.size) * scenario.days[month]
    order = np.argsort(days, kind="stable")
    buyer = buyer[order]
    quantity = 1 + random.poisson(0.8, buyer.size)
    item = (ITEMS * random.random(buyer.size) ** 2).astype(np.int64)
    price = np.exp(2.6 + 0.35 * affluence[buyer] + 0.7 * random.standard_normal(buyer.size))
    seconds = scenario.starts[month] + seconds_of(days[order])
    return OrderMonth(
        month=month,
        number=np.arange(buyer.size),
        buyer=buyer,
        seconds=seconds,
        amount=np.round(price * quantity, 2),
        quantity=quantity,
        item=item,
        category=np.array(CATEGORIES)[item % len(CATEGORIES)],
    )


def _planted(scenario: Scenario, orders: OrderMonth, affluence: Floats) -> OrderMonth:
    """Return `orders` as the scenario's plants change them; without plants, as they are."""
    plants, month = scenario.plants, orders.month
    keeping, choosing = scenario.random("plants", month).random((2, orders.buyer.size))
    new = of_new_category(plants, month, choosing)
    item = np.where(new, NEW_ITEMS + orders.item, orders.item)
    category = np.where(new, NEW_CATEGORY, orders.category)
    category, amount = written(plants, month, category, orders.amount)
    planted = replace(orders, item=item, category=category, amount=amount)
    return planted.only(keeping < kept_share(plants, month, affluence)[orders.buyer])


def write_month(scenario: Scenario, path: Path, orders: OrderMonth) -> int:
    """Write one month's file, bad lines included; return its number of lines without the header."""
    lines = _lines(orders)
    bad_lines, positions = _bad_lines(scenario, orders, lines)
    order = np.argsort(np.concatenate([np.arange(len(lines)), positions]), kind="stable")
    all_lines = pa.concat_arrays([lines, pa.array(bad_lines, pa.string())]).take(pa.array(order))
    with path.open("wb") as file:
        file.write(HEADER.encode())
        file.write(all_lines.buffers()[2] or b"")
    return len(all_lines)


def _lines(orders: OrderMonth) -> pa.StringArray:
    """Return one text a row, its line end included."""
    known = int(orders.buyer.max(initial=-1)) + 1
    buyers = pa.array(buyer_ids(np.arange(known)), pa.string()).take(pa.array(orders.buyer))
    numbers = [orders.amount, orders.quantity, orders.number, 10_000 + orders.item]
    texts = [pa.array(each).cast(pa.string()) for each in numbers]
    ends = pc.binary_join_element_wise(pa.array(orders.category, pa.string()), "\n", "")
    return pc.binary_join_element_wise(buyers, _iso(orders.seconds), *texts, ends, ",")


def _iso(seconds: Integers) -> pa.StringArray:
    """Return times as `2022-05-03T14:21:05`."""
    spaced = pa.array(seconds).cast(pa.timestamp("s")).cast(pa.string())
    return pc.binary_replace_slice(spaced, 10, 11, "T")


def _bad_lines(
    scenario: Scenario, orders: OrderMonth, lines: pa.StringArray
) -> tuple[list[str], Doubles]:
    """Return extra lines that staging must reject, and their positions among the rows.

    They are added to the true orders, so that rejecting them leaves every label as it was drawn.
    """
    if len(lines) == 0:
        return [], np.empty(0)
    random = scenario.random("dirt", orders.month)
    chosen = random.integers(0, len(lines), (4, max(1, round(BAD_LINE_RATE * len(lines)))))
    spoiled = [
        spoil(lines[row].as_py(), f"x{orders.month}-{kind}-{i}", kind)
        for kind in range(4)
        for i, row in enumerate(chosen[kind].tolist())
    ]
    return spoiled, (chosen.ravel() + 0.5).astype(np.float64)


def spoil(line: str, order_id: str, kind: int) -> str:
    """Return `line` without customer (0), with a bad amount (1), broken (2), or repeated (3)."""
    if kind == 3:
        return line
    fields = line.rstrip("\n").split(",")
    fields[4] = order_id
    if kind == 0:
        fields[0] = ""
    elif kind == 1:
        fields[2] = "n/a"
    else:
        fields[6:] = [fields[6], "sale", "see note"]
    return ",".join(fields) + "\n"
