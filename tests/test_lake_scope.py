"""Which models of the project are customers' and which of the whole, and that none mixes them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ml.lake.project import MONTHS_END, Model, Project, Totals, compile_project
from ml.lake.scope import levels, mixed_scopes, needed_by_customers
from tests.workspaces import make_workspace


@pytest.fixture(scope="module")
def project(compiled: Path) -> Project:
    return compile_project(make_workspace(compiled.parent, Path()).opened())


def test_no_model_of_the_project_mixes_customers_and_the_whole(project):
    assert len(project.models) > 70
    assert mixed_scopes(project) == []


def test_a_family_needs_to_say_nothing_of_its_scope(project):
    families = [m for m in project.models if m.relation.startswith("features.")]
    assert len(families) > 20
    assert not any(model.is_whole for model in families)
    assert {levels(project)[m.relation] for m in families if m.kind == "vectors"} == {3}


def test_every_totals_column_is_one_of_the_model(project):
    for model in project.models:
        if model.totals:
            for column in (*model.totals.by, *model.totals.measures):
                assert column in model.sql, f"{model.relation}: {column}"


def test_the_project_of_a_lake_has_no_metrics(compiled):
    """They describe marts that a lake has not, on which nothing would parse."""
    found = json.loads((compiled / "semantic_manifest.json").read_text(encoding="utf-8"))
    assert [found[kind] for kind in ("semantic_models", "metrics", "saved_queries")] == [[]] * 3


def model(place: int, name: str, sql: str = "", **changes: object) -> Model:
    made = Model(f"a.{name}", "table", sql or f"select {place}", False, (), place)
    return replace(made, **changes)


def test_a_whole_model_that_reads_rows_of_customers_is_told():
    whole = model(1, "newest", reads=("a.rows",), is_whole=True)
    customers = model(2, "spine", reads=("a.newest",))
    mixed = Project((model(0, "rows"), whole, customers), {}, ())
    assert mixed_scopes(mixed) == [
        "a.newest is of the whole and reads a.rows, whose rows are customers'"
    ]
    parted = replace(mixed, models=(model(0, "rows", totals=Totals(by=("x",))), whole, customers))
    assert mixed_scopes(parted) == []
    assert levels(parted) == {"a.rows": 0, "a.newest": 1, "a.spine": 1}
    # What no customer model reads may read them all.
    assert mixed_scopes(Project((model(0, "rows"), whole), {}, ())) == []
    assert needed_by_customers(parted) == {"a.newest"}


def test_versions_that_read_rows_of_customers_are_told():
    sql = f'with versions as (select 1 from "warehouse"."a"."rows") {MONTHS_END} select 1'
    monthly = model(1, "months", sql, reads=("a.rows",), month="feature_month")
    told = mixed_scopes(Project((model(0, "rows"), monthly), {}, ()))
    assert told == ["a.months is built month by month, and its versions read a.rows"]
