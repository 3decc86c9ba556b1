"""Which times the rows of a text file may have: ISO 8601 within bounds, and nothing else."""

import os
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.landed import EVENTS
from tests.workspaces import TestWorkspace, make_workspace

# Texts and the instant they mean (UTC); None is set aside.
ISO = {
    "2024-01-05": "2024-01-05 00:00:00",
    " 2024-01-05 ": "2024-01-05 00:00:00",
    "2024-01-05 10:00": "2024-01-05 10:00:00",
    "2024-01-05T10:00:01": "2024-01-05 10:00:01",
    "2024-01-05t10:00:01z": "2024-01-05 10:00:01",
    "2024-01-05T10:00:01.25Z": "2024-01-05 10:00:01.25",
    "2024-01-05 10:00:00+05:30": "2024-01-05 04:30:00",
    "2024-01-05 10:00:00 +0530": "2024-01-05 04:30:00",
    "2024-01-05 10:00-03": "2024-01-05 13:00:00",
    "2024-01-31 23:00:00-03": "2024-02-01 02:00:00",
    "1990-01-01": "1990-01-01 00:00:00",
}
NO_TIME = [
    "2024-01-05 01:00:00 PM",
    "2024-01-31 22:00:00 EST",
    "2024-01-05 10:00:00+05:30:00",
    "2024-01-31 23:00:00 -3",
    "2024-01-05 10:00:00 Europe/Paris",
    "2024-01-05 10:00:00+15",
    "2024-01-05+03",
    "05-01-24",
    "01/02/24",
    "1/2/10",
    "20240105",
    "2024-1-5",
    "2024-02-30",
    "2024-01-05 24:00:00",
    "2024-01-05 (BC)",
    "infinity",
    "-infinity",
    "epoch",
    "now",
    "today",
    "1704448800",
]
TOO_EARLY = ["1989-12-31 23:59:59", "0001-01-01", "0024-01-05"]
TOO_LATE = ["2124-03-05", "9999-12-31", "2124-03-05T00:00:00Z"]


def build(ws: TestWorkspace) -> None:
    ws.must("dbt", "run", "--quiet", "--select", "stg_transactions__events")


def put(ws: TestWorkspace, texts: list[str], name: str = "transactions.csv") -> Path:
    ws.raw.mkdir(parents=True, exist_ok=True)
    lines = [f"c{place},{text},5" for place, text in enumerate(texts)]
    path = ws.raw / name
    path.write_text("\n".join([EVENTS, *lines]) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> TestWorkspace:
    home = tmp_path_factory.mktemp("times") / "home"
    made = make_workspace(home, home / "raw")
    put(made, [*ISO, *NO_TIME, *TOO_EARLY, *TOO_LATE])
    build(made)
    return made


def test_iso_8601_is_read_and_moved_to_utc(ws: TestWorkspace) -> None:
    found = ws.query("select event_time from staging.stg_transactions__events order by customer_id")
    expected = sorted((f"c{place}", text) for place, text in enumerate(ISO.values()))
    assert [moment for (moment,) in found] == [
        datetime.fromisoformat(text.ljust(19, "0")) for _, text in expected
    ]


def rejected(ws: TestWorkspace, texts: list[str]) -> set[str]:
    rows = ws.query("select raw_row::json->>'event_time', reason from staging.rejects")
    reasons = dict(rows)
    return {reasons[text] for text in texts}


def test_other_texts_are_set_aside(ws: TestWorkspace) -> None:
    assert rejected(ws, NO_TIME) == {"event_time is not a time"}


def test_times_before_the_setting_are_set_aside(ws: TestWorkspace) -> None:
    assert rejected(ws, TOO_EARLY) == {"event_time is before 1990-01-01 (earliest_time)"}


def test_times_after_the_files_own_are_set_aside(ws: TestWorkspace) -> None:
    assert rejected(ws, TOO_LATE) == {"event_time is in the future of its file"}


def test_a_file_that_says_it_is_newer_than_now_is_believed(tmp_path: Path) -> None:
    """Another machine's clock may be ahead; a day is allowed for clocks of other time zones."""
    ws = make_workspace(tmp_path, tmp_path / "raw")
    ahead = time.time() + 30 * 86400
    texts = [f"{datetime.now() + timedelta(days=days):%Y-%m-%d}" for days in (0, 20, 40)]
    os.utime(put(ws, texts), (ahead, ahead))
    build(ws)
    assert ws.value("select count(*) from staging.stg_transactions__events") == 2


def test_the_earliest_time_is_a_setting(tmp_path: Path) -> None:
    ws = make_workspace(tmp_path, tmp_path / "raw", earliest_time="1970-01-01")
    put(ws, ["1969-12-31", "1970-01-01"])
    build(ws)
    assert ws.value("select count(*) from staging.stg_transactions__events") == 1


def test_one_format_does_not_leak_into_another(tmp_path: Path) -> None:
    mapping = {
        "files": ["shop.csv"],
        "time_format": ["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S"],
        "columns": {"customer_id": "who", "event_time": '"when"', "amount": "paid"},
    }
    ws = make_workspace(tmp_path, tmp_path / "raw", transactions={"mapping": mapping})
    ws.raw.mkdir()
    rows = ["4,2024-02-01T00:30:00+0300,5", "5,2024-02-01 00:30:00,5", "6,1/2/10,5"]
    (ws.raw / "shop.csv").write_text("\n".join(["who,when,paid", *rows]), encoding="utf-8")
    build(ws)
    found = ws.query("select event_time from staging.stg_transactions__events order by customer_id")
    assert found == [(datetime(2024, 1, 31, 21, 30),), (datetime(2024, 2, 1, 0, 30),)]
    assert ws.value("select count(*) from staging.rejects") == 1


def test_a_year_of_two_digits_is_set_aside(tmp_path: Path) -> None:
    mapping = {
        "files": ["shop.csv"],
        "time_format": "%m/%d/%Y",
        "columns": {"customer_id": "who", "event_time": '"when"', "amount": "paid"},
    }
    ws = make_workspace(tmp_path, tmp_path / "raw", transactions={"mapping": mapping})
    ws.raw.mkdir()
    (ws.raw / "shop.csv").write_text("who,when,paid\n6,1/2/10,5\n7,1/2/2010,5\n", "utf-8")
    build(ws)
    assert ws.query("select customer_id from staging.stg_transactions__events") == [("7",)]


def test_a_newest_month_that_jumps_ahead_is_warned_of_by_name(tmp_path: Path) -> None:
    ws = make_workspace(tmp_path, tmp_path / "raw")
    put(ws, [f"2023-0{month}-15" for month in range(1, 9)])
    command = ("dbt", "run", "--quiet", "--select", "+int_transactions_files")
    assert "Warning" not in ws.must(*command)
    # One month without a row is no gap, two are.
    put(ws, ["2023-01-15", "2023-03-15"])
    assert "Warning" not in ws.must(*command)
    put(ws, ["2023-01-15", "2023-04-15"])
    assert "the newest month, 2023-04" in ws.must(*command)
    put(ws, [*[f"2023-0{month}-15" for month in range(1, 9)], "2024-05-02"])
    told = ws.must(*command)
    assert "Warning: transactions: the newest month, 2024-05 (1 rows of transactions.csv)" in told
    assert "is 2023-08" in told
