"""`ml audit leakage`: features of every source survive it, planted leaks are caught by name."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ml.audit.build import build
from ml.audit.copy import Job, corrupted_copy
from ml.audit.instants import choose
from ml.audit.leakage import audit_leakage, fresh_folder
from ml.audit.tables import read_manifest, read_tables
from ml.config import AlmanacError, Workspace
from ml.simulate import simulate
from tests.workspaces import REPOSITORY, Ran, TestWorkspace, make_workspace

AT = datetime(2022, 11, 1)
PROJECT = REPOSITORY / "dbt_project"
BUILD = ("dbt", "build", "--quiet", "--exclude-resource-type", "test")
BUILD = (*BUILD, "--exclude-resource-type", "unit_test")
FEATURES = ("--select", "+path:models/features", "+dim_features")

AHEAD_SQL = """-- one row a customer and month; key: customer_id, feature_month
{{ config(materialized='table') }}
with events as (
    select
        customer_id,
        event_time,
    from {{ ref('stg_mbd__trx') }}
),

spine as (
    select
        customer_id,
        feature_month,
    from {{ ref('int_customer_months') }}
),

counted as (
    select
        spine.customer_id,
        spine.feature_month,
        count(events.event_time) filter (
            where events.event_time < spine.feature_month + interval 1 month
        ) as so_far,
        count(events.event_time) filter (
            where events.event_time <= spine.feature_month + interval 1 month
        ) as at_the_edge,
        count(events.event_time) filter (
            where date_trunc('month', events.event_time) = spine.feature_month
        ) as of_month,
    from spine
    left join events on spine.customer_id = events.customer_id
    group by spine.customer_id, spine.feature_month
)

select
    customer_id,
    feature_month,
    {{ known_at('feature_month', 'mbd') }} as event_timestamp,
    cast(so_far as double) as ahead_count__all,
    cast(of_month as double) as ahead_count__1m,
    cast(at_the_edge as double) as ahead_count__edge__all,
    cast(lead(of_month) over months as double) as ahead_count__next__1m,
    cast(sum(of_month) over (
        partition by customer_id order by feature_month
        rows between 1 preceding and 1 following
    ) as double) as ahead_count__3m,
    cast(sum(of_month) over (
        partition by customer_id order by feature_month
        rows between 2 preceding and current row
    ) as double) as ahead_count__past__3m,
from counted
window months as (partition by customer_id order by feature_month)
"""
LEAKS = {"ahead_count__edge__all", "ahead_count__next__1m", "ahead_count__3m"}
SOUND = {"ahead_count__all", "ahead_count__1m", "ahead_count__past__3m"}


def ahead_yaml() -> str:
    features = "".join(
        f"          - {{name: {name}, sql: {name}, description: Number of events.}}\n"
        for name in sorted(LEAKS | SOUND)
    )
    return (
        "version: 2\n\nmodels:\n  - name: ftr_ahead\n    description: Looks ahead.\n"
        "    config:\n      meta:\n        family: ahead\n        source: mbd\n        table: trx\n"
        f"        ttl_months: 1\n        features:\n{features}"
    )


def place(ws: TestWorkspace) -> Workspace:
    return Workspace(ws.home, ws.raw, {}, ws.home / "target")


def proof_of(ws: TestWorkspace, at: str = "2022-11-01") -> dict[str, Any]:
    path = ws.home / "audit" / f"leakage-{at}.json"
    return json.loads(path.read_text(encoding="utf-8"))


def verdicts(proof: dict[str, Any], family: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for feature in proof["features"]:
        if feature["family"] == family:
            found.setdefault(feature["verdict"], set()).add(feature["name"])
    return found


def copied(ws: TestWorkspace, home: Path) -> TestWorkspace:
    """The workspace in a folder of its own, to be changed; it reads the same raw files."""
    shutil.copytree(ws.home, home, ignore=shutil.ignore_patterns("raw", "audit", "logs"))
    return TestWorkspace(home, ws.raw)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dbt project with one family more: half of its features look ahead."""
    project = tmp_path_factory.mktemp("project") / "dbt_project"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"))
    model = project / "models" / "features" / "ftr_ahead.sql"
    model.write_text(AHEAD_SQL, encoding="utf-8")
    model.with_suffix(".yml").write_text(ahead_yaml(), encoding="utf-8")
    return project


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory, project: Path) -> TestWorkspace:
    """A small company of every source over six months, built; one month of a feature is stale."""
    home = tmp_path_factory.mktemp("company")
    simulate(home, customers=100, months=6, seed=5)
    ws = TestWorkspace(home, home / "raw")
    ws.must(*within(project), *BUILD, *FEATURES)
    ws.change(
        "update features.ftr_ahead set ahead_count__1m = 99 where feature_month = '2022-08-01'"
    )
    return ws


