"""Landing: mappings, settings, and what is remembered between commands."""

from datetime import date

import pytest

from tests.landed import (
    EVENTS,
    SESSIONS,
    company_fixture,  # noqa: F401
    put_bank,
    put_shop,
)
from tests.workspaces import real_data

# Transactions through mappings


def test_canonical_transactions(company):
    company.put(
        "transactions/a.csv", f"{EVENTS},order_id\n1,2024-01-05,10.5,x\n1,2024-01-05,10.5,x\n"
    )
    notes = company.land()
    rows = company.rows("select * exclude (_file, _error, _line) from landed.transactions__events")
    row = ("1", "2024-01-05", "10.5", None, "x", None, None, None, False)
    assert rows == [(*row, 2), (*row, 3)]
    assert any("through mapping canonical" in note for note in notes)


def test_own_mapping_with_formats_and_duplicates(company):
    company.put(
        "till.txt",
        " who  day  sum\r\n 1  05.01.24  10\r\n 1  05.01.24  10\r\n 1  5th  10\r\n 2 x\r\n",
    )
    mapping = {
        "files": "till.txt",
        "delimiter": "whitespace",
        "time_format": "%d.%m.%y",
        "duplicates": "reject",
        "columns": {
            "customer_id": "who",
            "event_time": "day",
            "amount": "cast(sum as integer) * 2",
        },
    }
    company.land(transactions={"mapping": mapping})
    rows = company.rows(
        "select customer_id, event_time, amount, is_duplicate, _error "
        "from landed.transactions__events order by _row"
    )
    assert rows == [
        ("1", "2024-01-05T00:00:00", "20", False, None),
        ("1", "2024-01-05T00:00:00", "20", True, None),
        ("1", None, "20", False, "event_time is not like %d.%m.%y: 5th"),
        (None, None, None, False, "2 fields where the header has 3"),
    ]


def test_cdnow_lands_whole(company):
    company.land(real_data("cdnow"))
    query = (
        "select count(*), count(distinct customer_id), min(event_time), max(_row), count(_error)"
    )
    assert company.rows(f"{query} from landed.transactions__events") == [
        (69659, 23570, "1997-01-01T00:00:00", 69660, 0)
    ]


def test_online_retail_lands_whole(company):
    company.land(real_data("online_retail"))
    query = """
        select count(*), count(customer_id), count(*) filter (is_duplicate),
            count(*) filter (is_cancellation = 'true'), count(distinct _file),
            sum(amount::double) from landed.transactions__events
    """
    assert company.rows(query) == [
        (541909, 406829, 5268, 9288, 305, pytest.approx(9747747.93, abs=1))
    ]
    assert company.rows(
        "select count(*) from landed.transactions__events where customer_id like '%.%'"
    ) == [(0,)]


# The workspace


def test_settings_sources_and_identities(company):
    put_shop(company)
    company.put("identities.csv", "source,source_id,customer_id\none_click, 1 ,c-1\n")
    notes = company.land(one_click={"snapshot_month": date(2025, 6, 1)})
    settings = dict(company.rows("from landed.workspace__settings"))
    assert settings["one_click.snapshot_month"] == "2025-06-01"
    assert settings["retailtech.snapshot_month"] == "2024-01-01"
    assert notes == []
    assert company.rows("from landed.workspace__identities") == [("one_click", "1", "c-1")]
    sources = dict(company.rows("select source, is_present from landed.workspace__sources"))
    others = dict.fromkeys(["mbd", "responses", "retailtech", "transactions"], False)
    assert sources == {"one_click": True, **others}
    assert [note for note in company.land() if "snapshot_month is 2024-01-01" in note]


def test_absent_sources_are_empty_relations_of_the_same_columns(company):
    put_bank(company)
    company.land()
    query = """
        select column_name, data_type from information_schema.columns
        where table_name = ? order by ordinal_position
    """
    shape = {
        name: company.warehouse.execute(query, [name]).fetchall()
        for name in ("mbd__geo", "mbd__trx")
    }
    assert shape["mbd__geo"][1] == ("event_time", "TIMESTAMP")
    meta = [("_file", "VARCHAR"), ("_row", "BIGINT"), ("_error", "VARCHAR"), ("_line", "VARCHAR")]
    assert shape["mbd__geo"][-4:] == meta == shape["mbd__trx"][-4:]
    put_shop(company)
    company.land()
    full = company.warehouse.execute(query, ["one_click__money"]).fetchall()
    for name in ("market_file", "market_money", "market_time", "money"):
        (company.raw / f"{name}.csv").unlink()
    company.land()
    assert company.warehouse.execute(query, ["one_click__money"]).fetchall() == full
    assert company.rows("from landed.one_click__money") == []


def test_what_did_not_change_is_not_read_again(company):
    put_shop(company)
    company.put("raw_customer_data.csv", f"{SESSIONS}\n1,2,3,4,a,New,0\n")
    company.land()
    company.warehouse.execute("delete from landed.one_click__money")
    company.warehouse.execute("delete from landed.retailtech__sessions")
    company.put("raw_customer_data.csv", f"{SESSIONS}\n1,2,3,4,a,New,0\n2,2,3,4,a,New,0\n")
    company.land()
    assert company.rows("select count(*) from landed.one_click__money") == [(0,)]
    assert company.rows("select count(*) from landed.retailtech__sessions") == [(2,)]


