"""A person leaves a lake: what stays is what a lake holds that never knew them."""

import shutil
from pathlib import Path

import duckdb
import pytest

from ml.landing.forgotten import FORGOTTEN
from ml.privacy import forget as erasures
from ml.simulate import simulate
from tests.lake_rows import differences
from tests.small_lakes import build_small

pytest.importorskip("deltalake", reason="deltalake is missing")

from ml.lake.build import build_lake
from tests.test_lake import lake_at

SETTINGS = {"buckets": 2}


def test_a_forgotten_customer_is_in_no_file_of_the_lake(
    tmp_path: Path, compiled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_small(monkeypatch)
    simulate(tmp_path, customers=100, months=4, seed=5)
    ws = lake_at(tmp_path / "ws", tmp_path / "raw", compiled, **SETTINGS)
    ours = ws.opened()
    build_lake(ours)
    [(customer, own)] = ws.query(
        "select customer_id, source_id from landed.workspace__identities "
        "where source = 'transactions' and source_id in "
        "(select trim(customer_id) from landed.transactions__events) order by all limit 1"
    )
    with duckdb.connect(str(ours.warehouse)) as warehouse:
        warehouse.execute(
            "insert into scores.scores by name "
            "select 'spend_decline' as target, unnest([?, 'another']) as customer_id, "
            "'m' as model_id, timestamp '2023-01-01' as as_of, 0.5 as score, "
            "0.5 as percentile, 'offline' as scored_from",
            [customer],
        )
    planned = erasures.plan(ours, own)
    assert planned.customer == customer
    assert any(each.file.startswith("transactions/") for each in planned.raw)

    done = erasures.forget(ours, planned, lambda _step: None)

    lines = sum(len(each.lines) for each in planned.raw)
    assert dict(done.removed)["lake, landed rows"] == lines
    assert dict(done.removed)["warehouse, schema scores"] == 1
    assert ws.query("select customer_id from scores.scores") == [("another",)]
    assert ids_in_files(ours.home / "lake") >= {"customer_id"}
    assert not found_in_files(ours.home / "lake", {customer, *planned.ids["transactions"]})

    other = lake_at(tmp_path / "other", tmp_path / "raw", compiled, **SETTINGS)
    shutil.copy(ours.home / FORGOTTEN, other.home / FORGOTTEN)
    build_lake(other.opened())
    with duckdb.connect(str(ours.warehouse)) as warehouse:
        warehouse.execute("delete from scores.scores")
    assert not build_lake(ours).changed
    assert differences(ws.home, other.home, least=50) == []


def ids_in_files(lake: Path) -> set[str]:
    """The columns of the lake's files that hold texts."""
    return {column for file in lake.rglob("*.parquet") for column in texts_of(file)}


def found_in_files(lake: Path, ids: set[str]) -> list[tuple[str, str]]:
    """Files of the lake, those of no snapshot too, and columns in which one of `ids` stands."""
    return [
        (file.name, column)
        for file in lake.rglob("*.parquet")
        for column in texts_of(file)
        if duckdb.execute(
            f"select 1 from read_parquet('{file}', hive_partitioning = false) "
            f'where list_contains(?, trim("{column}")) limit 1',
            [sorted(ids)],
        ).fetchone()
    ]


def texts_of(file: Path) -> list[str]:
    rows = duckdb.execute(
        f"describe from read_parquet('{file}', hive_partitioning = false)"
    ).fetchall()
    return [name for name, kind, *_ in rows if kind == "VARCHAR"]
