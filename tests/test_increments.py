"""Building again, one more month, late events: only what changed is built, to the same rows."""

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from ml.simulate import simulate
from tests.workspaces import TestWorkspace, copy_raw, make_workspace

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


def tables(ws: TestWorkspace) -> dict[str, pd.DataFrame]:
    """Every built table, its rows in one order, without the marks of building."""
    with duckdb.connect(str(ws.home / "warehouse.duckdb"), read_only=True) as warehouse:
        names = warehouse.execute(
            "select schema_name || '.' || table_name from duckdb_tables() "
            f"where schema_name in {SCHEMAS} order by all"
        ).fetchall()
        return {
            name: warehouse.sql(
                f"select columns(lambda c: c <> 'month_version') from {name} order by all"
            ).df()
            for (name,) in names
        }


def assert_same(one: dict[str, pd.DataFrame], other: dict[str, pd.DataFrame]) -> None:
    assert one.keys() == other.keys()
    for name, frame in one.items():
        pd.testing.assert_frame_equal(frame, other[name], rtol=1e-9, obj=name)


def mark(ws: TestWorkspace, month: str, value: float) -> None:
    """Spoil one month of every grid by hand: a build that touches the month would mend it."""
    for partial, family in GRIDS.items():
        ws.change(
            f"update intermediate.{partial} set event__count = {value} "
            f"where feature_month = '{month}-01'"
        )
        feature = ws.value(
            f"select column_name from duckdb_columns() where table_name = '{family}' "
            "and column_name like '%_event_count__1m'"
        )
        ws.change(
            f"update features.{family} set {feature} = {value} where feature_month = '{month}-01'"
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
    ws.must("dbt", "build", "--quiet")
    first = tables(ws)
    assert len(first["features.ftr_trx"]) > 0
    assert first["features.ftr_trx"]["feature_month"].max() == pd.Timestamp("2022-11-01")

    ws.must("dbt", "build", "--quiet")
    assert_same(first, tables(ws))

    mark(ws, "2022-08", 777)
    raw_until(history, raw, "2023-01")
    ws.must("dbt", "build", "--quiet")
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
    ws.must("dbt", "build", "--quiet")
    left = marked(ws, 777)
    assert left["int_transactions_months"] == set()
    assert left["int_mbd_trx_months"] == {"2022-08"}

    ws.must("dbt", "build", "--quiet", "--full-refresh")
    grown = tables(ws)
    fresh = make_workspace(tmp_path / "fresh", raw)
    fresh.must("dbt", "build", "--quiet")
    assert_same(tables(fresh), grown)


def test_a_sequence_of_increments_gives_the_rows_of_one_build(
    history: Path, tmp_path: Path
) -> None:
    raw = tmp_path / "raw"
    grown = make_workspace(tmp_path / "grown", raw)
    for month in ("2022-09", "2022-10", "2023-01"):
        raw_until(history, raw, month)
        grown.must("dbt", "build", "--quiet", "--exclude", "resource_type:test")
    fresh = make_workspace(tmp_path / "fresh", raw)
    fresh.must("dbt", "build", "--quiet")
    assert_same(tables(fresh), tables(grown))


def test_months_without_events_any_more_are_forgotten(history: Path, tmp_path: Path) -> None:
    raw = raw_until(history, tmp_path / "raw", "2023-01")
    ws = make_workspace(tmp_path / "shrunk", raw)
    ws.must("dbt", "build", "--quiet", "--exclude", "resource_type:test")
    # The last months and the first: the bank still knows these customers then, the shop does not.
    for pattern in ("2022-1*.csv", "2022-0[567].csv"):
        for file in (raw / "transactions").glob(pattern):
            file.unlink()
    ws.must("dbt", "build", "--quiet", "--exclude", "resource_type:test")
    fresh = make_workspace(tmp_path / "fresh", raw)
    fresh.must("dbt", "build", "--quiet")
    assert_same(tables(fresh), tables(ws))
    built = tables(ws)
    assert not np.any(
        built["intermediate.int_transactions_months"]["feature_month"] >= "2022-10-01"
    )
    assert built["features.ftr_spend"]["feature_month"].min() == pd.Timestamp("2022-08-01")
    assert built["features.ftr_trx"]["feature_month"].min() == pd.Timestamp("2022-05-01")
