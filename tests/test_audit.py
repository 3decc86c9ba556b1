"""`ml audit leakage`: features of every source survive it, planted leaks are caught by name."""

import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from ml.features.leakage.corrupted_copy import CorruptionJob, corrupted_copy
from ml.features.leakage.instants import default_instant
from ml.features.leakage.leakage_audit import audit_leakage, emptied_folder
from ml.features.leakage.raw_tables import read_tables
from ml.features.leakage.rebuild import build_models
from ml.simulate import simulate
from ml.workspace.errors import AlmanacError
from ml.workspace.manifest import read_manifest
from ml.workspace.settings import Workspace
from tests.audit_proofs import AT, BUILD, PROJECT, proof_of, verdicts
from tests.leaky_project import LEAKS, SOUND, WHOLE, make_project
from tests.workspaces import Ran, TestWorkspace


def copied(ws: TestWorkspace, home: Path) -> TestWorkspace:
    """The workspace in a folder of its own, to be changed; it reads the same raw files."""
    shutil.copytree(ws.home, home, ignore=shutil.ignore_patterns("raw", "audit", "logs"))
    return TestWorkspace(home, ws.raw)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("project") / "dbt_project")


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory, project: Path) -> TestWorkspace:
    """A small company of every source over six months, built; one month of a feature is stale."""
    home = tmp_path_factory.mktemp("company")
    simulate(home, customers=100, months=6, seed=5)
    ws = TestWorkspace(home, home / "raw")
    ws.must(*within(project), *BUILD)
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
        "leaks": LEAKS | WHOLE,
        "stale": {"ahead_count__1m"},
        "clean": SOUND - {"ahead_count__1m"},
    }
    assert proof["verdicts"]["leaks"] == len(LEAKS | WHOLE)
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


@pytest.mark.parametrize("at", ["2020-01-01", "2023-06-01"])
def test_an_instant_outside_of_the_data_is_refused(company: TestWorkspace, at: str) -> None:
    failed = company.run("ml", "audit", "leakage", "--at", at)
    assert failed.code == 1
    assert f"Error: {at} is outside of the data" in failed.text
    assert "Name a day between 2022-08-01 and 2022-12-" in failed.text
    assert not (company.home / "audit" / f"leakage-{at}.json").exists()


def test_a_company_without_times_has_nothing_to_leak(company: TestWorkspace) -> None:
    ws = company.opened()
    with duckdb.connect(str(ws.warehouse), read_only=True) as connection:
        tables = read_tables(connection, read_manifest(ws), ws, PROJECT)
    undated = [table for table in tables if table.source == "retailtech"]
    with pytest.raises(AlmanacError, match=r"carries a time \(retailtech\)"):
        default_instant(undated, [AT])
    months = [datetime(2022, month, 1) for month in range(8, 13)]
    assert default_instant(tables, months) == AT
    assert default_instant(tables, [*months, datetime(2023, 1, 1)]) == datetime(2022, 12, 1)
    with pytest.raises(AlmanacError, match="no month lies in them"):
        default_instant(tables, months[:1])


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
        build_models(tmp_path, tmp_path, tmp_path, ["ftr_trx"], "a copy")


def test_an_interrupted_audit_cleans_up(
    company: TestWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ml.features.leakage.leakage_audit.build_models", interrupted)
    with pytest.raises(KeyboardInterrupt):
        audit_leakage(company.opened(), AT)
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
        tables = read_tables(connection, read_manifest(ws.opened()), ws.opened(), PROJECT)
        assert corrupted_copy(
            CorruptionJob(connection, ws.opened(), AT, emptied_folder(copy)), tables
        )
    assert not (copy / "warehouse.duckdb").exists()
