"""Landing: every row of the raw files is in schema landed, in the declared columns."""

import csv
from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ml.landing import relations
from tests.landed import (
    SESSIONS,
    company_fixture,  # noqa: F401
    put_bank,
    put_shop,
)
from tests.workspaces import real_data

# Delimited text


@pytest.mark.parametrize(
    ("text", "profit"),
    [
        ("id;Прибыль\n1;0,98\n2;4,16\n", "0,98"),
        ("id,Прибыль\n1,0.98\n2,4.16\n", "0.98"),
        ('id,Прибыль\n1,"0,98"\n2,"4,16"', "0,98"),
        ("\ufeff id | Прибыль \r\n1|0,98\r\n2|4,16", "0,98"),
        ("id\tПрибыль\r1\t0,98\r2\t4,16\r", "0,98"),
        ("extra;id;Прибыль\n;1;0,98\n\n;2;4,16\n\n", "0,98"),
    ],
)
def test_every_spelling_of_a_file_lands_alike(company, text, profit):
    put_shop(company, money=text)
    company.land()
    rows = company.rows(
        'select id, "Прибыль", _error, _line from landed.one_click__money order by 1'
    )
    assert rows[0] == ("1", profit, None, None)
    assert [row[0] for row in rows] == ["1", "2"]


def test_broken_lines_land_with_line_number_reason_and_text(company):
    lines = [f"{SESSIONS}".encode(), b"1,2,3,4,Mobile,New,1", b"2,2", b"3,2,3,4,Mobile,New,1,9"]
    lines += [b"", b'4,"2,3,4,Mobile,New,1', b"5,2,3,4,M\xffbile,New,1", b"6,,3,4,Mobile,New,0"]
    company.put("raw_customer_data.csv", b"\n".join(lines))
    notes = company.land()
    rows = company.rows("select _row, customer_id, _error, _line from landed.retailtech__sessions")
    assert sorted(rows) == [
        (2, "1", None, None),
        (3, None, "2 fields where the header has 7", "2,2"),
        (4, None, "8 fields where the header has 7", "3,2,3,4,Mobile,New,1,9"),
        (6, None, "quotes do not match (unexpected end of data)", '4,"2,3,4,Mobile,New,1'),
        (7, None, "not UTF-8", "5,2,3,4,M\ufffdbile,New,1"),
        (8, "6", None, None),
    ]
    assert any("4 lines of sessions cannot be read" in note for note in notes)


def test_a_quoted_line_break_belongs_to_its_value(company):
    company.put("raw_customer_data.csv", f'{SESSIONS}\n1,2,3,4,"a\nb",New,1\n2,2,3,4,c,New,1\n3,x')
    company.land()
    rows = company.rows("select _row, device_type from landed.retailtech__sessions order by _row")
    assert rows == [(2, "a\nb"), (4, "c"), (5, None)]


@pytest.mark.parametrize("broken", [False, True])
def test_row_numbers_are_line_numbers_in_long_files(company, broken):
    lines = [f"{number},2,3,4,Mobile,New,1" for number in range(2, 150_002)]
    company.put(
        "raw_customer_data.csv", "\n".join([SESSIONS, *lines, *(["bad"] if broken else [])])
    )
    company.land()
    query = "select count(*), count(*) filter (_row = customer_id::bigint)"
    assert company.rows(f"{query} from landed.retailtech__sessions") == [
        (150_000 + broken, 150_000)
    ]


def test_optional_columns_and_second_files(company):
    company.put("raw_customer_data.csv", SESSIONS.removesuffix(",purchase") + "\n1,2,3,4,a,New\n")
    company.put("model_data.csv", f"{SESSIONS}\n2,2,3,4,a,New,0\n")
    company.land()
    rows = company.rows("select customer_id, purchase, _file from landed.retailtech__sessions")
    assert sorted(rows) == [("1", None, "raw_customer_data.csv"), ("2", "0", "model_data.csv")]


@pytest.mark.parametrize("folder", ["one_click", "retailtech"])
def test_no_row_of_the_real_files_is_lost(company, folder):
    company.land(real_data(folder))
    counted = {}
    for path in (real_data(folder)).glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as stream:
            counted[path.name] = sum(1 for row in csv.reader(stream) if row) - 1
    tables = [
        row[0] for row in company.rows("select distinct file from landed.files where file <> ''")
    ]
    assert sorted(tables) == sorted(counted)
    names = company.rows(
        "select distinct source || '__' || table_name from landed.files where file <> ''"
    )
    landed = " union all ".join(f"select _file, _error from landed.{name}" for (name,) in names)
    rows = company.rows(f"select _file, count(*), count(_error) from ({landed}) group by 1")
    assert {file: count for file, count, _ in rows} == counted
    assert {errors for _, _, errors in rows} == {0}


