"""Every feature of past purchases against plain Python; none knows the month it predicts."""

import math
import random
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.oracle_events import Value, first_day, month_number
from tests.workspaces import TestWorkspace, make_workspace, real_data

FIRST, LAST = month_number(date(2022, 2, 1)), month_number(date(2023, 9, 1))
SILENT = month_number(date(2022, 11, 1))
BUILD = ("dbt", "build", "--quiet", "--select", "+ftr_purchase")
UNTESTED = ("--resource-type", "model", "--resource-type", "seed")
WINDOWS: dict[str, int] = {"1m": 1, "3m": 3, "6m": 6, "12m": 12, "all": 9999}
CODES = (
    *("event_type", "event_subtype", "currency", "src_type11", "src_type12", "dst_type11"),
    *("dst_type12", "src_type21", "src_type22", "src_type31", "src_type32"),
)
# By customer and month: products 1 to 4, each bought (1) or not (0); no entry where not listed.
Lists = dict[str, dict[int, tuple[int, ...]]]


def lists() -> Lists:
    """Random lists with gaps of months, and customers for whom a rule decides."""
    dice = random.Random(20220228)
    found: Lists = {}
    for customer in (f"c{n}" for n in range(12)):
        listed, keen = dice.choice([0.2, 0.6, 1.0]), dice.choice([0.03, 0.2, 0.5])
        found[customer] = {
            month: tuple(int(dice.random() < keen) for _ in range(4))
            for month in range(FIRST, LAST + 1)
            if month != SILENT and dice.random() < listed
        }
    found["never buys"] = dict.fromkeys(range(FIRST, FIRST + 3), (0, 0, 0, 0))
    found["buys once"] = {FIRST + 1: (0, 0, 1, 0), FIRST + 2: (0, 0, 0, 0)}
    found["last month"] = {LAST: (1, 1, 1, 1)}
    return {customer: months for customer, months in found.items() if months}


def write_lists(raw: Path, found: Lists, fold: int = 0) -> None:
    rows = [(c, month, bought) for c, months in found.items() for month, bought in months.items()]
    days = [str(date.fromordinal(first_day(month + 1).toordinal() - 1)) for _, month, _ in rows]
    table: dict[str, Any] = {"client_id": [customer for customer, _, _ in rows], "mon": days}
    for n in range(4):
        table[f"target_{n + 1}"] = pa.array([bought[n] for _, _, bought in rows], pa.int32())
    write(raw / "targets" / f"fold={fold}", table)


def write_payments(raw: Path, last: int) -> None:
    """A client without lists pays something, so that the bank's months reach to `last`."""
    times = [datetime.combine(first_day(month), datetime.min.time()) for month in (FIRST, last)]
    table = {"client_id": ["unlisted"] * 2, "event_time": times, "amount": [1.0, 2.0]}
    write(raw / "detail" / "trx" / "fold=0", table | {code: [1, 1] for code in CODES})


