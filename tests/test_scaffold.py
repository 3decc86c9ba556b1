"""What a stranger has: the wheel, and a project that `ml init` wrote; no checkout is near."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from ml.cli import main
from ml.store import feature_names
from ml.workspace.settings import workspace_at
from tests.workspaces import BIN, REPOSITORY, Ran

# What a checkout says and an empty environment does not.
OURS = ("ALMANAC", "DBT_", "FEATURE_REPO", "PYTHONPATH")
SALES = """buyer;sold on;total
k1;03.01.2024;12,50
k1;29.01.2024;7,50
k2;11.01.2024;three
k2;02.02.2024;31,90
k1;15.03.2024;1,00
"""
# The families of transactions, the targets over them, and what Feast registers of any source.
BUILT = (
    "+ftr_payday +ftr_spend +ftr_spend_basket +ftr_spend_category +ftr_spend_time "
    "+dim_features +ftr_session +tgt_spend_next_month +tgt_spend_decline"
)


@dataclass(frozen=True)
class Installed:
    """A folder into which pip put the wheel, and an empty one to work in."""

    site: Path
    folder: Path

    def run(self, script: str) -> Ran:
        """Run a script of Bash as in a new shell of an environment that has the wheel."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        path = os.pathsep.join([str(BIN), os.environ["PATH"]])
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder,
            env=kept | {"PYTHONPATH": str(self.site), "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        return Ran(done.returncode, done.stdout + done.stderr)

    def must(self, script: str) -> str:
        ran = self.run(script)
        assert ran.code == 0, f"{script}\n{ran.text[-4000:]}"
        return ran.text

    def files(self) -> set[str]:
        """The files that pip put there; Python may compile them."""
        found = {path.relative_to(self.site) for path in self.site.rglob("*") if path.is_file()}
        return {str(path) for path in found if "__pycache__" not in path.parts}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    base = tmp_path_factory.mktemp("installed")
    source = base / "source"
    ignored = shutil.ignore_patterns("target", "logs", "__pycache__", "exports")
    for name in ("ml", "feature_repo", "dbt_project", "docs"):
        shutil.copytree(REPOSITORY / name, source / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, source)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input"]
    site, folder = base / "site", base / "folder"
    folder.mkdir()
    for command in (
        ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(base), str(source)],
        ["install", "--no-deps", "--no-index", "--target", str(site), "almanac"],
    ):
        more = ["--find-links", str(base)] if command[0] == "install" else []
        subprocess.run([*pip, *command, *more], check=True)
    return Installed(site, folder)


@pytest.fixture(scope="module")
def shop(installed: Installed) -> Path:
    """A shop's project with a file of sales, built and registered by what the wheel brought."""
    before = installed.files()
    installed.must("ml init shop")
    project = installed.folder / "shop"
    (project / "data" / "raw").mkdir()
    (project / "data" / "raw" / "sales.csv").write_text(SALES, encoding="utf-8")
    installed.must(
        "cd shop; source .envrc; dbt deps --quiet; "
        f"dbt build --quiet --exclude-resource-types test unit_test --select {BUILT}; "
        "feast apply > applied.txt"
    )
    assert installed.files() == before
    assert "share/doc/almanac/monitoring.md" in before
    return project


def query(project: Path, sql: str) -> list[tuple]:
    with duckdb.connect(str(project / "data" / "warehouse.duckdb"), read_only=True) as warehouse:
        return warehouse.execute(sql).fetchall()


def test_a_project_reads_its_own_files_by_its_own_mapping(shop):
    accepted = query(
        shop, "select customer_id, sum(amount) from staging.stg_transactions__events group by all"
    )
    assert sorted(accepted) == [("k1", 21.0), ("k2", 31.9)]
    assert query(shop, "select row_number, reason from staging.rejects") == [
        (4, "amount is not a number")
    ]


