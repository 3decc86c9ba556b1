"""Every feature of the grid families, customer-month by customer-month, against plain Python."""

import csv
import math
import random
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.feature_oracle import Event, Value, features, first_day, month_number, read_spec
from tests.workspaces import REPOSITORY, TestWorkspace, make_workspace

FIRST, LAST = month_number(date(2023, 1, 1)), month_number(date(2024, 6, 1))
SILENT = month_number(date(2023, 9, 1))
INSTANT = timedelta(microseconds=1)
CODES = ("event_type", "src_type11", "dst_type11")
SPEND_COLUMNS = ("amount", "quantity", "order_id", "item_id", "is_cancellation")
FAMILIES = {"ftr_spend": "transactions", "ftr_trx": "mbd"}


def start(month: int) -> datetime:
    return datetime.combine(first_day(month), datetime.min.time())


def times(dice: random.Random) -> list[datetime]:
    """A customer's instants: bursts, gaps of months, first and last instants of months."""
    liveliness = dice.choice([0.15, 0.4, 0.9])
    found = []
    for month in range(dice.randint(FIRST, LAST - 2), LAST + 1):
        if month == SILENT or dice.random() > liveliness:
            continue
        begin, end = start(month), start(month + 1)
        for _ in range(dice.randint(1, 4)):
            inside = begin + dice.random() * (end - begin)
            found.append(dice.choice([begin, end - INSTANT, inside, inside, inside]))
    return found


def purchase(customer: str, time: datetime, amount: float, **others: Any) -> Event:
    absent = dict.fromkeys(SPEND_COLUMNS) | {"is_cancellation": False}
    return Event(customer, time, absent | {"amount": amount} | others)


def purchases(dice: random.Random) -> list[Event]:
    """Random purchases and refunds in quarters, whose sums are exact, so a sum of 0 is one."""
    found = []
    for customer in (f"c{n}" for n in range(10)):
        for time in times(dice):
            is_refund = dice.random() < 0.25
            amount = dice.randint(0, 4000) / 4
            found.append(
                purchase(
                    customer,
                    time,
                    -amount if is_refund else amount,
                    quantity=dice.choice([None, 1.0, 2.5]),
                    order_id=dice.choice([None, "o1", "o2", f"o{len(found)}"]),
                    item_id=dice.choice([None, "i1", "i2", "i3"]),
                    is_cancellation=is_refund,
                )
            )
    return found


def telling_purchases() -> list[Event]:
    """Customers for whom a rule decides: one event, twins, nothing left, nothing but a refund."""
    refund: dict[str, Any] = {"is_cancellation": True}
    fees = [start(FIRST + n) + timedelta(days=14) for n in (0, 1, 2, 15)]
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


def bank_events(dice: random.Random) -> list[Event]:
    kinds = [None, 1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 14, 15, 16, 23, 24, 99]
    codes = {"event_type": kinds, "src_type11": [None, 1, 2, 3], "dst_type11": [None, 1, 2, 0]}
    found = [Event("b once", datetime(2023, 7, 31, 23, 59, 59, 999_999), {"amount": 3.5})]
    for customer in ("c1", "c2", *(f"b{n}" for n in range(8))):
        for time in times(dice):
            amount = dice.randint(-2000, 8000) / 4
            found.append(Event(customer, time, {"amount": amount}))
    return [
        Event(e.customer, e.time, {**e.columns, **{c: dice.choice(codes[c]) for c in CODES}})
        for e in found
    ]


def write_transactions(raw: Path, events: Iterable[Event]) -> None:
    (raw / "transactions").mkdir(parents=True)
    for year in (2023, 2024):
        with (raw / "transactions" / f"{year}.csv").open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["customer_id", "event_time", *SPEND_COLUMNS])
            for event in events:
                if event.time.year == year:
                    values = [event.columns[name] for name in SPEND_COLUMNS]
                    table.writerow([event.customer, event.time.isoformat(), *values])


def write_bank(raw: Path, events: list[Event], listed: dict[str, date]) -> None:
    """Transactions in two files, and clients whom the bank lists for a purchase month."""
    others = ("event_subtype", "currency", "src_type12", "dst_type12")
    others += ("src_type21", "src_type22", "src_type31", "src_type32")
    for fold in (0, 1):
        part = events[fold::2]
        columns: dict[str, pa.Array] = {
            "client_id": pa.array([e.customer for e in part]),
            "event_time": pa.array([e.time for e in part], pa.timestamp("us")),
            "amount": pa.array([e.columns["amount"] for e in part], pa.float64()),
        }
        columns |= {c: pa.array([e.columns[c] for e in part], pa.int32()) for c in CODES}
        columns |= {name: pa.array([1] * len(part), pa.int32()) for name in others}
        write_parquet(raw / "detail" / "trx" / f"fold={fold}", columns)
    bought = {f"target_{n}": pa.array([0] * len(listed), pa.int32()) for n in range(1, 5)}
    clients = {"client_id": pa.array(list(listed)), "mon": pa.array(list(listed.values()))}
    write_parquet(raw / "targets" / "fold=0", clients | bought)


