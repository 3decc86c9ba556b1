"""Features of a company's own transactions, worked out by hand on a handful of events."""

import csv
import math
from pathlib import Path

import pytest

from tests.workspaces import TestWorkspace, make_workspace

COLUMNS = "customer_id event_time amount quantity order_id item_id category is_cancellation"
# a orders, over the end of a month too, and takes a book back; b has no order ids; c only returns.
EVENTS = """
a,2023-01-10T09:00:00,20,2,o1,i1,groceries,false
a,2023-01-10T09:00:00,30,1,o1,i2,books,false
a,2023-01-31T23:59:59.999999,10,1,o2,i1,groceries,false
a,2023-02-01T00:00:00,5,1,o2,i3,wine,false
a,2023-03-05T12:00:00,-30,-1,c1,i2,books,true
a,2023-04-20T18:30:00,40,4,o3,i1,groceries,false
a,2024-01-02T10:00:00,60,0,o4,i1,groceries,false
b,2023-01-15T00:00:00,12,1,,,,false
b,2023-01-15T00:00:00,77,5,,,,false
b,2023-03-01T00:00:00,7,,,,,false
c,2023-02-11T08:00:00,-5,-1,c2,i1,,true
"""
LATE = "a,2023-02-20T00:00:00,1,1,o5,i1,groceries,false\n"
FAMILIES = ("ftr_spend", "ftr_spend_basket", "ftr_spend_time", "ftr_spend_category")