# Parquet


def test_bank_lands_in_its_declared_types(company):
    put_bank(company, event_time=pa.array([1, 2], pa.timestamp("us", "Europe/Moscow")))
    company.put_parquet(
        "targets/fold=-1/p.parquet",
        client_id=["a"],
        mon=["2022-02-28"],
        bcard_target=[1],
        cred_target=[0],
        zp_target=[0],
        acquiring_target=[0],
    )
    company.put_parquet(
        "targets/fold=3/p.parquet",
        client_id=["b", "c"],
        mon=[date(2022, 3, 31), None],
        target_1=[0.0, 1.0],
        target_2=[1, 0],
        target_3=[0, 0],
        target_4=[0, 0],
        trans_count=[1, 2],
    )
    company.land()
    rows = company.rows(
        "select client_id, mon, target_1, target_2, fold, _row, _error from landed.mbd__targets"
    )
    assert sorted(rows) == [
        ("a", date(2022, 2, 28), 1, 0, -1, 1, None),
        ("b", date(2022, 3, 31), 0, 1, 3, 1, None),
        ("c", None, 1, 0, 3, 2, None),
    ]
    assert company.rows("select min(event_time), min(_file) from landed.mbd__trx") == [
        (datetime(1970, 1, 1, 0, 0, 0, 1), "detail/trx/fold=0/part-0.parquet")
    ]
    assert company.rows("from landed.mbd__client_split") == []


def test_a_value_that_is_not_of_its_type_is_told(company):
    put_bank(company)
    targets = {f"target_{n}": [0] for n in range(1, 5)}
    company.put_parquet("targets/fold=0/p.parquet", client_id=["a"], mon=["soon"], **targets)
    company.land()
    assert company.rows("select mon, _error from landed.mbd__targets") == [
        (None, "mon is no date: soon")
    ]


def test_a_column_may_be_called_as_the_reader_calls_its_own(company):
    put_bank(company, filename=["x", "y"], _file=["x", "y"])
    company.land()
    assert company.rows("select distinct _file from landed.mbd__trx") == [
        ("detail/trx/fold=0/part-0.parquet",)
    ]


def test_arrays_become_one_row_an_event(company):
    put_bank(company)
    bank = pq.read_table(company.raw / "detail/trx/fold=0/part-0.parquet").to_pydict()
    when = [int(moment.replace(tzinfo=UTC).timestamp()) for moment in bank["event_time"]]
    arrays = {name: [values, []] for name, values in bank.items()}
    arrays.update(client_id=["a", "b"], event_time=[when, []], src_type21=[None, []])
    company.put_parquet("ptls/trx/fold=0/p.parquet", **arrays)
    cells = {f"geohash_{n}": pa.array([[7]], pa.list_(pa.int32())) for n in (4, 5, 6)}
    company.put_parquet(
        "ptls/geo/fold=0/p.parquet", client_id=["a"], event_time=[when[:1]], **cells
    )
    company.put_parquet(
        "ptls/dialog/fold=0/p.parquet",
        client_id=["a"],
        event_time=[when],
        embedding=pa.array([[[0.5, 1.0], [0.25, 0.0]]], pa.list_(pa.list_(pa.float32()))),
    )
    notes = company.land()
    assert company.rows("select count(*) from landed.mbd__geo") == [(0,)], "forms are never mixed"
    assert any("found as detail and as ptls; reading detail" in note for note in notes)
    company.land(mbd={"form": "ptls"})
    rows = company.rows(
        "select client_id, event_time, amount, src_type21, src_type22 from landed.mbd__trx"
    )
    assert rows == [
        ("a", bank["event_time"][0], 1.5, None, 1),
        ("a", bank["event_time"][1], None, None, 2),
    ]
    assert company.rows("select geohash_6, event_time from landed.mbd__geo") == [
        ("7", bank["event_time"][0])
    ]
    assert company.rows("select embedding from landed.mbd__dialog") == [
        ([0.5, 1.0],),
        ([0.25, 0.0],),
    ]
    assert company.rows("select form from landed.workspace__sources where source = 'mbd'") == [
        ("ptls",)
    ]


def test_a_new_version_of_landing_reads_the_files_again(company, monkeypatch):
    hashes = "select distinct declaration_hash from landed.files order by 1"
    company.put("raw_customer_data.csv", f"{SESSIONS}\n1,2,3,4,Mobile,New,1")
    company.land()
    before = company.rows(hashes)
    read = relations._code_digest()
    monkeypatch.setattr(relations, "CODE", relations.CODE / "figures_no_code")
    assert relations._code_digest() != read
    company.land()
    assert company.rows(hashes) != before
