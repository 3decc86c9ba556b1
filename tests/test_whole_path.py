"""The whole path on a simulated company: registered, trained, scored, segmented, offered."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from ml.serving.publish import publish
from tests.workspaces import REPOSITORY, TestWorkspace

SCORES = "select customer_id, target, score from scores.scores order by all"


@pytest.fixture(scope="module")
def scored(company: TestWorkspace) -> TestWorkspace:
    assert "experimental" not in company.must("feast", "apply")
    company.must("ml", "train", "--target", "activity_decline", "--target", "spend_next_month")
    assert "Created feature view activity_decline__input" in company.must("feast", "apply")
    company.must("ml", "materialize")
    company.must("ml", "score", "--target", "activity_decline", "--target", "spend_next_month")
    company.must("dbt", "build", "--quiet", "--select", "source:scores+")
    return company


def test_every_source_is_there(company: TestWorkspace) -> None:
    present = company.query("select source from landed.workspace__sources where is_present")
    assert {source for (source,) in present} == {"mbd", "one_click", "retailtech", "transactions"}
    assert company.value("select count(*) from staging.rejects") > 0
    found = company.query("select distinct domain from marts.dim_features")
    domains = {"trx", "geo", "dialog", "purchase", "market", "session", "spend"}
    assert {domain for (domain,) in found} == domains


def test_the_same_customers_appear_in_every_source(company: TestWorkspace) -> None:
    both = "select count(*) from marts.dim_customers where sources = "
    assert company.value(f"{both} 'mbd, one_click, retailtech, transactions'") > 0


def test_scoring_twice_changes_nothing(scored: TestWorkspace) -> None:
    before = scored.query(SCORES)
    told = scored.must("ml", "score", "--target", "activity_decline")
    assert "0 new" in told
    assert scored.query(SCORES) == before


def test_the_mart_of_scores_says_why(scored: TestWorkspace) -> None:
    unexplained = "select count(*) from marts.mart_scores where reason_1 is null"
    assert scored.value("select count(*) from marts.mart_scores") > 0
    assert scored.value(unexplained) == 0
    said = scored.query("select distinct split_part(reason_1, ':', 1) from marts.mart_scores")
    described = "select lower(split_part(rtrim(description, '.'), ';', 1)) from marts.dim_features"
    known = {text.removeprefix("whether ") for (text,) in scored.query(described)}
    assert {text.lower() for (text,) in said} <= known


def test_online_features_give_the_offline_scores(scored: TestWorkspace) -> None:
    offline = dict(
        scored.query(
            "select customer_id, score from scores.scores where target = 'spend_next_month'"
        )
    )
    scored.change("create table kept as from scores.scores; delete from scores.scores")
    try:
        scored.must("ml", "score", "--target", "spend_next_month", "--online")
        online = dict(scored.query("select customer_id, score from scores.scores"))
        sources = scored.query("select distinct scored_from from scores.scores")
    finally:
        scored.change(
            "delete from scores.scores; insert into scores.scores from kept; drop table kept"
        )
    assert sources == [("online",)]
    assert online.keys() == offline.keys()
    assert online == offline


def test_what_is_published_is_what_the_warehouse_says(scored: TestWorkspace) -> None:
    lines = scored.must("ml", "verify").splitlines()
    named = {"market", "session", "spend", "trx"}
    inputs = {"activity_decline__input", "spend_next_month__input"}
    assert {line.split()[0] for line in lines if line.endswith("  0")} == named | inputs


def test_segments_split_by_risk_and_profit(scored: TestWorkspace) -> None:
    segments = {s for (s,) in scored.query("select distinct segment from marts.mart_segments")}
    assert segments == {
        "high_risk_high_profit",
        "high_risk_low_profit",
        "low_risk_high_profit",
        "low_risk_low_profit",
    }


def test_offers_go_to_those_who_may_be_contacted(scored: TestWorkspace) -> None:
    refused = (
        "select count(*) from marts.mart_offers join staging.stg_one_click__market_file "
        "using (customer_id) where consent = 'no'"
    )
    assert scored.value("select count(*) from marts.mart_offers") > 0
    assert scored.value(refused) == 0
    would_fit = (
        "select count(*) from marts.mart_segments "
        "where segment = 'high_risk_high_profit' and not is_contactable"
    )
    assert scored.value(would_fit) > 0
    own_category = (
        "select count(*) from marts.mart_offers join marts.dim_customers using (customer_id) "
        "where category is distinct from favourite_category"
    )
    assert scored.value(own_category) == 0


def test_the_published_copy_is_for_older_clients_too(scored: TestWorkspace) -> None:
    scored.must("ml", "publish")
    published = scored.home / "published.duckdb"
    with duckdb.connect(str(published), read_only=True) as marts:
        marts.execute("select count(*) from marts.mart_offers").fetchone()
        (tags,) = marts.execute(
            "select tags from duckdb_databases() where database_name = 'published'"
        ).fetchone()
        indexed = marts.execute("select count(*) from duckdb_tables() where index_count > 0")
        assert indexed.fetchone() == (0,)
    assert tags["storage_version"].startswith("v1.0.0")


def test_every_table_and_column_that_is_published_is_explained(scored: TestWorkspace) -> None:
    whole = replace(scored.opened(), settings={"publish": {"tables": ["marts", "s*", "t*", "f*"]}})
    publish(whole)
    with duckdb.connect(str(whole.published), read_only=True) as marts:
        silent = marts.execute(
            "select table_name from duckdb_tables() where comment is null union all "
            "select table_name || '.' || column_name from duckdb_columns() "
            "where not internal and comment is null"
        ).fetchall()
        features = marts.execute(
            "select count(*) from duckdb_columns() as c join marts.dim_features as f "
            "on f.relation = c.schema_name || '.' || c.table_name and f.name = c.column_name "
            "where f.description = c.comment"
        ).fetchone()
        unkeyed = marts.execute("select name from readme where '' in (key, one_row)").fetchall()
    assert silent == []
    assert features == (scored.value("select count(*) from marts.dim_features"),)
    assert unkeyed == []


def test_targets_are_told_with_their_champions(scored: TestWorkspace) -> None:
    named = scored.query(
        "select targets.target, label, horizon_months, reigns.threshold = targets.threshold "
        "from marts.dim_targets as targets join monitoring.champions as reigns using (model_id) "
        "order by all"
    )
    assert named == [
        ("activity_decline", "Activity decline", 3, True),
        ("spend_next_month", "Spend next month", 1, True),
    ]
    assert scored.value("select count(*) from marts.dim_targets where model_id is null") > 0
    outside = (
        "select count(*) from marts.fct_scores "
        "left join marts.dim_dates on as_of::date = date_day where date_day is null"
    )
    assert scored.value(outside) == 0


def test_the_report_names_what_was_trained(scored: TestWorkspace) -> None:
    scored.must("ml", "report")
    page = (scored.home / "report.html").read_text(encoding="utf-8")
    assert "Activity decline" in page
    assert "Spend next month" in page


def test_an_exported_champion_is_compared_at_every_build(
    scored: TestWorkspace, tmp_path: Path
) -> None:
    project = shutil.copytree(
        REPOSITORY / "dbt_project",
        tmp_path / "dbt_project",
        ignore=lambda *_: {"exports", "target"},
    )
    here = ("env", f"DBT_PROJECT_DIR={project}", f"DBT_TARGET_PATH={tmp_path / 'target'}")
    build = (
        *here,
        "dbt",
        "build",
        "--quiet",
        "--select",
        "exports",
    )
    shutil.copytree(scored.home / "target", tmp_path / "target")
    # A blend has no SQL; a logistic regression takes its place for a while.
    told = scored.must("ml", "train", "--target", "activity_decline", "--model", "logistic")
    (model,) = set(re.findall(r"activity_decline-\w{10}", told.split("stays")[0]))
    scored.must("ml", "promote", model, "--force")
    scored.must("ml", "score", "--target", "activity_decline")
    told = scored.must(*here, "ml", "export", "sql", "activity_decline")
    assert "rows compared" in told
    scored.must(*build)
    both = (
        "select count(*) from exports.sql_activity_decline "
        "join scores.scores using (customer_id, model_id)"
    )
    assert scored.value(both) == scored.value(
        f"select count(*) from scores.scores where model_id = '{model}'"
    )
    elsewhere = scored.must(*here, "env", "ALMANAC_HOME=/elsewhere", "dbt", "ls", "--quiet")
    assert "int_customer_months" in elsewhere
    assert "sql_activity_decline" not in elsewhere
    (macro,) = (project / "macros" / "exports").glob("sql_activity_decline_*.sql")
    macro.write_text(macro.read_text(encoding="utf-8").replace("1e0 / (", "0.99e0 / ("))
    failed = scored.run(*build)
    scored.change("drop schema exports cascade")
    scored.change(f"delete from scores.scores where model_id = '{model}'")
    scored.must("ml", "rollback", "activity_decline")
    assert failed.code != 0
    assert f"assert_{macro.stem}_is_its_model" in failed.text
    assert "agrees_with_scores" in failed.text
