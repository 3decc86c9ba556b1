"""Files of the raw folder: none is passed over in silence, and what cannot be read is named."""

import os
import time
from pathlib import Path

import pytest

from ml.landing import Warned
from ml.workspace.errors import AlmanacError
from tests.landed import EVENTS, SESSIONS, Company, company_fixture  # noqa: F401
from tests.workspaces import TestWorkspace, make_workspace

ROW = "a,2024-01-05,5"
STAGED = ("dbt", "run", "--quiet", "--select", "stg_transactions__events")
FILE = f"{EVENTS}\n{ROW}\n"
COLUMNS = {"customer_id": "who", "event_time": '"when"', "amount": "paid"}
MAPPED = {"mapping": {"files": ["shop.csv"], "columns": COLUMNS}}


def warnings(company: Company) -> list[str]:
    return [note for note in company.land() if isinstance(note, Warned)]


def test_a_file_that_no_source_takes_is_named_at_every_build(company: Company) -> None:
    company.put("transactions.csv", FILE)
    assert not warnings(company)
    company.put("input_model_features.csv", "id,x\n1,2\n")
    company.put("old/notes.txt", "x")
    for _ in range(2):
        (told,) = warnings(company)
        assert "input_model_features.csv, old/notes.txt" in told


def test_a_source_that_is_gone_is_told_before_it_vanishes(company: Company) -> None:
    company.put("transactions.csv", FILE)
    sessions = company.put("raw_customer_data.csv", f"{SESSIONS}\na,1,1,1,m,n,1\n")
    company.land()
    sessions.unlink()
    (told,) = warnings(company)
    assert told.startswith("retailtech had files at the last build")


def complaint(company: Company, **settings: object) -> str:
    with pytest.raises(AlmanacError) as caught:
        company.land(**settings)
    return str(caught.value)


def test_a_link_to_nothing_is_named(company: Company) -> None:
    company.put("transactions/a.csv", FILE)
    (company.raw / "transactions" / "b.csv").symlink_to("nowhere.csv")
    assert "transactions/b.csv is a link to nothing" in complaint(company)


def test_a_folder_where_a_file_is_looked_for_is_named(company: Company) -> None:
    company.put("transactions/a.csv", FILE)
    (company.raw / "transactions" / "x.csv").mkdir()
    assert "transactions/x.csv is a folder" in complaint(company)


def test_what_is_no_regular_file_is_named(company: Company) -> None:
    company.put("transactions/a.csv", FILE)
    os.mkfifo(company.raw / "transactions" / "x.csv")
    assert "transactions/x.csv is no regular file" in complaint(company)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_that_may_not_be_read_is_named(company: Company) -> None:
    company.put("transactions.csv", FILE)
    closed = company.put("old/x.csv", FILE).parent
    closed.chmod(0)
    try:
        assert "old cannot be read" in complaint(company)
    finally:
        closed.chmod(0o700)


def test_a_name_that_is_not_utf8_is_named(company: Company) -> None:
    company.put("transactions.csv", FILE)
    path = os.fsencode(company.raw) + b"/caf\xe9.csv"
    with open(path, "wb") as file:
        file.write(FILE.encode())
    assert "caf\\xe9.csv is not UTF-8" in complaint(company)


@pytest.mark.parametrize("settings", [{}, {"transactions": MAPPED}])
def test_a_column_that_stands_twice_is_named(company: Company, settings: dict) -> None:
    name = "shop.csv" if settings else "transactions.csv"
    header = "who,when,paid,paid" if settings else f"{EVENTS},amount"
    company.put(name, f"{header}\n{ROW},6\n")
    twice = "paid" if settings else "amount"
    assert f"column `{twice}` stands 2 times" in complaint(company, **settings)


@pytest.mark.parametrize("name", ["_file", "_row", "_error", "_line", "_FILE"])
def test_names_that_landing_keeps_are_told_with_the_cure(company: Company, name: str) -> None:
    company.put("transactions.csv", f"{EVENTS},{name}\n{ROW},6\n")
    told = complaint(company)
    assert f"column `{name}`" in told
    assert "rename it" in told


@pytest.mark.parametrize("delimiter", ["||", "", "\n", '"', 5])
def test_a_delimiter_is_one_character(company: Company, delimiter: object) -> None:
    company.put("shop.csv", "who||when||paid\na||2024-01-05||5\n")
    mapping = {**MAPPED["mapping"], "delimiter": delimiter}
    assert "`delimiter` is one character" in complaint(company, transactions={"mapping": mapping})


def test_a_rewritten_file_is_read_again_though_size_and_time_are_the_same(company: Company) -> None:
    path = company.put("transactions.csv", FILE)
    stamp = path.stat()
    company.land()
    time.sleep(0.02)
    path.write_text(FILE.replace(",5", ",7"), encoding="utf-8")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    company.land()
    assert company.rows("select amount from landed.transactions__events") == [("7",)]


@pytest.mark.parametrize("broken", ["", "b,2024-01-05\n"])
def test_a_long_field_is_judged_alike_beside_a_broken_line(company: Company, broken: str) -> None:
    long = "x" * 200_000
    company.put("transactions.csv", f"{EVENTS},category\n{ROW},{long}\n{broken}")
    company.land()
    found = company.rows(
        "select length(category), _error from landed.transactions__events where _row = 2"
    )
    assert found == [(200_000, None)]