def write(folder: Path, table: Mapping[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(table), folder / "part-0.parquet")


def purchase_features(listed: dict[int, tuple[int, ...]], month: int) -> dict[str, Value]:
    """Every feature of one customer at the end of `month`."""
    past = {m: bought for m, bought in listed.items() if m <= month}
    known = recency("last_listed", "listed_months_ago_min", month, max(past, default=None))
    for name, value in over_windows(past, month):
        known[f"purchase_{name}"] = value
    for name, months in bought_months(past).items():
        newest = max(months, default=None)
        known |= recency(f"last_{name}", f"{name}_months_ago_min", month, newest)
        known[f"purchase_{name}_ever_max__all"] = float(bool(months)) if past else None
    first = min(bought_months(past)["any"], default=None)
    known |= recency("first_any", "any_months_ago_max", month, first)
    short, long = (known[f"purchase_any_count__{window}"] for window in ("3m", "12m"))
    known["purchase_any_ratio__3m_over_12m"] = short / long if short is not None and long else None
    return known


def recency(days: str, months: str, now: int, then: int | None) -> dict[str, Value]:
    """Days from the last day of the month `then`, and whole months; None for no such month."""
    names = f"purchase_{days}_days_since__all", f"purchase_{months}__all"
    if then is None:
        return dict.fromkeys(names)
    since = (first_day(now + 1) - first_day(then + 1)).days + 1
    return dict(zip(names, (since, now - then), strict=True))


def over_windows(past: dict[int, tuple[int, ...]], month: int) -> Iterator[tuple[str, Value]]:
    for window, length in WINDOWS.items():
        held = {m: bought for m, bought in past.items() if m > month - length}
        yield f"listed_count__{window}", len(held)
        months = bought_months(held)
        different = sum(bool(months[f"product_{n}"]) for n in range(1, 5))
        yield f"product_nunique__{window}", different
        for name in months:
            yield f"{name}_count__{window}", len(months[name])
            if window != "1m":
                yield (
                    f"{name}_month_mean__{window}",
                    len(months[name]) / len(held) if held else None,
                )


def bought_months(past: dict[int, tuple[int, ...]]) -> dict[str, list[int]]:
    """The months with a purchase, of any product and of each."""
    months = {f"product_{n + 1}": [m for m, bought in past.items() if bought[n]] for n in range(4)}
    return {"any": [m for m, bought in past.items() if any(bought)], **months}


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> TestWorkspace:
    home = tmp_path_factory.mktemp("purchases")
    write_lists(home / "raw", lists())
    write_payments(home / "raw", LAST)
    made = make_workspace(home, home / "raw")
    made.must(*BUILD, "+tgt_purchase_any")
    return made


def built(ws: TestWorkspace) -> dict[tuple[str, date], dict[str, Value]]:
    described = ws.query("select column_name from (describe features.ftr_purchase)")
    chosen = [name for (name,) in described if name.startswith("purchase_")]
    columns = ", ".join(chosen)
    rows = ws.query(f"select customer_id, feature_month, {columns} from features.ftr_purchase")
    return {(row[0], row[1]): dict(zip(chosen, row[2:], strict=True)) for row in rows}


def test_every_feature_is_what_the_lists_say(ws: TestWorkspace) -> None:
    found = built(ws)
    # Whom the bank lists for a month, it knew in the month before; whom it does not, it knows else.
    since = {customer: min(months) - 1 for customer, months in lists().items()}
    wanted = {
        (customer, first_day(month)): purchase_features(lists().get(customer, {}), month)
        for customer, first in (since | {"unlisted": FIRST}).items()
        for month in range(first, LAST + 1)
    }
    assert found.keys() == wanted.keys()
    assert {*next(iter(found.values()))} == {*next(iter(wanted.values()))}
    different = {
        name: (*key, found[key][name], value)
        for key, row in wanted.items()
        for name, value in row.items()
        if not agree(found[key][name], value)
    }
    assert different == {}


def agree(found: Value, wanted: Value) -> bool:
    if found is None or wanted is None:
        return found is wanted
    return math.isclose(found, wanted, rel_tol=1e-6)


def test_every_feature_tells_something_here(ws: TestWorkspace) -> None:
    rows = built(ws).values()
    alike = [name for name in next(iter(rows)) if len({row[name] for row in rows}) < 2]
    assert alike == []


def test_a_purchase_is_known_after_its_month_and_not_before(ws: TestWorkspace) -> None:
    """The row that predicts a month was known before it began, and knows none of its purchases."""
    rows = built(ws)
    month = first_day(FIRST + 1)
    before, after = rows["buys once", first_day(FIRST)], rows["buys once", month]
    assert before["purchase_product_3_count__all"] == before["purchase_listed_count__all"] == 0
    assert before["purchase_product_3_months_ago_min__all"] is None
    assert after["purchase_product_3_count__1m"] == after["purchase_listed_count__1m"] == 1
    assert after["purchase_product_3_months_ago_min__all"] == 0
    known = ws.value(
        "select min(features.event_timestamp - targets.event_timestamp) "
        "from targets.tgt_purchase_any as targets inner join features.ftr_purchase as features "
        "using (customer_id) where purchase_any_months_ago_min__all = 0 "
        "and targets.label = 1 and date_trunc('month', targets.event_timestamp) = feature_month"
    )
    assert isinstance(known, timedelta)
    assert known.days >= 28


def test_increments_and_late_lists_give_the_rows_of_one_build(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    late = {c: months for c, months in lists().items() if c in ("c1", "buys once")}
    early = {c: months for c, months in lists().items() if c not in late}
    grown = make_workspace(tmp_path / "grown", raw)
    write_payments(raw, LAST)
    write_lists(
        raw, {c: {m: b for m, b in each.items() if m < SILENT} for c, each in early.items()}
    )
    grown.must(*BUILD, *UNTESTED)
    write_lists(raw, early)
    write_lists(raw, late, fold=1)
    grown.must(*BUILD, *UNTESTED)
    fresh = make_workspace(tmp_path / "fresh", raw)
    fresh.must(*BUILD, *UNTESTED)
    assert built(fresh) == built(grown)
    months = "select * exclude month_version from intermediate.int_mbd_purchase_months order by all"
    assert fresh.query(months) == grown.query(months)


def test_the_genuine_bank_has_purchases_and_no_positions(tmp_path: Path) -> None:
    bank = make_workspace(tmp_path / "bank", real_data("mbd_sample"))
    bank.must(*BUILD, "+ftr_geo", "+dim_features", *UNTESTED)
    assert bank.value("select count(*) from features.ftr_geo") == 0
    families = bank.query("select distinct family from marts.dim_features")
    assert ("purchase",) in families
    assert ("geo",) not in families
    listed = bank.query(
        "select customer_id, max(purchase_listed_count__all), max(purchase_any_count__all) "
        "from features.ftr_purchase group by customer_id order by 1"
    )
    assert listed == bank.query(
        "select months.customer_id, count(label_month), "
        "coalesce(sum(greatest(product_1, product_2, product_3, product_4)), 0) "
        "from intermediate.int_customer_months as months "
        "left join staging.stg_mbd__targets as targets "
        "on targets.customer_id = months.customer_id and label_month = feature_month "
        "group by months.customer_id order by 1"
    )
    assert max(count for _, count, _ in listed) > 1