# By customer and month, then by feature without `spend_`.
WANTED: dict[tuple[str, str], dict[str, float | None]] = {
    ("a", "2023-01"): {
        "amount_sum__1m": 60,
        "quantity_sum__1m": 4,
        "quantity_max__1m": 2,
        "price_mean__3m": (10 + 30 + 10) / 3,
        "price_min__3m": 10,
        "price_max__3m": 30,
        "item_nunique__1m": 2,
        "order_nunique__1m": 2,
        "month_nunique__all": 1,
        "returned_ratio__1m": None,
        "event_share__is_cancellation_true__1m": 0,
        "purchase_count__1m": 2,
        "basket_amount_mean__3m": 30,
        "basket_amount_std__3m": math.sqrt(800),
        "basket_amount_min__3m": 10,
        "basket_amount_max__3m": 50,
        "basket_amount_last__3m": 10,
        "basket_quantity_mean__3m": (3 + 1) / 2,
        "basket_line_max__3m": 2,
        "basket_item_mean__3m": 1.5,
        "purchase_gap_mean__3m": 21,
        "purchase_gap_std__3m": None,
        "first_purchase_days_since__all": 22,
        "last_purchase_days_since__all": 1,
        "purchase_gap_ratio__recency_over_mean": 1 / 21,
        # Both days are Tuesdays; nine in the morning, then midnight.
        "event_share__weekday_2__12m": 1,
        "event_share__weekday_1__12m": 0,
        "event_share__weekend_true__12m": 0,
        "event_share__quarter_1__12m": 2 / 3,
        "event_share__quarter_3__12m": 1 / 3,
        "event_share__category_groceries__3m": 2 / 3,
        "amount_share__category_books__3m": 30 / 60,
        "event_share__category_other__3m": 0,
        "amount_share__category_other__3m": None,
        "category_nunique__3m": 2,
    },
    ("a", "2023-02"): {
        "amount_sum__1m": 5,
        "amount_sum__3m": 65,
        "amount_sum__previous_month": 60,
        "amount_ratio__1m_over_previous_month": 5 / 60,
        "amount_ratio__1m_over_3m": 5 / 65,
        "amount_sum__same_month_last_year": None,
        "event_count__same_month_last_year": 0,
        "quantity_ratio__1m_over_3m": 1 / 5,
        "order_nunique__3m": 3,
        "purchase_count__3m": 3,
        "basket_amount_mean__3m": 65 / 3,
        "basket_amount_last__all": 5,
        "basket_amount_ratio__last_over_mean": 5 / (65 / 3),
        "purchase_gap_mean__3m": (21 + 1) / 2,
        "purchase_gap_std__3m": math.sqrt(200),
        "purchase_gap_min__3m": 1,
        "purchase_gap_max__3m": 21,
        "purchase_gap_last__all": 1,
        "event_share__category_other__3m": 1 / 4,
        "amount_share__category_other__3m": 5 / 65,
    },
    ("a", "2023-03"): {
        "amount_sum__1m": -30,
        "event_count__is_cancellation_true__1m": 1,
        "event_share__is_cancellation_true__3m": 1 / 5,
        "amount_sum__is_cancellation_true__3m": -30,
        "returned_ratio__1m": None,
        "returned_ratio__3m": 30 / 65,
        "price_mean__3m": (10 + 30 + 10 + 5 + 30) / 5,
        "price_min__3m": 5,
        "month_nunique__3m": 3,
        "month_share__all": 1,
        "active_share__all": 54 / 81,
        "last_event_days_since__all": 27,
        "purchase_count__1m": 0,
        "purchase_count__previous_month": 1,
        "basket_amount_last__3m": 5,
        "last_purchase_days_since__all": 59,
        "purchase_gap_ratio__recency_over_max": 59 / 21,
        "purchase_gap_ratio__recency_over_last": 59,
        "purchase_gap_ratio__last_over_mean": 1 / 11,
        "purchase_gap_ratio__std_over_mean": math.sqrt(200) / 11,
    },
    ("a", "2023-04"): {
        "amount_sum__3m": 5 - 30 + 40,
        "amount_trend__3m": (40 - 5) / 2,
        "event_trend__3m": 0,
        "price_mean__3m": (5 + 30 + 10) / 3,
        "purchase_count__6m": 4,
        "basket_amount_trend__3m": (40 - 5) / 2,
        "purchase_trend__6m": (2 * -0.5 + 1 * 0.5 + 1 * 2.5) / 17.5,
        "purchase_gap_last__3m": 78,
        "purchase_gap_mean__3m": (1 + 78) / 2,
        "purchase_gap_mean__12m": (21 + 1 + 78) / 3,
    },
    ("a", "2023-05"): {
        "amount_sum__1m": None,
        "amount_sum__previous_month": 40,
        "event_count__1m": 0,
        "event_ratio__1m_over_3m": 0,
        "amount_ratio__1m_over_3m": None,
        "price_max__3m": 30,
        "item_nunique__1m": 0,
        "month_share__all": 4 / 5,
        "purchase_count__1m": 0,
        "purchase_ratio__1m_over_3m": 0,
        "basket_amount_last__all": 40,
        "purchase_gap_mean__3m": 78,
        "purchase_gap_std__3m": None,
    },
    ("a", "2024-01"): {
        "amount_sum__same_month_last_year": 60,
        "amount_ratio__1m_over_same_month_last_year": 1,
        "event_count__same_month_last_year": 3,
        "amount_sum__12m": 5 - 30 + 40 + 60,
        "amount_sum__all": 135,
        "amount_per_day_mean__12m": 75 / 4,
        # A quantity of 0 has no price.
        "quantity_sum__1m": 0,
        "price_mean__3m": None,
        "quantity_ratio__1m_over_3m": None,
        "month_nunique__12m": 4,
        "month_share__all": 5 / 13,
        "purchase_gap_last__3m": 257,
        "basket_quantity_last__all": 0,
    },
    ("b", "2023-01"): {
        "order_nunique__1m": 0,
        "purchase_count__1m": 1,
        "basket_amount_max__3m": 89,
        "basket_quantity_last__3m": 6,
        "basket_line_mean__3m": 2,
        "basket_item_mean__3m": None,
        "purchase_gap_mean__all": None,
        "event_share__weekend_true__all": 1,
        "category_nunique__all": 0,
        "event_share__category_other__all": 1,
    },
    ("b", "2023-03"): {
        "price_mean__3m": (12 + 77 / 5) / 2,
        "purchase_gap_mean__3m": 45,
        "basket_quantity_mean__3m": 6,
        "basket_amount_mean__3m": (89 + 7) / 2,
    },
    ("c", "2023-02"): {
        "event_count__1m": 1,
        "event_share__is_cancellation_true__1m": 1,
        "returned_ratio__1m": None,
        "purchase_count__all": 0,
        "basket_amount_sum__all": None,
        "last_purchase_days_since__all": None,
        "purchase_gap_max__all": None,
    },
}


