"""Builds that something happened to: cut off, files emptied or touched, customers joined, specs."""

import math
import os
import random
import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from tests.feature_oracle import read_specs
from tests.oracle_events import Event
from tests.random_events import (
    bank_events,
    purchase,
    purchases,
    write_bank,
    write_transactions,
)
from tests.test_feature_oracle import assert_as_expected, build, built, expected
from tests.workspaces import REPOSITORY, TestWorkspace, make_workspace

MODELS = ("ftr_trx_currency", "ftr_trx_src_type11", "ftr_spend")
PROJECT = REPOSITORY / "dbt_project"
# So few values at once that a build takes its time.
SLOWLY = "{cells_at_once: 300}"
CUT_OFF = """
dbt build --select +ftr_trx_currency --exclude resource_type:test resource_type:unit_test \
    --vars '{vars}' {options} > {log} &
until grep -qs 'START sql .*\\.{model} ' {log} || ! kill -0 $!; do sleep 0.05; done
sleep {delay}
kill -KILL $!
wait $!
"""


@pytest.fixture(scope="module")
def raw_events() -> dict[str, list[Event]]:
    dice = random.Random(19)
    return {"mbd": bank_events(dice, ["c1", "c2", "b1"]), "transactions": purchases(dice, 3)}


@pytest.fixture
def ws(raw_events: dict[str, list[Event]], tmp_path: Path) -> TestWorkspace:
    made = make_workspace(tmp_path, tmp_path / "raw")
    for half in (0, 1):
        write_bank(bank_file(made, half), raw_events["mbd"][half::2])
        write_transactions(shop_file(made, half), raw_events["transactions"][half::2])
    return made


def bank_file(ws: TestWorkspace, half: int) -> Path:
    return ws.raw / f"detail/trx/fold={half}/part-0.parquet"


def shop_file(ws: TestWorkspace, half: int) -> Path:
    return ws.raw / f"transactions/{half}.csv"


def assert_right(
    ws: TestWorkspace,
    there: Mapping[str, list[Event]],
    models: tuple[str, ...] = MODELS,
    project: Path = PROJECT,
) -> None:
    """Every feature of the models is what the events that are there say."""
    specs = read_specs(project)
    last = max(event.month for events in there.values() for event in events)
    for model in models:
        events = there.get(specs[model]["source"], [])
        wanted = expected(specs[model], events, {}, last)
        if wanted:
            assert_as_expected(built(ws, model), wanted, largest=4000)
        else:
            assert built(ws, model) == {}


def left_behind(ws: TestWorkspace) -> list[tuple[str]]:
    return ws.query("select table_name from duckdb_tables() where table_name like '%fresh%'")


def cut_off(ws: TestWorkspace, model: str, options: str = "", delay: float = 0.2) -> None:
    """Kill a build that takes its time soon after it has begun with the model."""
    log = ws.home / "cut_off.log"
    log.unlink(missing_ok=True)
    script = CUT_OFF.format(vars=SLOWLY, options=options, log=log, model=model, delay=delay)
    ran = ws.run("bash", "-c", script)
    assert ran.code == 128 + 9, ran.text
    assert f".{model} " in log.read_text(encoding="utf-8")


def test_a_build_that_is_cut_off_leaves_nothing_wrong(
    ws: TestWorkspace, raw_events: dict[str, list[Event]]
) -> None:
    models = ("ftr_trx_currency",)
    there = {"mbd": raw_events["mbd"]}
    shutil.rmtree(ws.raw / "transactions")
    build(ws, *models)
    cut_off(ws, "ftr_trx_currency", "--full-refresh")
    assert_right(ws, there, models)

    taken = raw_events["mbd"][:5] + raw_events["mbd"][9:]
    write_bank(bank_file(ws, 0), taken[0::2])
    write_bank(bank_file(ws, 1), taken[1::2])
    cut_off(ws, "int_mbd_trx_months")
    cut_off(ws, "ftr_trx_currency")
    build(ws, *models)
    assert_right(ws, {"mbd": taken}, models)
    assert left_behind(ws) == []


