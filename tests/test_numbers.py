"""Which numbers, flags and ids rows may have; what cannot be read is set aside, not left out."""

from pathlib import Path

import pyarrow as pa
import pytest

from tests.landed import CODES, EVENTS, SESSIONS, Company, company_fixture, put_bank  # noqa: F401
from tests.workspaces import TestWorkspace, make_workspace

STAGED = "staging.stg_transactions__events"
HEADER = f"{EVENTS},quantity,is_cancellation"
UNTESTED = ("resource_type:test", "resource_type:unit_test")


def built(home: Path, model: str, **files: str) -> TestWorkspace:
    ws = make_workspace(home, home / "raw")
    ws.raw.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = ws.raw / f"{name}.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    ws.must("dbt", "build", "--quiet", "--select", *model.split(), "--exclude", *UNTESTED)
    return ws


# Amounts of a file, and what staging reads in their order; None where the row is set aside.
FILES = [
    (["1,234", "12.50"], [1234, 12.5]),
    (["1,234.50", "7"], [1234.5, 7]),
    (["1.234", "12,50"], [1234, 12.5]),
    (["1.234.567", "-0,98", "1.234,5"], [1234567, -0.98, 1234.5]),
    (["1,234,567", "3"], [1234567, 3]),
    (["1,234", "2,500"], [1234, 2500]),
    (["1.234", "2.500"], [1.234, 2.5]),
    (["0,125", "12,5", "12.5"], [0.125, 12.5, None]),
    (["1.5", "2.5", "12,34"], [1.5, 2.5, None]),
    (["+5", "-5", ".5", "5.", "1e3", "1E-2"], [5, -5, 0.5, 5, 1000, 0.01]),
    (["1", "nan", "inf", "-Infinity", "1e308", "1e15", "1e400"], [1, *[None] * 6]),
    (["0,123", "1.5"], [None, 1.5]),
    (["0.123", "1,5", "2,5"], [None, 1.5, 2.5]),
    (["1", "2 pcs", "$3", "1 2", "0x10"], [1, None, None, None, None]),
    (["1", "1_000", "--1", "1,2,3", "1,23,456", ","], [1, None, None, None, None, None]),
]  # fmt: skip


@pytest.fixture(scope="module")
def amounts(tmp_path_factory: pytest.TempPathFactory) -> TestWorkspace:
    """A workspace with each list of amounts in a file of its own; ids tell file and place."""
    home = tmp_path_factory.mktemp("amounts")
    files = {
        f"transactions/{number:02}": "\n".join(
            [
                EVENTS,
                *(f'{number:02}-{n:02},2024-01-05,"{text}"' for n, text in enumerate(texts)),
                "",
            ]
        )
        for number, (texts, _) in enumerate(FILES)
    }
    return built(home, "stg_transactions__events", **files)


@pytest.mark.parametrize("number", range(len(FILES)))
def test_one_decimal_sign_holds_for_a_file(amounts: TestWorkspace, number: int) -> None:
    texts, expected = FILES[number]
    found = dict(amounts.query(f"select customer_id, amount from {STAGED}"))
    assert [found.get(f"{number:02}-{n:02}") for n in range(len(texts))] == expected
    reasons = amounts.query(
        f"select reason from staging.rejects where file like '%{number:02}.csv'"
    )
    assert len(reasons) == expected.count(None)
    assert all(reason.startswith("amount is ") for (reason,) in reasons)


def test_a_choice_in_doubt_is_told(company: Company) -> None:
    company.put("transactions.csv", f'{EVENTS}\na,2024-01-05,"1,234"\n')
    assert any("1,234" in note and "thousands" in note for note in company.land())
    company.put("transactions.csv", f'{EVENTS}\na,2024-01-05,"12,5"\nb,2024-01-05,7.5\n')
    assert any("12,5" in note and "7.5" in note for note in company.land())
    company.put("transactions.csv", f"{EVENTS}\na,2024-01-05,7.5\nb,2024-01-06,8\n")
    assert not any("decimal" in note for note in company.land())


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> TestWorkspace:
    """A shop whose rows differ in their quantity or flag: the customer's id says which."""
    rows = [
        f'"q:{text}",2024-01-05,1.5,"{text}",false'
        for text in ("1", "1,000", "", "-2", "2 pcs", "1e400")
    ]
    flags = ("true", "TRUE ", "1", "1.0", "Yes", "false", "0", "0.0", "no", "", "X", "2", "nan")
    rows += [f"f:{text},2024-01-05,1.5,1,{text}" for text in flags]
    text = "\n".join([HEADER, *rows, "\0,2024-01-05,1.5,1,false", ""])
    home = tmp_path_factory.mktemp("shop")
    return built(home, "stg_transactions__events", transactions=text)