def write(path: Path, rows: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS.split())
        table.writerows(row.split(",") for row in rows.split())


def build(ws: TestWorkspace) -> None:
    untested = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
    ws.must("dbt", "build", "--quiet", *untested, "--select", *(f"+{name}" for name in FAMILIES))


def rows(ws: TestWorkspace) -> dict[tuple[str, str], dict[str, float | None]]:
    """Every family's features side by side, by customer and month."""
    named = ws.query(f"describe (select columns('^spend_.*') from {joined()})")
    names = [row[0] for row in named]
    assert len(names) == len(set(names))
    found = ws.query(
        f"select customer_id, strftime(feature_month, '%Y-%m'), {', '.join(names)} from {joined()}"
    )
    return {(row[0], row[1]): dict(zip(names, row[2:], strict=True)) for row in found}


def joined() -> str:
    first, *others = FAMILIES
    more = (f"join features.{family} using (customer_id, feature_month)" for family in others)
    return f"features.{first} {' '.join(more)}"


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> TestWorkspace:
    home = tmp_path_factory.mktemp("spend")
    write(home / "raw" / "transactions" / "all.csv", EVENTS)
    made = make_workspace(home, home / "raw")
    build(made)
    return made


@pytest.fixture(scope="module")
def features(ws: TestWorkspace) -> dict[tuple[str, str], dict[str, float | None]]:
    return rows(ws)


def agree(found: float | None, wanted: float | None) -> bool:
    """Whether a single-precision number is what it should be; nothing is only nothing."""
    if found is None or wanted is None:
        return found is wanted
    return math.isclose(found, wanted, rel_tol=1e-6, abs_tol=1e-9)


@pytest.mark.parametrize("key", WANTED, ids="-".join)
def test_features_are_what_a_hand_works_out(
    features: dict[tuple[str, str], dict[str, float | None]], key: tuple[str, str]
) -> None:
    found = features[key]
    different = {
        name: (found[f"spend_{name}"], value)
        for name, value in WANTED[key].items()
        if not agree(found[f"spend_{name}"], value)
    }
    assert different == {}


def test_the_families_have_the_same_customers_and_months(ws: TestWorkspace) -> None:
    """A customer without any purchase has a row of baskets too; nobody has one before its time."""
    counts = {ws.value(f"select count(*) from features.{family}") for family in FAMILIES}
    assert counts == {13 + 13 + 12}
    late = "select count(*) from features.ftr_spend_basket where event_timestamp <= feature_month"
    assert ws.value(late) == 0


def test_a_late_purchase_moves_the_gaps_of_later_months(
    features: dict[tuple[str, str], dict[str, float | None]], ws: TestWorkspace
) -> None:
    """Only its own month is read again, yet what the months after it look back on is new."""
    before = {key: dict(row) for key, row in features.items()}
    write(ws.raw / "transactions" / "late.csv", LATE)
    build(ws)
    after = rows(ws)
    assert after["a", "2023-02"]["spend_purchase_gap_last__3m"] == 19
    assert before["a", "2023-04"]["spend_purchase_gap_last__3m"] == 78
    assert after["a", "2023-04"]["spend_purchase_gap_last__3m"] == 59
    assert after["a", "2023-01"] == before["a", "2023-01"]
    assert after["b", "2023-05"] == before["b", "2023-05"]