def test_an_error_leaves_the_warehouse_as_it_was(company):
    put_shop(company)
    put_bank(company)
    company.land()
    before = company.rows("from landed.files"), company.rows("from landed.one_click__market_time")
    company.put("market_time.csv", "id,Период,минут\n1,x,1\n2,x,2\n")
    company.put("money.csv", "")
    assert "money.csv is empty" in company.complaint()
    assert (
        company.rows("from landed.files"),
        company.rows("from landed.one_click__market_time"),
    ) == before


def test_a_new_source_is_one_declaration(company, tmp_path):
    declaration = tmp_path / "project/models/staging/till/_till.yml"
    declaration.parent.mkdir(parents=True)
    declaration.write_text("""
        sources:
          - name: till
            schema: landed
            config: {meta: {settings: {currency: eur}}}
            tables:
              - name: receipts
                identifier: till__receipts
                config: {meta: {format: csv, files: "till/*.csv"}}
                columns: [{name: number, data_type: varchar}, {name: total, data_type: varchar}]
    """)
    company.put("till/june.csv", "number|total\n1|2.5\n")
    company.land(project=tmp_path / "project")
    assert company.rows("select number, total, _file from landed.till__receipts") == [
        ("1", "2.5", "till/june.csv")
    ]
    assert ("till.currency", "eur") in company.rows("from landed.workspace__settings")
    put_shop(company)
    company.land()
    assert not company.rows("select * from duckdb_tables() where table_name = 'till__receipts'")


SALES = "buyer,day,total,pieces,kind\n"
MAPPED = {
    "files": ["sales.csv"],
    "columns": {
        "customer_id": "buyer",
        "event_time": "day",
        "amount": "total",
        "quantity": "cast(pieces as integer)",
    },
}


def test_rows_that_where_leaves_out_are_told_and_not_landed(company):
    company.put(
        "sales.csv",
        SALES
        + "a,2024-01-05,5,1,sale\nb,2024-01-06,6,1,test\nc,2024-01-07,7,1,\nd,2024-01-08\n"
        + "e,2024-01-09,8,1,SALE\n",
    )
    mapping = MAPPED | {"where": "lower(kind) = 'sale'"}
    notes = company.land(transactions={"mapping": mapping})
    assert "transactions: `where` of mapping workspace.yml leaves 2 rows out." in notes
    rows = "select customer_id, _row, _error from landed.transactions__events order by _row"
    assert company.rows(rows) == [
        ("a", 2, None),
        (None, 5, "2 fields where the header has 5"),
        ("e", 6, None),
    ]


def test_a_row_whose_expressions_fail_says_which(company):
    company.put(
        "sales.csv",
        SALES
        + "a,2024-01-05,5,1,1\nb,2024-01-06,6,2 pcs,1\nc,2024-01-07,7,,1\nd,2024-01-08,8,1,x\n",
    )
    company.land(transactions={"mapping": MAPPED | {"where": "cast(kind as integer) = 1"}})
    rows = "select customer_id, quantity, _error from landed.transactions__events order by _row"
    assert company.rows(rows) == [
        ("a", "1", None),
        ("b", None, "quantity cannot be computed"),
        ("c", None, None),
        ("d", "1", "where cannot be computed"),
    ]


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("(select true)", "no scalar expression"),
        ("", "`where` has no expression"),
        ("colour = 'red'", "column `colour` is missing"),
        (5, "where: `5`: it is of type INTEGER, no condition"),
        ("buyer", "where: `buyer`: it is of type VARCHAR, no condition"),
    ],
)
def test_a_where_is_checked_as_an_expression_is(company, where, told):
    company.put("sales.csv", SALES + "a,2024-01-05,5,1,sale\n")
    assert told in company.complaint(transactions={"mapping": MAPPED | {"where": where}})


@pytest.mark.parametrize("form", ["%Q", ["%Y-%m-%d", "%"]])
def test_a_format_of_times_is_checked(company, form):
    company.put("sales.csv", SALES + "a,2024-01-05,5,1,sale\n")
    told = company.complaint(transactions={"mapping": MAPPED | {"time_format": form}})
    assert "`time_format`: `%" in told


def test_an_offset_of_more_than_fourteen_hours_is_none(company):
    times = ["2024-01-05 10:00:00+1400", "2024-01-05 10:00:00+9900", "2024-01-05 10:00:00 -03:30"]
    company.put("sales.csv", SALES + "".join(f"a,{time},5,1,sale\n" for time in times))
    company.land(transactions={"mapping": MAPPED | {"time_format": "%Y-%m-%d %H:%M:%S%z"}})
    rows = "select event_time, _error is null from landed.transactions__events order by _row"
    assert company.rows(rows) == [
        ("2024-01-04T20:00:00+00", True),
        (None, False),
        (None, False),
    ]
