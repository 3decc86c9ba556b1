"""Building again, one more month, late events: only what changed is built, to the same rows."""

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from ml.simulate import simulate
from tests.workspaces import TestWorkspace, copy_raw, make_workspace

MARKS = ("customer_id", "feature_month", "event_timestamp", "month_version")
SCHEMAS = ("intermediate", "features", "targets", "marts")
EVENT_FILES = ("detail/trx", "detail/geo", "detail/dialog")
GRIDS = {
    "int_mbd_trx_months": "ftr_trx",
    "int_mbd_geo_months": "ftr_geo",
    "int_transactions_months": "ftr_spend",
}


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The raw files of a small company over eight months, July 2022 being its sixth to last."""
    home = tmp_path_factory.mktemp("history")
    simulate(home, customers=150, months=8, seed=3)
    return home / "raw"


def raw_until(history: Path, raw: Path, month: str) -> Path:
    """The raw folder as it was when `month` (such as 2022-11) had not begun yet."""
    copy_raw(history, raw, "identities.csv", "client_split/*/*.parquet")
    for file in history.glob("transactions/*.csv"):
        if file.stem < month:
            copy_raw(history, raw, f"transactions/{file.name}")
    for table, column in [*((events, "event_time") for events in EVENT_FILES), ("targets", "mon")]:
        for file in history.glob(f"{table}/*/*.parquet"):
            target = raw / file.relative_to(history)
            target.parent.mkdir(parents=True, exist_ok=True)
            rows = f"select * from '{file}' where {column} < '{month}-01'"
            duckdb.sql(f"copy ({rows}) to '{target}' (format parquet)")
    return raw


def build(ws: TestWorkspace, *options: str) -> None:
    """Build everything, without dbt's own tests."""
    tests = ("resource_type:test", "resource_type:unit_test")
    ws.must("dbt", "build", "--quiet", *options, "--exclude", *tests)


def tables(ws: TestWorkspace) -> dict[str, pd.DataFrame]:
    """Every built table and view of names, its rows in one order, without the marks of building."""
    with duckdb.connect(str(ws.home / "warehouse.duckdb"), read_only=True) as warehouse:
        names = warehouse.execute(
            f"""
            select table_schema || '.' || table_name from information_schema.tables
            where table_schema in {SCHEMAS} and not ends_with(table_name, '__vectors') order by all
            """
        ).fetchall()
        return {
            name: warehouse.sql(
                f"select columns(lambda c: c <> 'month_version') from {name} order by all"
            ).df()
            for (name,) in names
        }


def assert_same(one: dict[str, pd.DataFrame], other: dict[str, pd.DataFrame]) -> None:
    """Sums of many numbers depend on their order in the last digits: features keep 7 of 16."""
    assert one.keys() == other.keys()
    for name, frame in one.items():
        tolerance = 2e-6 if name.startswith("features.") else 1e-9
        pd.testing.assert_frame_equal(frame, other[name], rtol=tolerance, obj=name)


def mark(ws: TestWorkspace, month: str, value: float) -> None:
    """Spoil one month of every grid by hand: a build that touches the month would mend it."""
    for partial, family in GRIDS.items():
        ws.change(
            f"update intermediate.{partial} set event__count = {value} "
            f"where feature_month = '{month}-01'"
        )
        columns = [name for (name, *_) in ws.query(f"describe features.{family}")]
        names = [name for name in columns if name not in MARKS]
        position = 1 + next(n for n, name in enumerate(names) if name.endswith("event_count__1m"))
        ws.change(
            f"""
            update features.{family}__vectors
            set vector = [
                if(i = {position}, {value}, vector[i]) for i in range(1, {len(names) + 1})
            ]::float[{len(names)}]
            where feature_month = '{month}-01'
            """
        )


def marked(ws: TestWorkspace, value: float) -> dict[str, set[str]]:
    """The months of each grid that still carry the mark."""
    return {
        partial: {
            str(month)[:7]
            for (month,) in ws.query(
                f"select distinct feature_month from intermediate.{partial} "
                f"where event__count = {value}"
            )
        }
        for partial in GRIDS
    }


def test_builds_touch_what_changed_and_nothing_else(history: Path, tmp_path: Path) -> None:
    raw = raw_until(history, tmp_path / "raw", "2022-12")
    ws = make_workspace(tmp_path / "grown", raw)
    build(ws)
    first = tables(ws)
    assert len(first["features.ftr_trx"]) > 0
    assert first["features.ftr_trx"]["feature_month"].max() == pd.Timestamp("2022-11-01")

    build(ws)
    assert_same(first, tables(ws))

    mark(ws, "2022-08", 777)
    raw_until(history, raw, "2023-01")
    build(ws)
    assert all(months == {"2022-08"} for months in marked(ws, 777).values())
    assert ws.value("select count(*) from features.ftr_trx where trx_event_count__1m = 777") > 0
    newest = ws.value("select max(feature_month) from features.ftr_trx")
    assert str(newest) == "2022-12-01"

    late = raw / "transactions" / "2022-08.csv"
    customer = ws.value(
        "select source_id from landed.workspace__identities where source = 'transactions'"
    )
    with late.open("a", encoding="utf-8") as file:
        file.write(f"{customer},2022-08-15T12:00:00,12.5,1,late-1,i1,books\n")
    build(ws)
    left = marked(ws, 777)
    assert left["int_transactions_months"] == set()
    assert left["int_mbd_trx_months"] == {"2022-08"}

    build(ws, "--full-refresh")
    grown = tables(ws)
    fresh = make_workspace(tmp_path / "fresh", raw)
    build(fresh)
    assert_same(tables(fresh), grown)


def test_a_sequence_of_increments_gives_the_rows_of_one_build(
    history: Path, tmp_path: Path
) -> None:
    raw = tmp_path / "raw"
    grown = make_workspace(tmp_path / "grown", raw)
    for month in ("2022-09", "2023-01"):
        raw_until(history, raw, month)
        build(grown)
    fresh = make_workspace(tmp_path / "fresh", raw)
    build(fresh)
    assert_same(tables(fresh), tables(grown))


def test_months_without_events_any_more_are_forgotten(history: Path, tmp_path: Path) -> None:
    raw = raw_until(history, tmp_path / "raw", "2023-01")
    ws = make_workspace(tmp_path / "shrunk", raw)
    build(ws)
    # The last months and the first: the bank still knows these customers then, the shop does not.
    for pattern in ("2022-1*.csv", "2022-0[567].csv"):
        for file in (raw / "transactions").glob(pattern):
            file.unlink()
    build(ws)
    fresh = make_workspace(tmp_path / "fresh", raw)
    build(fresh)
    assert_same(tables(fresh), tables(ws))
    built = tables(ws)
    assert not np.any(
        built["intermediate.int_transactions_months"]["feature_month"] >= "2022-10-01"
    )
    assert built["features.ftr_spend"]["feature_month"].min() == pd.Timestamp("2022-08-01")
    assert built["features.ftr_trx"]["feature_month"].min() == pd.Timestamp("2022-05-01")