def test_a_quantity_that_cannot_be_read_is_set_aside(shop: TestWorkspace) -> None:
    found = shop.query(
        f"select customer_id, quantity from {STAGED} where customer_id like 'q:%' order by all"
    )
    assert found == [("q:", None), ("q:-2", -2), ("q:1", 1), ("q:1,000", 1000)]


def test_a_flag_is_yes_no_or_set_aside(shop: TestWorkspace) -> None:
    found = shop.query(
        f"select customer_id, is_cancellation from {STAGED} where customer_id like 'f:%'"
    )
    yes = {"f:true", "f:TRUE", "f:1", "f:1.0", "f:Yes"}
    no = {"f:false", "f:0", "f:0.0", "f:no", "f:"}
    assert {name for name, flag in found if flag} == yes
    assert {name for name, flag in found if not flag} == no
    told = "is_cancellation is neither true nor false"
    assert shop.value(f"select count(*) from staging.rejects where reason = '{told}'") == 3


def test_an_id_with_a_control_character_is_set_aside(shop: TestWorkspace) -> None:
    assert shop.value(f"select count(*) from {STAGED} where customer_id = chr(0)") == 0
    reasons = {reason for (reason,) in shop.query("select reason from staging.rejects")}
    assert any("control character" in reason or "NUL" in reason for reason in reasons)


def test_a_session_that_cannot_be_is_set_aside(tmp_path: Path) -> None:
    rows = [
        "a,1,5,9,mobile,new,1",
        "b,1,-5,9,mobile,new,1",
        "c,-1,5,9,mobile,new,1",
        "d,1,x,9,m,n,1",
        "e,1,5,9,m,n,1e18",
        "f,1,5,9,m,n,1e400",
        "g,1,5,9,m,n,2",
        "h,0,0,0,m,n,0",
    ]
    text = "\n".join([SESSIONS, *rows, ""])
    ws = built(tmp_path, "stg_retailtech__sessions", raw_customer_data=text)
    accepted = ws.query("select customer_id from staging.stg_retailtech__sessions order by all")
    assert accepted == [("a",), ("h",)]
    reasons = ws.query("select reason from staging.rejects order by row_number")
    told = [
        "pages_viewed is below zero",
        "time_spent is below zero",
        "pages_viewed is not a number",
        *["purchase is neither 0 nor 1"] * 3,
    ]
    assert [reason for (reason,) in reasons] == told


def test_ids_and_codes_of_parquet_are_whole_numbers(company: Company) -> None:
    ids = pa.array([17850.0, float("nan"), 1e17, 17850.5, None], pa.float64())
    codes = pa.array([1.0, 2.0, 3.0, 4.0, 2.5], pa.float64())
    moments = pa.array(["2024-01-05 10:00:00+02", *["2024-01-05"] * 4])
    put_bank(
        company,
        client_id=ids,
        amount=[1.0] * 5,
        event_time=moments,
        **{**{code: [1] * 5 for code in CODES}, "event_type": codes},
    )
    company.land()
    found = company.rows(
        "select client_id, event_type, event_time::varchar, _error from landed.mbd__trx"
    )
    assert [row[0] for row in found] == ["17850", None, None, None, None]
    assert [row[1] for row in found] == [1, 2, 3, 4, None]
    assert found[0][2] == "2024-01-05 08:00:00"
    assert [bool(row[3]) for row in found] == [False, True, True, True, True]


def test_an_amount_below_zero_is_no_purchase(tmp_path: Path) -> None:
    rows = [f"other,2024-{month:02}-{day:02},5" for month in range(1, 9) for day in (1, 28)]
    rows += ["r,2024-01-03,20", "r,2024-02-03,-20", "r,2024-07-03,-20"]
    text = "\n".join([EVENTS, *rows, ""])
    ws = built(
        tmp_path, "+tgt_spend_next_month +int_transactions_purchase_months", transactions=text
    )
    labels = dict(
        ws.query(
            "select event_timestamp::date::varchar, label from targets.tgt_spend_next_month "
            "where customer_id = 'r'"
        )
    )
    assert labels["2024-02-01"] == labels["2024-07-01"] == 0
    bought = (
        "select distinct feature_month::varchar from intermediate.int_transactions_purchase_months"
    )
    assert ws.query(f"{bought} where customer_id = 'r'") == [("2024-01-01",)]