def test_a_family_of_its_own_stands_beside_those_of_the_package(shop):
    # Of the three months up to March, k1 paid 12.50 of 21 on the first five days.
    share, ours = query(
        shop,
        "select payday_amount_share__payday_true__3m, spend_amount_sum__3m "
        "from features.ftr_payday join features.ftr_spend using (customer_id, feature_month) "
        "where customer_id = 'k1' and feature_month = '2024-03-01'",
    )[0]
    assert share == pytest.approx(12.5 / 21)
    assert ours == pytest.approx(21)
    declared = dict(
        query(
            shop,
            "select name, spec from marts.dim_features "
            "where name in ('payday_amount_share__payday_true__3m', 'spend_amount_sum__3m')",
        )
    )
    assert [(shop / "dbt_project" / path).exists() for path in declared.values()] == [True, True]
    applied = (shop / "applied.txt").read_text(encoding="utf-8")
    assert "Created feature view payday\n" in applied
    assert "Created feature service spend_next_month\n" in applied


def test_the_doctor_finds_a_project_as_its_envrc_says(installed, shop):
    ran = installed.run(f"cd {shop}; source .envrc; ml doctor --json")
    states = {each["name"]: each["state"] for each in json.loads(ran.text)["checks"]}
    for name in ("python", "packages", "variables", "workspace.yml", "dbt project"):
        assert states[name] == "fine", ran.text


def test_a_target_of_the_package_takes_the_projects_family(shop):
    known = [each.name for each in feature_names(workspace_at(shop / "data"), "spend_next_month")]
    assert "payday_amount_share__payday_true__3m" in known
    assert "spend_amount_sum__3m" in known


def test_models_of_the_package_read_a_projects_own_months(installed):
    installed.must("ml init bank work/lending")
    project = installed.folder / "work" / "lending" / "dbt_project"
    declared = (project / "dbt_project.yml").read_text(encoding="utf-8")
    named = declared.replace("vars:\n", "vars:\n  almanac: {own_models: [int_calls]}\n")
    (project / "dbt_project.yml").write_text(named, encoding="utf-8")
    (project / "models" / "intermediate").mkdir()
    (project / "models" / "intermediate" / "int_calls.sql").write_text("select 1 as one")
    listed = installed.must(
        "cd work/lending; source .envrc; dbt deps --quiet; "
        "dbt ls --quiet --select int_calls+ --resource-type model"
    )
    assert {
        "almanac.intermediate.int_spine_months",
        "almanac.intermediate.int_customer_sources",
        "almanac.marts.fct_customer_months",
        "bank.features.ftr_payday",
    } <= set(listed.split())


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("ml init shop full", ["full is not empty: it holds kept.txt", "ml init shop <folder>"]),
        ("ml init shop full/kept.txt", ["kept.txt is a file", "ml init shop <folder>"]),
        ("ml init shop full/kept.txt/in", ["a file is in the place of its folder", "Move"]),
        ("ml init shop .", ["is the current folder", "ml init shop <folder>"]),
        ("ml init bakery", ["'bakery' is not one of 'shop', 'bank'"]),
        ("ml train", ["ALMANAC_HOME is not set", "source .envrc", "ml init shop"]),
        ("ml simulate", ["ALMANAC_HOME is not set", "source .envrc", "ml init shop"]),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_written(installed, script, told):
    kept = installed.folder / "full" / "kept.txt"
    kept.parent.mkdir(exist_ok=True)
    kept.write_text("mine")
    before = installed.files()
    ran = installed.run(script)
    assert ran.code
    assert [part for part in told if part not in ran.text] == [], ran.text
    assert "Traceback" not in ran.text
    assert installed.files() == before
    assert list(kept.parent.iterdir()) == [kept]


def test_the_next_command_quotes_the_folder(tmp_path):
    ran = CliRunner().invoke(main, ["init", "shop", str(tmp_path / "my shop")])
    assert f"Next: cd '{tmp_path / 'my shop'}' && " in ran.output
