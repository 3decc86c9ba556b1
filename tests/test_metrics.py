"""The semantic layer: each metric through MetricFlow beside plain SQL; how it is described."""

import csv
import os
import shutil
from types import SimpleNamespace

import duckdb
import pytest

from tests.metric_oracle import EXPECTED
from tests.metric_table import TABLE_END, TABLE_START, definitions, table
from tests.workspaces import PROJECT, REPOSITORY, TestWorkspace

WHY = "MetricFlow is not installed: pip install --constraint constraints.txt -e '.[metrics]'"


@pytest.fixture(scope="module")
def engine(scored: TestWorkspace) -> object:
    """MetricFlow over the definitions that dbt wrote."""
    pytest.importorskip("metricflow", reason=WHY)
    from metricflow.engine.metricflow_engine import MetricFlowEngine
    from metricflow.protocols.sql_client import SqlEngine
    from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
    from metricflow_semantics.model.dbt_manifest_parser import (
        parse_manifest_from_dbt_generated_manifest as parse,
    )
    from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

    manifest = parse((scored.home / "target" / "semantic_manifest.json").read_text())
    # It only writes the SQL.
    dialect = SimpleNamespace(
        sql_engine_type=SqlEngine.DUCKDB, sql_plan_renderer=DuckDbSqlPlanRenderer()
    )
    return MetricFlowEngine(SemanticManifestLookup(manifest), dialect)


def sql_of(engine: object, **query: object) -> str:
    from metricflow.engine.metricflow_engine import MetricFlowQueryRequest

    return engine.explain(MetricFlowQueryRequest.create(**query)).sql_statement.sql


@pytest.fixture(scope="module")
def warehouse(scored: TestWorkspace) -> duckdb.DuckDBPyConnection:
    with duckdb.connect(str(scored.home / "warehouse.duckdb"), read_only=True) as connection:
        yield connection


def groups(warehouse: duckdb.DuckDBPyConnection, sql: str) -> dict[object, float]:
    """The value of each group that has one."""
    found = warehouse.execute(sql).fetchall()
    return {group: value for group, value in found if value is not None}


@pytest.mark.parametrize("metric", EXPECTED)
def test_a_metric_is_what_plain_sql_says(engine, warehouse, metric):
    group, plain = EXPECTED[metric]
    sql = sql_of(engine, metric_names=[metric], group_by_names=[group])
    found = groups(warehouse, sql)
    assert found == pytest.approx(groups(warehouse, plain), rel=1e-9)
    assert len(found) > 1
    assert any(found.values()), "nothing anywhere proves nothing"


def test_a_saved_query_gives_a_row_a_group(engine, warehouse):
    for saved in definitions("saved_queries"):
        rows = warehouse.execute(sql_of(engine, saved_query_name=saved["name"])).fetchall()
        assert len(rows) > 1, saved["name"]


def test_spend_and_scores_meet_in_the_customer(engine, warehouse):
    """A metric of one mart by a column of another, and filtered by a third."""
    sql = sql_of(
        engine,
        metric_names=["spend"],
        group_by_names=["customer__segment"],
        where_constraints=["{{ Dimension('customer__is_contactable') }}"],
    )
    plain = (
        "select segment, sum(amount) from marts.fct_customer_months "
        "join marts.dim_customers using (customer_id) left join "
        "(select customer_id, segment from marts.mart_segments) using (customer_id) "
        "where is_contactable group by 1"
    )
    assert groups(warehouse, sql) == pytest.approx(groups(warehouse, plain))


def test_mf_reads_the_published_copy(scored, tmp_path):
    """`mf` as one types it, with the target that lands and writes nothing."""
    pytest.importorskip("metricflow", reason=WHY)
    project = tmp_path / "dbt_project"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"))
    scored.must("ml", "publish")
    # What `mf` asks the package index goes nowhere.
    own = [f"DBT_PROJECT_DIR={project}", "DBT_TARGET=metrics", "HTTPS_PROXY=http://127.0.0.1:9"]
    parsed = ("--target-path", str(project / "target"))
    scored.must("env", *own, "dbt", "parse", "--quiet", *parsed)
    before = os.stat(scored.home / "published.duckdb")
    written = tmp_path / "risk.csv"
    scored.must("env", *own, "mf", "query", "--saved-query", "risk_by_segment", "--csv", written)
    rows = csv.DictReader(written.read_text(encoding="utf-8").splitlines())
    plain = "select segment, count(*) from marts.mart_segments group by 1 order by 1"
    found = [(row["customer__segment"], int(row["segmented_customers"])) for row in rows]
    assert found == scored.query(plain)
    assert os.stat(scored.home / "published.duckdb").st_mtime_ns == before.st_mtime_ns


def test_every_metric_is_compared_described_and_in_the_page():
    metrics = definitions("metrics")
    assert {metric["name"] for metric in metrics} == EXPECTED.keys()
    for each in [*metrics, *definitions("saved_queries"), *definitions("semantic_models")]:
        assert each["description"].strip().endswith("."), each["name"]
    labels = [metric["label"] for metric in metrics]
    assert len(set(labels)) == len(labels)
    page = (REPOSITORY / "docs" / "metrics.md").read_text(encoding="utf-8")
    shown = page.split(TABLE_START)[1].split(TABLE_END)[0]
    assert shown.strip() == table().strip(), "Write it anew: python -m tests.metric_table"