def write_parquet(folder: Path, columns: dict[str, pa.Array]) -> None:
    folder.mkdir(parents=True)
    pq.write_table(pa.table(columns), folder / "part-0.parquet")


@pytest.fixture(scope="module")
def raw_events() -> dict[str, list[Event]]:
    dice = random.Random(20230901)
    return {
        "transactions": purchases(dice) + telling_purchases(),
        "mbd": bank_events(dice),
    }


@pytest.fixture(scope="module")
def listed(raw_events: dict[str, list[Event]]) -> dict[str, date]:
    """One client without any transaction, and one listed before its first."""
    early = min(e.month for e in raw_events["mbd"] if e.customer == "b3") - 2
    return {"b unseen": date(2023, 8, 31), "b3": first_day(early + 1)}


@pytest.fixture(scope="module")
def ws(
    raw_events: dict[str, list[Event]],
    listed: dict[str, date],
    tmp_path_factory: pytest.TempPathFactory,
) -> TestWorkspace:
    home = tmp_path_factory.mktemp("oracle")
    write_transactions(home / "raw", raw_events["transactions"])
    write_bank(home / "raw", raw_events["mbd"], listed)
    made = make_workspace(home, home / "raw")
    made.must("dbt", "build", "--quiet", "--select", "+ftr_spend", "+ftr_trx")
    return made


def expected(
    model: str, events: list[Event], listed: dict[str, date], last: int
) -> dict[tuple[str, date], dict[str, Value]]:
    """Every row the table must have: each customer the source knows, each month since."""
    spec = read_spec(model, REPOSITORY / "dbt_project")
    sightings = [(event.customer, event.month) for event in events]
    if model == "ftr_trx":
        # A client listed for a purchase month was known in the month before.
        sightings += [(customer, month_number(day) - 1) for customer, day in listed.items()]
    return {
        (customer, first_day(month)): features(
            spec, [event for event in events if event.customer == customer], month
        )
        for customer in {name for name, _ in sightings}
        for month in range(min(m for name, m in sightings if name == customer), last + 1)
    }


def built(ws: TestWorkspace, model: str) -> dict[tuple[str, date], dict[str, Value]]:
    names = [name for (name,) in ws.query(f"select column_name from (describe features.{model})")]
    marks = ["customer_id", "feature_month", "event_timestamp", "month_version"]
    chosen = [name for name in names if name not in marks]
    assert {*marks} < {*names}
    columns = ", ".join(chosen)
    rows = ws.query(f"select customer_id, feature_month, {columns} from features.{model}")
    found = {(row[0], row[1]): dict(zip(chosen, row[2:], strict=True)) for row in rows}
    assert len(found) == len(rows)
    return found


def agree(name: str, found: Value, wanted: Value, largest: float) -> bool:
    if found is None or wanted is None:
        return found is wanted
    if "_std__" in name:
        # A sum of squares cannot tell a spread of a ten-millionth of its values from none.
        return math.isclose(found, wanted, rel_tol=1e-6, abs_tol=1e-7 * largest)
    return math.isclose(found, wanted, rel_tol=1e-9)


@pytest.mark.parametrize("model", FAMILIES)
def test_every_feature_is_what_its_events_say(
    ws: TestWorkspace,
    raw_events: dict[str, list[Event]],
    listed: dict[str, date],
    model: str,
) -> None:
    events = raw_events[FAMILIES[model]]
    last = max(event.month for each in raw_events.values() for event in each)
    wanted, found = expected(model, events, listed, last), built(ws, model)
    assert found.keys() == wanted.keys()
    largest = max(abs(event.columns["amount"]) for event in events)
    # One example a feature says more than many of one.
    different = {
        name: (*key, found[key].get(name, "no such column"), value)
        for key, row in wanted.items()
        for name, value in row.items()
        if name not in found[key] or not agree(name, found[key][name], value, largest)
    }
    assert different == {}
    assert {*next(iter(found.values()))} == {*next(iter(wanted.values()))}


@pytest.mark.parametrize("model", FAMILIES)
def test_no_feature_is_always_empty_here(ws: TestWorkspace, model: str) -> None:
    rows = built(ws, model).values()
    assert [name for name in next(iter(rows)) if not any(row[name] for row in rows)] == []


@pytest.mark.parametrize("model", FAMILIES)
def test_a_row_is_known_when_its_month_is_over(ws: TestWorkspace, model: str) -> None:
    rows = ws.query(f"select distinct feature_month, event_timestamp from features.{model}")
    assert [row for row in rows if row[1] != start(month_number(row[0]) + 1)] == []
    assert month_number(max(month for month, _ in rows)) == LAST
