"""What dbt says of the project: words, owners, tags, names; in manifest and warehouse."""

import json
import re
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from ml.features.catalogue.lookup import read_features
from tests.workspaces import TestWorkspace

# The folder of a model, and with what its name begins.
PREFIXES = {
    "staging": ("stg_",),
    "intermediate": ("int_",),
    "features": ("ftr_",),
    "targets": ("tgt_",),
    "marts": ("dim_", "fct_", "mart_"),
    "scores": ("fct_",),
    "monitoring": ("int_monitoring_", "mart_monitoring_"),
}
UNIQUE = {"primary_key", "unique"}
Manifest = dict[str, Any]


@pytest.fixture(scope="module")
def manifest(company: TestWorkspace) -> Manifest:
    return json.loads(
        (company.home / "target" / "manifest_of_all.json").read_text(encoding="utf-8")
    )


def of_kind(manifest: Manifest, kind: str) -> list[dict[str, Any]]:
    found = [node for node in manifest["nodes"].values() if node["resource_type"] == kind]
    assert found
    return found


def columns(company: TestWorkspace) -> Iterator[tuple[str, str, str | None]]:
    """Each column of what dbt built: `schema.relation`, its name, its comment."""
    with duckdb.connect(str(company.home / "warehouse.duckdb"), read_only=True) as warehouse:
        yield from warehouse.execute(
            "select schema_name || '.' || table_name, column_name, comment from duckdb_columns() "
            "where not internal"
        ).fetchall()


def test_every_column_that_dbt_built_is_described_in_manifest_and_warehouse(company, manifest):
    built = {
        f"{node['schema']}.{node['alias']}": node
        for kind in ("model", "seed")
        for node in of_kind(manifest, kind)
    }
    bare, seen = [], set()
    for relation, name, comment in columns(company):
        if relation in built:
            seen.add(relation)
            declared = built[relation]["columns"].get(name, {}).get("description", "").strip()
            if not declared or comment != declared:
                bare.append(f"{relation}.{name}: {declared!r}, in the warehouse {comment!r}")
    assert not bare, "\n".join(bare)
    assert len(seen) > 90


def test_the_words_of_features_are_those_of_the_catalogue(company):
    comments = {name: comment for _, name, comment in columns(company)}
    features = read_features(company.opened())
    assert len(features) > 1000
    assert {each.name: comments[each.name] for each in features} == {
        each.name: each.description for each in features
    }


def test_every_relation_has_words_and_an_owner(manifest):
    groups = {group["name"]: group for group in manifest["groups"].values()}
    for node in (*of_kind(manifest, "model"), *of_kind(manifest, "seed")):
        assert node["description"].strip(), node["unique_id"]
        assert groups[node["config"]["group"]]["owner"]["name"], node["unique_id"]
    for exposure in manifest["exposures"].values():
        assert exposure["description"].strip(), exposure["name"]
        assert exposure["owner"]["name"], exposure["name"]
    for source in manifest["sources"].values():
        assert source["description"].strip(), source["name"]
        assert source["source_description"].strip(), source["name"]
        assert all(column["description"] for column in source["columns"].values()), source["name"]


def test_families_are_tagged_with_their_source_and_their_name(manifest):
    families = [n for n in of_kind(manifest, "model") if "family" in n["config"]["meta"]]
    assert families
    for node in families:
        meta = node["config"]["meta"]
        assert node["tags"] == list(dict.fromkeys([meta["source"], meta["family"]])), node["name"]


def raw_tables(manifest: Manifest) -> set[str]:
    return {
        name
        for name, source in manifest["sources"].items()
        if source["source_name"] not in ("workspace", "scores")
    }


def test_names_tell_the_layer_and_no_feature_reads_past_staging(manifest):
    for node in of_kind(manifest, "model"):
        folder = node["path"].split("/")[0]
        assert node["name"].startswith(PREFIXES[folder]), node["path"]
        if folder not in ("staging", "intermediate"):
            landed = [name for name in node["depends_on"]["nodes"] if name in raw_tables(manifest)]
            assert not landed, f"{node['name']} reads {landed}, past staging"


def test_every_mart_has_a_key_that_is_tested(manifest):
    tested = {
        test["attached_node"]
        for test in of_kind(manifest, "test")
        if test.get("test_metadata", {}).get("name") in UNIQUE
    }
    marts = [n for n in of_kind(manifest, "model") if n["schema"] == "marts"]
    assert [n["name"] for n in marts if n["unique_id"] not in tested] == []
    assert len(marts) >= 12


def test_the_examples_of_marts_run(company, manifest):
    ran = []
    with duckdb.connect(str(company.home / "warehouse.duckdb"), read_only=True) as warehouse:
        for node in of_kind(manifest, "model"):
            if node["schema"] == "marts" and node["config"]["access"] == "public":
                (sql,) = re.findall(r"```sql\n(.*?)```", node["description"], re.DOTALL)
                warehouse.execute(sql).fetchall()
                ran.append(node["name"])
    assert len(ran) >= 12


def test_freshness_is_that_of_the_newest_file(company):
    # Its manifest, which lacks what is compiled, is not to take the place of the build's.
    command = ("dbt", "--no-write-json", "source", "freshness")
    said = company.must(*command, "--select", "source:transactions")
    assert "PASS freshness of transactions.events" in said


FILTERED_COUNT = re.compile(
    r"\bcount\((?:[^()]|\([^()]*\))*\)\s*filter\s*\((?:[^()]|\([^()]*\))*\)\s*over\b", re.IGNORECASE
)


def test_no_count_over_a_window_has_a_filter(manifest):
    """DuckDB 2.0 takes time by the square of the window's rows for it."""
    assert FILTERED_COUNT.search("count(*) filter (where label in (1, 2)) over of_month as ones")
    assert not FILTERED_COUNT.search("count(*) filter (where label = 1) as ones")
    code = {name: each.get("raw_code") or "" for name, each in manifest["nodes"].items()}
    code |= {name: each["macro_sql"] for name, each in manifest["macros"].items()}
    assert sum("over (" in each for each in code.values()) > 10
    assert not [name for name, each in code.items() if FILTERED_COUNT.search(each)]