def test_too_many_columns_are_told_at_once(company: Company) -> None:
    names = ",".join(f"c{place}" for place in range(100_000))
    company.put("transactions.csv", f"{EVENTS},{names}\n")
    assert "100,003 columns" in complaint(company)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[TestWorkspace, str]:
    home = tmp_path_factory.mktemp("shop")
    ws = make_workspace(home, home / "raw")
    ws.raw.mkdir()
    lines = [EVENTS, ROW, "b,soon,5", "c,later,5", "d,2024-01-05,x"]
    (ws.raw / "transactions.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (ws.raw / "stray.csv").write_text("x\n", encoding="utf-8")
    return ws, ws.must(*STAGED)


def test_the_build_ends_with_what_was_read(shop: tuple[TestWorkspace, str]) -> None:
    _, told = shop
    assert (
        "Read 1 file of transactions: 4 rows, 1 accepted, 3 set aside: event_time is not a time "
        "(2), amount is not a number (1). See: ml rejects"
    ) in told
    assert "Warning: No source takes stray.csv." in told


def test_what_was_set_aside_is_shown(shop: tuple[TestWorkspace, str]) -> None:
    ws, _ = shop
    by_reason = ws.must("ml", "rejects")
    assert "transactions.csv" in by_reason
    assert "event_time is not a time" in by_reason
    rows = ws.must("ml", "rejects", "transactions", "--rows", "2")
    assert "transactions.csv, line 3: event_time is not a time" in rows
    assert "soon" in rows
    assert "1 more" in rows
    wrong = ws.run("ml", "rejects", "transaction")
    assert wrong.code == 1
    assert "did you mean transactions?" in wrong.text


def test_a_damaged_parquet_file_is_named(tmp_path: Path) -> None:
    from ml.simulate import simulate

    simulate(tmp_path, customers=100, months=6, seed=1)
    ws = make_workspace(tmp_path, tmp_path / "raw")
    path = sorted((tmp_path / "raw").glob("*/trx/*/*.parquet"))[0]
    content = bytearray(path.read_bytes())
    for place in range(64, min(len(content) // 2, 4000)):
        content[place] ^= 0xFF
    path.write_bytes(content)
    ran = ws.run("dbt", "build", "--quiet", "--select", "+int_mbd_trx_months")
    assert ran.code != 0
    assert path.name in ran.text


def test_links_in_a_circle_are_walked_once(company: Company) -> None:
    company.put("transactions/a.csv", FILE)
    for name in ("a", "b"):
        (company.raw / name).symlink_to(".")
    (company.raw / "transactions" / "up").symlink_to("..")
    assert not warnings(company)


@pytest.mark.parametrize("name", ["identities.csv", "transactions.csv", "detail", "notes"])
def test_any_link_to_nothing_is_named(company: Company, name: str) -> None:
    company.put("transactions/a.csv", FILE)
    (company.raw / name).symlink_to("/nonexistent")
    assert f"{name} is a link to nothing" in complaint(company)


def test_two_stray_quotes_swallow_no_record(company: Company) -> None:
    lines = [EVENTS, 'k1,2024-01-05,"1', "k2,2024-01-05,2", "k3,2024-01-05,3", 'k4,2024-01-05,4"']
    company.put("transactions.csv", "\n".join(lines) + "\n")
    company.land()
    found = company.rows("select customer_id, _row from landed.transactions__events order by _row")
    assert found == [(None, 2), ("k2", 3), ("k3", 4), ("k4", 5)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"time_format": 5},
        {"time_format": [5]},
        {"files": 5},
        {"files": [""]},
        {"optional": 5},
        {"optional": "zz"},
        {"columns": {**COLUMNS, "amount": None}},
    ],
)
def test_values_of_a_wrong_kind_are_told(company: Company, wrong: dict) -> None:
    company.put("shop.csv", "who,when,paid\na,2024-01-05,5\n")
    told = complaint(company, transactions={"mapping": {**MAPPED["mapping"], **wrong}})
    assert "workspace.yml" in told
    (key,) = wrong
    assert (f"`{key}`" if key != "columns" else "`amount` has no expression") in told


@pytest.mark.parametrize("value", ["2024-W01-1", "1990-13-01", float("nan"), True])
def test_the_earliest_time_is_a_day(company: Company, value: object) -> None:
    company.put("transactions.csv", FILE)
    assert "earliest_time" in complaint(company, earliest_time=value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "soon", -1, 1.5, "-0.5"])
def test_a_lag_is_a_number(company: Company, value: object) -> None:
    company.put("transactions.csv", FILE)
    told = complaint(company, transactions={"availability_lag_days": value})
    assert "transactions.availability_lag_days" in told


IDENTITIES = ['transactions,k1,"  "', "transactions,k1,a\tb", "transactions,\xa0,b"]


@pytest.mark.parametrize("line", IDENTITIES)
def test_identities_have_ids(company: Company, line: str) -> None:
    company.put("transactions.csv", FILE)
    company.put("identities.csv", f"source,source_id,customer_id\n{line}\n")
    assert "identities.csv, line 2" in complaint(company)


def test_a_column_that_a_mapping_misspells_is_told_with_the_mapping(company: Company) -> None:
    company.put("shop.csv", "who,when,total\na,2024-01-05,5\n")
    columns = {**COLUMNS, "amount": "totl"}
    told = complaint(company, transactions={"mapping": {**MAPPED["mapping"], "columns": columns}})
    assert "did you mean total?" in told
    assert f"Correct {company.home / 'workspace.yml'}, or " in told