@pytest.fixture(scope="module")
def audited(company: TestWorkspace, project: Path) -> Ran:
    return company.run(*within(project), "ml", "audit", "leakage", "--at", "2022-11-01")


def within(project: Path) -> tuple[str, ...]:
    return "env", f"DBT_PROJECT_DIR={project}", f"DBT_PROFILES_DIR={project}"


def test_leaks_are_caught_by_name_and_told_from_stale_values(
    company: TestWorkspace, audited: Ran
) -> None:
    assert audited.code == 1, audited.text
    proof = proof_of(company)
    assert not proof["holds"]
    assert verdicts(proof, "ahead") == {
        "leaks": LEAKS,
        "stale": {"ahead_count__1m"},
        "clean": SOUND - {"ahead_count__1m"},
    }
    assert proof["verdicts"]["leaks"] == len(LEAKS)
    assert proof["verdicts"]["stale"] == 1
    for name in LEAKS:
        [leak] = [feature for feature in proof["features"] if feature["name"] == name]
        assert leak["before"] > 0
        assert leak["example"]["feature_month"] == "2022-10"
        assert leak["example"]["value"] != leak["example"]["value_in_copy"]
        assert f"{name} leaks: {leak['before']} rows, such as customer" in audited.text
    assert "ahead_count__1m is stale" in audited.text


@pytest.mark.usefixtures("audited")
def test_no_other_feature_of_any_source_is_accused(company: TestWorkspace) -> None:
    proof = proof_of(company)
    assert proof["blind_sources"] == []
    families = {feature["family"] for feature in proof["features"]}
    seen = {f["family"] for f in proof["features"] if f["verdict"] == "clean"}
    assert seen >= {"ahead", "dialog", "geo", "market", "session", "spend", "trx"}
    sources = dict(
        company.query("select distinct family, split_part(family, '_', 1) from marts.dim_features")
    )
    # Codes and categories that so small a company lacks; dialogues too few for a fit.
    assert {sources[family] for family in families - seen} <= {"trx", "spend", "dialog"}
    catalogue = {name for (name,) in company.query("select name from marts.dim_features")}
    assert {feature["name"] for feature in proof["features"]} == catalogue
    for each in proof["relations"]:
        assert (each["hash"] == each["hash_in_copy"]) == (each["family"] != "ahead")
        assert each["rows"] == each["rows_in_copy"]
        assert (each["rows"] > 0) == (each["family"] not in ("market", "session"))
    assert [path.name for path in (company.home / "audit").iterdir()] == ["leakage-2022-11-01.json"]


@pytest.mark.usefixtures("audited")
def test_the_proof_says_what_was_done_to_every_raw_file(company: TestWorkspace) -> None:
    files = {each["file"]: each for each in proof_of(company)["raw_files"]}
    landed = company.query("select distinct file from landed.files where file <> ''")
    assert files.keys() == {name for (name,) in landed}
    for each in files.values():
        is_same = each["sha256"] == each["sha256_in_copy"]
        assert is_same == (each["corrupted"] == 0) == each["treatment"].startswith("copied: ")
    assert files["transactions/2022-10.csv"]["corrupted"] == 0
    assert files["transactions/2022-11.csv"]["corrupted"] > 0
    assert files["market_money.csv"]["corrupted"] == files["market_money.csv"]["rows"] > 0
    split = files["client_split/fold=1/part-00000.snappy.parquet"]
    assert "no column of it is a time" in split["treatment"]


SALES = (
    "Buyer;Moment;Total;Kind\r\n"
    + "".join(
        f"c{n % 7};{1 + n % 28:02}.{6 + n // 28:02}.2022 {n % 24:02}:15;"
        f"{'-' if n % 11 == 0 else ''}{n},50;{'food' if n % 2 else 'toys'}\r\n"
        for n in range(28 * 6)
    )
    + "c1;no day;5,00;food\r\n"
)
MAPPING = {
    "name": "sales",
    "files": "sales.txt",
    "delimiter": ";",
    "time_format": "%d.%m.%Y %H:%M",
    "columns": {
        "customer_id": "upper(Buyer)",
        "event_time": "Moment",
        "amount": "Total",
        "category": "Kind",
    },
}