def test_whatever_happens_to_the_files_the_rows_are_right(
    ws: TestWorkspace, raw_events: dict[str, list[Event]], tmp_path: Path
) -> None:
    build(ws, *MODELS)
    assert_right(ws, raw_events)

    # One file is touched, one loses all its events: only months of the latter are built again.
    halves = {source: events[0::2] for source, events in raw_events.items()}
    write_bank(bank_file(ws, 1), [])
    write_transactions(shop_file(ws, 1), [])
    for file in (bank_file(ws, 0), shop_file(ws, 0)):
        os.utime(file)
    lost = {event.month for event in raw_events["mbd"][1::2]}
    untouched = next(event.time for event in halves["mbd"] if event.month not in lost)
    spoil = "update intermediate.int_mbd_trx_months set event__count = event__count {} 777 where "
    spoil += f"feature_month = date_trunc('month', timestamp '{untouched}')"
    ws.change(spoil.format("+"))
    build(ws, "int_mbd_trx_months")
    ws.change(spoil.format("-"))
    assert ws.value("select min(event__count) from intermediate.int_mbd_trx_months") == 1
    build(ws, *MODELS)
    assert_right(ws, halves)

    # Two ids turn out to be one customer's; an older version left tables of other columns.
    (ws.raw / "identities.csv").write_text("source,source_id,customer_id\nmbd,b1,c1\n")
    joined = [replace(e, customer="c1") if e.customer == "b1" else e for e in halves["mbd"]]
    leave_an_older_version(ws)
    build(ws, *MODELS)
    assert_right(ws, halves | {"mbd": joined})

    # The bank is gone, and comes back to a spec with one slice more and another expression.
    shutil.rmtree(ws.raw / "detail")
    build(ws, *MODELS)
    assert_right(ws, {"transactions": halves["transactions"]})
    write_bank(bank_file(ws, 0), halves["mbd"])
    project = changed_project(tmp_path / "changed")
    build(ws, *MODELS, options=["--project-dir", str(project)])
    assert_right(ws, halves | {"mbd": joined}, project=project)


def leave_an_older_version(ws: TestWorkspace) -> None:
    ws.change("drop view features.ftr_trx_currency")
    ws.change("create table features.ftr_trx_currency as select 'c1' as customer_id, 1.5 as trx")
    ws.change("alter table intermediate.int_transactions_months drop column amount__sum")


def changed_project(folder: Path) -> Path:
    """A copy of the dbt project in which bank transactions have changed specs."""
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("target", "logs"))
    file = folder / "models" / "features" / "_trx.yml"
    text = file.read_text(encoding="utf-8")
    for old, new in (
        ("currency: [1, 2, 3]", "currency: [1, 2, 99, 3]"),
        ("inflow: {expression: amount,", "inflow: {expression: sign(amount),"),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")
    return folder


def test_rows_that_a_lost_file_had_first_are_of_the_file_that_repeats_them(tmp_path: Path) -> None:
    """In Online Retail a repeated row is rejected, even where it repeats one of another file."""
    ws = make_workspace(tmp_path, tmp_path / "raw")
    folder = ws.raw / "online_retail"
    folder.mkdir(parents=True)
    names = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
    january = "1,85123A,LAMP,6,2011-01-05 08:26:00,2.5,17850.0,United Kingdom"
    february = "2,85123A,LAMP,6,2011-02-05 08:26:00,2.5,17850.0,United Kingdom"
    (folder / "a.csv").write_text(f"{names}\n{january}\n")
    (folder / "b.csv").write_text(f"{names}\n{january}\n{february}\n")
    build(ws, "ftr_spend")
    counts = "select feature_month, spend_event_count__1m from features.ftr_spend order by all"
    assert [count for _, count in ws.query(counts)] == [1, 1]
    (folder / "a.csv").unlink()
    build(ws, "ftr_spend")
    assert [count for _, count in ws.query(counts)] == [1, 1]


def test_rows_are_judged_again_where_their_file_changed(
    ws: TestWorkspace, raw_events: dict[str, list[Event]]
) -> None:
    shutil.rmtree(ws.raw / "transactions")
    halves = [raw_events["mbd"][half::2] for half in (0, 1)]
    endless = replace(halves[0][0], columns=halves[0][0].columns | {"amount": math.inf})
    for half in (0, 1):
        write_bank(bank_file(ws, half), [*halves[half], endless])
    build(ws, "ftr_trx_currency")
    reasons = "select reason from staging.rejects order by file"
    assert ws.query(reasons) == [("amount is not a number",)] * 2

    ws.change("update staging.rejects set reason = 'as it was'")
    build(ws, "ftr_trx_currency")
    assert ws.query(reasons) == [("as it was",)] * 2

    write_bank(bank_file(ws, 1), halves[1][1:])
    build(ws, "ftr_trx_currency")
    assert ws.query(reasons) == [("as it was",)]

    bank_file(ws, 0).unlink()
    build(ws, "stg_mbd__trx")
    assert ws.query(reasons) == []


def test_an_increment_of_more_than_a_row_group_is_kept(tmp_path: Path) -> None:
    """DuckDB keeps rows in groups of 122,880; two threads write the groups of an increment."""
    ws = make_workspace(tmp_path, tmp_path / "raw")
    write_transactions(ws.raw / "transactions/0.csv", [purchase("c", datetime(2023, 1, 5), 1)])
    build(ws, "ftr_spend_time")
    many = 150_000
    with (ws.raw / "transactions/1.csv").open("w") as file:
        file.write("customer_id,event_time,amount\n")
        file.writelines(f"x{number},2023-02-03,1\n" for number in range(many))
    build(ws, "ftr_spend_time")
    for table in ("intermediate.int_transactions_months", "features.ftr_spend_time"):
        counts = f"select feature_month::varchar, count(*) from {table} group by 1 order by 1"
        newest = many if table.endswith("int_transactions_months") else many + 1
        assert ws.query(counts) == [("2023-01-01", 1), ("2023-02-01", newest)]
