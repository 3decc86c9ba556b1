"""Random and telling events of the bank and of a shop, and their raw files."""

import csv
import random
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.feature_oracle import read_specs
from tests.oracle_events import Event, first_day, month_number
from tests.workspaces import REPOSITORY

FIRST, LAST = month_number(date(2023, 1, 1)), month_number(date(2024, 6, 1))
SILENT = month_number(date(2023, 9, 1))
INSTANT = timedelta(microseconds=1)
CODES = (
    *("event_type", "event_subtype", "currency"),
    *("src_type11", "src_type12", "dst_type11", "dst_type12"),
    *("src_type21", "src_type22", "src_type31", "src_type32"),
)
SPEND_COLUMNS = ("amount", "quantity", "order_id", "item_id", "category", "is_cancellation")


def start(month: int) -> datetime:
    return datetime.combine(first_day(month), datetime.min.time())


def times(dice: random.Random) -> list[datetime]:
    """A customer's instants: bursts, twins, gaps of months, first and last instants of months."""
    liveliness = dice.choice([0.15, 0.4, 0.9])
    found: list[datetime] = []
    for month in range(dice.randint(FIRST, LAST - 2), LAST + 1):
        if month == SILENT or dice.random() > liveliness:
            continue
        begin, end = start(month), start(month + 1)
        for _ in range(dice.randint(1, 4)):
            inside = begin + dice.random() * (end - begin)
            twin = found[-1] if found and found[-1] >= begin else inside
            found.append(dice.choice([begin, end - INSTANT, twin, inside, inside, inside]))
    return found


def purchase(customer: str, time: datetime, amount: float, **others: Any) -> Event:
    absent = dict.fromkeys(SPEND_COLUMNS) | {"is_cancellation": False}
    return Event(customer, time, absent | {"amount": amount} | others)


def purchases(dice: random.Random, customers: int = 10) -> list[Event]:
    """Random purchases and refunds in quarters, whose sums are exact, so a sum of 0 is one."""
    found, categories = [], sliced_values("category")["category"]
    for customer in (f"c{n}" for n in range(customers)):
        for time in times(dice):
            is_refund = dice.random() < 0.25
            amount = dice.randint(0, 4000) / 4
            found.append(
                purchase(
                    customer,
                    time,
                    -amount if is_refund else amount,
                    quantity=dice.choice([None, -1.0, 1.0, 2.5]),
                    order_id=dice.choice([None, "o1", "o2", f"o{len(found)}"]),
                    item_id=dice.choice([None, "i1", "i2", "i3"]),
                    category=dice.choice([None, "toys", "Books & co", "it's", "-1", *categories]),
                    is_cancellation=is_refund,
                )
            )
    return found


def telling_purchases() -> list[Event]:
    """Customers for whom a rule decides: one event, twins, nothing left, nothing but a refund."""
    refund: dict[str, Any] = {"is_cancellation": True}
    fees = [start(FIRST + n) + timedelta(days=14) for n in (0, 1, 2, 12, 15)]
    cents = [(datetime(2024, 2, day), day + 0.99) for day in (1, 15, 29)]
    return [
        purchase("first instant", datetime(2023, 3, 1), 5),
        purchase("last instant", datetime(2023, 5, 31, 23, 59, 59, 999_999), 7.5, quantity=3.0),
        *[purchase("twins", datetime(2023, 12, 31, 12), 2.25, order_id="o") for _ in range(2)],
        purchase("refunded", datetime(2023, 4, 3), 80, order_id="o"),
        purchase("refunded", datetime(2023, 4, 30), -80, order_id="o", **refund),
        purchase("refunded", datetime(2023, 5, 1), 10, order_id="o"),
        purchase("only a refund", datetime(2024, 2, 29, 1), -12.5, **refund),
        *[purchase("fees", time, 499.99) for time in fees],
        *[purchase("cents", time, amount) for time, amount in cents],
    ]


def sliced_values(*dimensions: str) -> dict[str, list[Any]]:
    """Every value of these columns that a spec names."""
    values: dict[str, list[Any]] = {dimension: [] for dimension in dimensions}
    for spec in read_specs(REPOSITORY / "dbt_project").values():
        for dimension, declared in spec["grid"].get("slices", {}).items():
            if dimension in values:
                values[dimension] += declared
    return values


def bank_events(dice: random.Random, customers: Sequence[str]) -> list[Event]:
    values = {code: [None, 99, *known] for code, known in sliced_values(*CODES).items()}
    instants = [(customer, time) for customer in customers for time in times(dice)]
    instants.append(("b once", datetime(2023, 7, 31, 23, 59, 59, 999_999)))
    return [
        Event(
            customer,
            time,
            {"amount": dice.randint(-2000, 8000) / 4}
            | {code: dice.choice(known) for code, known in values.items()},
        )
        for customer, time in instants
    ]


def write_transactions(file: Path, events: Iterable[Event]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as opened:
        table = csv.writer(opened)
        table.writerow(["customer_id", "event_time", *SPEND_COLUMNS])
        for event in events:
            values = [event.columns[name] for name in SPEND_COLUMNS]
            table.writerow([event.customer, event.time.isoformat(), *values])


def write_bank(file: Path, events: Sequence[Event]) -> None:
    columns: dict[str, pa.Array] = {
        "client_id": pa.array([e.customer for e in events], pa.string()),
        "event_time": pa.array([e.time for e in events], pa.timestamp("us")),
        "amount": pa.array([e.columns["amount"] for e in events], pa.float64()),
    }
    columns |= {c: pa.array([e.columns[c] for e in events], pa.int32()) for c in CODES}
    write_parquet(file, columns)


def write_listed(file: Path, listed: dict[str, date]) -> None:
    """Clients whom the bank lists for a purchase month."""
    bought = {f"target_{n}": pa.array([0] * len(listed), pa.int32()) for n in range(1, 5)}
    clients = {"client_id": pa.array(list(listed)), "mon": pa.array(list(listed.values()))}
    write_parquet(file, clients | bought)


def write_parquet(file: Path, columns: dict[str, pa.Array]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), file)