@pytest.fixture(scope="module")
def arrays(tmp_path_factory: pytest.TempPathFactory) -> TestWorkspace:
    """A bank in the array form, and sales in a file of a company's own; built."""
    home = tmp_path_factory.mktemp("arrays")
    simulate(home / "made", customers=100, months=6, seed=5, form="ptls")
    raw = home / "raw"
    for folder in ("ptls", "targets", "client_split"):
        shutil.copytree(home / "made" / "raw" / folder, raw / folder)
    (raw / "sales.txt").write_bytes(SALES.encode())
    ws = make_workspace(home, raw, transactions={"mapping": MAPPING})
    ws.must(*BUILD, *FEATURES)
    return ws


def test_arrays_and_files_read_through_a_mapping(arrays: TestWorkspace) -> None:
    shown = arrays.must("ml", "audit", "leakage", "--at", "2022-11-01", "--keep")
    assert "Proof: " in shown
    assert "Not corrupted, for no column is a time: mbd.client_split." in shown
    proof = proof_of(arrays)
    assert proof["holds"]
    for family in ("dialog", "geo", "spend", "trx"):
        assert verdicts(proof, family)["clean"]
    copy = arrays.home / "audit" / ".leakage-2022-11-01" / "raw"

    def elements(raw: Path, when: str) -> list[tuple[Any, ...]]:
        return duckdb.sql(
            f"select * from (select client_id, unnest(event_time) as t, unnest(amount) as a, "
            f"unnest(event_type) as e from '{raw}/ptls/trx/*/*.parquet') where {when}"
        ).fetchall()

    cut = "t < epoch(timestamp '2022-11-01')"
    assert elements(arrays.raw, cut) == elements(copy, cut) != []
    later = elements(copy, f"not ({cut})")
    assert later
    assert not {row[1:] for row in later} & {
        row[1:] for row in elements(arrays.raw, f"not ({cut})")
    }
    assert all(None not in row for row in later)
    lengths = "len(event_time) = len(amount) and len(amount) = len(src_type32)"
    [(even,)] = duckdb.sql(
        f"select bool_and({lengths}) from '{copy}/ptls/trx/*/*.parquet'"
    ).fetchall()
    assert even

    def early(text: str) -> list[str]:
        return [
            line
            for line in text.splitlines(keepends=True)
            if line.split(";")[1][3:5] not in ("11", "12")
        ]

    sales = (copy / "sales.txt").read_bytes().decode()
    assert early(sales) == early(SALES)
    late = set(sales.splitlines(keepends=True)) - set(early(sales))
    assert late
    assert not late & set(SALES.splitlines(keepends=True))
    assert any(";01.11.2022 00:00;" in line for line in late)
    assert {line.split(";")[0] for line in late} == {f"c{n}" for n in range(7)}


def test_a_source_that_a_person_adds_is_corrupted_by_its_column_of_times(
    tmp_path: Path, company: TestWorkspace
) -> None:
    """Landed by hand: the audit reads the manifest and the warehouse, whatever the source."""
    raw = tmp_path / "raw"
    raw.mkdir()
    lines = [f'd{n % 5},{n}.5,2022-{6 + n % 6:02}-03T10:00:00Z,"a, {n}"' for n in range(60)]
    (raw / "calls.csv").write_text("\n".join(["who,minutes,called_at,note", *lines]))
    manifest = read_manifest(place(company))
    meta = {"format": "csv", "files": "calls.csv"}
    names = ("who", "minutes", "called_at", "note")
    manifest["sources"]["source.almanac.support.calls"] = {
        "source_name": "support",
        "name": "calls",
        "identifier": "support__calls",
        "unique_id": "source.almanac.support.calls",
        "config": {"meta": meta},
        "columns": {name: {"config": {"meta": {}}} for name in names},
    }
    ws = Workspace(tmp_path, raw, {})
    with duckdb.connect() as connection:
        connection.execute(
            "create schema landed;"
            "create table landed.files as select 'support' as source, 'calls' as table_name, "
            "'calls.csv' as file;"
            "create table landed.workspace__sources as select 'support' as source, null as form;"
            "create table landed.workspace__settings (name varchar, value varchar);"
            "create table landed.support__calls as select *, 'calls.csv' as _file, "
            "row_number() over () + 1 as _row, null::varchar as _error, null as _line "
            f"from read_csv('{raw}/calls.csv', all_varchar = true)"
        )
        tables = read_tables(connection, manifest, ws, PROJECT)
        assert [(t.time, t.places, t.is_dated) for t in tables] == [("called_at", ("who",), True)]
        [proof] = corrupted_copy(Job(connection, ws, AT, tmp_path / "copy"), tables)
    assert (proof.rows, proof.corrupted) == (60, 10)
    new, old = (
        list(csv.DictReader(path.read_text().splitlines()))
        for path in (tmp_path / "copy" / "raw" / "calls.csv", raw / "calls.csv")
    )
    early, late = (
        [row for row in rows if (row["called_at"] < "2022-11") == is_early]
        for is_early, rows in ((True, new), (False, new))
    )
    assert early == [row for row in old if row["called_at"] < "2022-11"]
    assert late
    assert not [row for row in late if row in old]
    assert {row["who"] for row in late} <= {row["who"] for row in old}
    assert {row["called_at"] for row in late} == {"2022-11-01T00:00:00Z", "2022-11-03T10:00:00Z"}


