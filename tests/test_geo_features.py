"""Every feature of positions, in both forms of the bank's files, against plain Python."""

import random
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.geo_oracle import LETTERS, Position, geo_features
from tests.oracle_events import Value, first_day, month_number
from tests.workspaces import TestWorkspace, make_workspace

FIRST, LAST = month_number(date(2022, 11, 1)), month_number(date(2024, 7, 1))
SILENT = month_number(date(2023, 9, 1))
UNTESTED = ("--resource-type", "model", "--resource-type", "seed")
BUILD = ("dbt", "build", "--quiet", "--select", "+ftr_geo")
# Each table of positions, with a column that no other table is made from.
TABLES = {
    "cells": "positions",
    "places": "cells",
    "spans": "cells_12m",
    "months": "event__count",
}
CODES = (
    *("event_type", "event_subtype", "currency", "src_type11", "src_type12", "dst_type11"),
    *("dst_type12", "src_type21", "src_type22", "src_type31", "src_type32"),
)


def cells(place: int, form: str) -> tuple[str, str, str]:
    """The cells of a place, the wider ones shared with its neighbours; numbers sort as text."""
    if form == "ptls":
        return str(8 + place // 6), str(95 + place // 2), str(996 + place)
    return f"u{place // 6:03}", f"u{place // 6:03}{place // 2 % 3}", f"u{place:05}"


def start(month: int) -> datetime:
    return datetime.combine(first_day(month), datetime.min.time())


def wanderings(dice: random.Random, form: str) -> list[Position]:
    """Months of few positions in few places: ties, one cell, unknown cells, edges of months."""
    instant = timedelta(seconds=1) if form == "ptls" else timedelta(microseconds=1)
    found = []
    for customer, spread in ((f"c{n}", dice.choice([1, 3, 12])) for n in range(9)):
        liveliness = dice.choice([0.1, 0.4, 0.9])
        for month in range(FIRST, LAST + 1):
            if month == SILENT or dice.random() > liveliness:
                continue
            begin, end = start(month), start(month + 1)
            for _ in range(dice.randint(1, 7)):
                inside = begin + timedelta(hours=dice.randrange(28 * 24))
                time = dice.choice([begin, end - instant, *[inside] * 6])
                place = tuple(cells(dice.randrange(spread), form))
                unknown = dice.choice([(), (), (), (), (), (6,), LETTERS])
                known = tuple(None if n in unknown else place[n - 4] for n in LETTERS)
                found.append(Position(customer, time, (known[0], known[1], known[2])))
    return found


def telling(form: str) -> list[Position]:
    """Customers for whom a rule decides."""
    a, b, c = (cells(place, form) for place in (0, 4, 11))
    twins = [Position("twins", datetime(2023, 3, 5, 12), place) for place in (b, a, b, a)]
    return [
        *twins,
        Position("edges", datetime(2023, 1, 31, 23, 59, 59), a),
        Position("edges", datetime(2023, 2, 1), b),
        Position("back after a year", datetime(2023, 1, 10, 5, 59, 59), a),
        Position("back after a year", datetime(2023, 1, 11, 6), b),
        Position("back after a year", datetime(2024, 1, 10, 17, 59, 59), a),
        Position("back after long", datetime(2022, 11, 30), c),
        Position("back after long", datetime(2024, 5, 4, 9), c),
        Position("unknown", datetime(2023, 6, 1), (None, None, None)),
    ]


def write_positions(raw: Path, positions: Iterable[Position], form: str, fold: int = 0) -> None:
    kept = list(positions)
    table = {"client_id": [p.customer for p in kept], "event_time": [p.time for p in kept]}
    table |= {f"geohash_{n}": [p.cell(n) for p in kept] for n in LETTERS}
    write(raw / form / "geo" / f"fold={fold}", table, form)


def write_payments(raw: Path, form: str) -> None:
    """One client with positions and one without pay something, up to the last month."""
    times = [start(FIRST), start(LAST)]
    table = {"client_id": ["c0", "no position"], "event_time": times, "amount": [1.0, 2.0]}
    write(raw / form / "trx" / "fold=0", table | {code: [1, 1] for code in CODES}, form)


def write(folder: Path, table: Mapping[str, Any], form: str) -> None:
    """A row an event in `detail`; in `ptls` a row a client, seconds, and cells as numbers."""
    folder.mkdir(parents=True, exist_ok=True)
    if form == "ptls":
        clients = sorted(set(table["client_id"]))
        rows = {c: [n for n, of in enumerate(table["client_id"]) if of == c] for c in clients}
        lists = {
            name: pa.array([[number(values[n]) for n in rows[c]] for c in clients])
            for name, values in table.items()
            if name != "client_id"
        }
        table = {"client_id": clients, **lists}
    pq.write_table(pa.table(table), folder / "part-0.parquet")


def number(value: Any) -> Any:
    if isinstance(value, datetime):
        return round((value - datetime(1970, 1, 1)).total_seconds())
    return int(value) if isinstance(value, str) else value


def everywhere(form: str) -> list[Position]:
    return wanderings(random.Random(20240229), form) + telling(form)


@pytest.fixture(scope="module", params=["detail", "ptls"])
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def ws(form: str, tmp_path_factory: pytest.TempPathFactory) -> TestWorkspace:
    home = tmp_path_factory.mktemp(form)
    write_positions(home / "raw", everywhere(form), form)
    write_payments(home / "raw", form)
    made = make_workspace(home, home / "raw")
    made.must(*BUILD)
    return made


def expected(form: str) -> dict[tuple[str, date], dict[str, Value]]:
    """Every row there must be: each client of the bank, each month since it was first seen."""
    positions = everywhere(form)
    since = {
        p.customer: min(q.month for q in positions if q.customer == p.customer) for p in positions
    }
    since |= {"c0": FIRST, "no position": LAST}
    return {
        (customer, first_day(month)): geo_features(
            [p for p in positions if p.customer == customer], month
        )
        for customer, first in since.items()
        for month in range(first, LAST + 1)
    }


def built(ws: TestWorkspace) -> dict[tuple[str, date], dict[str, Value]]:
    names = [name for (name,) in ws.query("select column_name from (describe features.ftr_geo)")]
    chosen = [name for name in names if name.startswith("geo_")]
    columns = ", ".join(chosen)
    rows = ws.query(f"select customer_id, feature_month, {columns} from features.ftr_geo")
    found = {(row[0], row[1]): dict(zip(chosen, row[2:], strict=True)) for row in rows}
    assert len(found) == len(rows)
    return found


def agree(found: Value, wanted: Value) -> bool:
    if found is None or wanted is None:
        return found is wanted
    return found == pytest.approx(wanted, rel=1e-6, abs=1e-7)


def test_every_feature_is_what_its_positions_say(ws: TestWorkspace, form: str) -> None:
    wanted, found = expected(form), built(ws)
    assert found.keys() == wanted.keys()
    assert {*next(iter(found.values()))} == {*next(iter(wanted.values()))}
    different = {
        name: (*key, found[key][name], value)
        for key, row in wanted.items()
        for name, value in row.items()
        if not agree(found[key][name], value)
    }
    assert different == {}


def test_every_feature_tells_something_here(ws: TestWorkspace) -> None:
    rows = built(ws).values()
    alike = [name for name in next(iter(rows)) if len({row[name] for row in rows}) < 3]
    assert alike == []


def test_the_last_instant_of_a_month_is_in_it_and_the_first_of_the_next_is_not(
    ws: TestWorkspace,
) -> None:
    rows = built(ws)
    january, february = (rows["edges", date(2023, month, 1)] for month in (1, 2))
    assert (january["geo_event_count__1m"], january["geo_last_event_days_since__all"]) == (1, 1)
    assert (february["geo_event_count__1m"], february["geo_event_count__3m"]) == (1, 2)
    assert february["geo_home6_change_mean__1m"] == 1


def test_a_cell_leaves_the_window_in_a_silent_month(ws: TestWorkspace) -> None:
    rows = built(ws)
    months = [first_day(month_number(date(2023, 6, 1)) + n) for n in range(-3, 1)]
    twins = [rows["twins", month]["geo_cell6_nunique__3m"] for month in months]
    assert twins == [2, 2, 2, 0]
    assert rows["back after a year", date(2023, 12, 1)]["geo_cell6_nunique__12m"] == 2
    assert rows["back after a year", date(2024, 1, 1)]["geo_cell6_nunique__12m"] == 1
    assert rows["back after a year", date(2024, 1, 1)]["geo_new_cell6_nunique__1m"] == 0


def contents(ws: TestWorkspace) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of the tables of positions, but for the marks of building."""
    names = [f"intermediate.int_mbd_geo_{name}" for name in TABLES]
    rest = "columns(lambda c: c <> 'month_version')"
    return {
        name: ws.query(f"select {rest} from {name} order by all")
        for name in [*names, "features.ftr_geo"]
    }


def test_increments_and_late_positions_give_the_rows_of_one_build(tmp_path: Path) -> None:
    raw, positions = tmp_path / "raw", everywhere("detail")
    write_payments(raw, "detail")
    grown = make_workspace(tmp_path / "grown", raw)
    late = [p for p in positions if p.month > SILENT + 1][::5]
    early = [p for p in positions if p not in late]
    for until in (SILENT, LAST):
        write_positions(raw, [p for p in early if p.month <= until], "detail")
        grown.must(*BUILD, *UNTESTED)
    # Some come late, and a month is taken back.
    write_positions(raw, late, "detail", fold=1)
    write_positions(raw, [p for p in early if p.month != SILENT + 3], "detail")
    grown.must(*BUILD, *UNTESTED)
    fresh = make_workspace(tmp_path / "fresh", raw)
    fresh.must(*BUILD, *UNTESTED)
    for name, rows in contents(fresh).items():
        assert rows == contents(grown)[name], name


def test_a_build_leaves_the_months_before_the_first_late_position_alone(tmp_path: Path) -> None:
    raw, build = tmp_path / "raw", ("dbt", "run", "--quiet", "--select", "+int_mbd_geo_months")
    write_payments(raw, "detail")
    write_positions(raw, telling("detail"), "detail")
    ws = make_workspace(tmp_path / "ws", raw)
    ws.must(*build)
    for table, column in TABLES.items():
        ws.change(f"update intermediate.int_mbd_geo_{table} set {column} = 777")
    late = Position("twins", datetime(2023, 4, 1), (None, None, "x"))
    write_positions(raw, [late], "detail", fold=1)
    ws.must(*build)
    for table, column in TABLES.items():
        touched = f"select min(feature_month) from intermediate.int_mbd_geo_{table} where"
        assert ws.value(f"{touched} {column} <> 777") == date(2023, 4, 1), table
        assert ws.value(f"{touched} {column} = 777") == date(2022, 11, 1), table