@pytest.mark.parametrize("at", ["2020-01-01", "2023-06-01"])
def test_an_instant_outside_of_the_data_is_refused(company: TestWorkspace, at: str) -> None:
    failed = company.run("ml", "audit", "leakage", "--at", at)
    assert failed.code == 1
    assert f"Error: {at} is outside of the data" in failed.text
    assert "Name a day between 2022-08-01 and 2022-12-" in failed.text
    assert not (company.home / "audit" / f"leakage-{at}.json").exists()


def test_a_company_without_times_has_nothing_to_leak(company: TestWorkspace) -> None:
    ws = place(company)
    with duckdb.connect(str(ws.warehouse), read_only=True) as connection:
        tables = read_tables(connection, read_manifest(ws), ws, PROJECT)
    undated = [table for table in tables if table.source == "retailtech"]
    with pytest.raises(AlmanacError, match=r"carries a time \(retailtech\)"):
        choose(undated, [AT])
    months = [datetime(2022, month, 1) for month in range(8, 13)]
    assert choose(tables, months) == AT
    assert choose(tables, [*months, datetime(2023, 1, 1)]) == datetime(2022, 12, 1)
    with pytest.raises(AlmanacError, match="no month lies in them"):
        choose(tables, months[:1])


def test_raw_files_that_were_changed_since_the_build_are_refused(
    company: TestWorkspace, tmp_path: Path
) -> None:
    raw = tmp_path / "raw"
    shutil.copytree(company.raw, raw)
    with (raw / "transactions" / "2022-11.csv").open("a") as file:
        file.write("\n")
    with pytest.raises(AlmanacError, match=r"2022-11\.csv is not what the warehouse was built"):
        audit_leakage(Workspace(company.home, raw, {}, company.home / "target"), AT)


def test_a_build_that_fails_is_told_in_dbt_s_words(tmp_path: Path) -> None:
    with pytest.raises(AlmanacError, match=r"dbt cannot build a copy:\n(.*\n)*.*dbt_project\.yml"):
        build(tmp_path, tmp_path, tmp_path, ["ftr_trx"], "a copy")


def test_an_interrupted_audit_cleans_up(
    company: TestWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ml.audit.leakage.build", interrupted)
    with pytest.raises(KeyboardInterrupt):
        audit_leakage(place(company), AT)
    assert list((company.home / "audit").glob(".leakage*")) == []


def test_a_kill_leaves_no_half_proof(company: TestWorkspace, tmp_path: Path) -> None:
    ws = copied(company, tmp_path / "home")
    variables = {"ALMANAC_HOME": str(ws.home), "ALMANAC_RAW": str(ws.raw)}
    code = "from ml.cli import main; main(['audit', 'leakage', '--at', '2022-11-01'])"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env=os.environ | variables | {"DBT_TARGET_PATH": str(ws.home / "target")},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        copy = ws.home / "audit" / ".leakage-2022-11-01"
        deadline = time.monotonic() + 60
        while not (copy / "raw" / "targets").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)
    assert copy.exists()
    (copy / "warehouse.duckdb").write_text("half of one")
    assert [path.name for path in (ws.home / "audit").iterdir()] == [copy.name]
    with duckdb.connect(str(ws.home / "warehouse.duckdb"), read_only=True) as connection:
        tables = read_tables(connection, read_manifest(place(ws)), place(ws), PROJECT)
        assert corrupted_copy(Job(connection, place(ws), AT, fresh_folder(copy)), tables)
    assert not (copy / "warehouse.duckdb").exists()
