"""`ml features`: features found by pattern, the details of one, and the cost of families."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from ml.cli import main
from ml.features.catalogue.cost import costs
from ml.features.catalogue.lookup import CatalogueFeature, nearest_names, read_features, search
from ml.workspace.errors import AlmanacError
from tests.company_fixtures import families, ml, ws
from tests.workspaces import REPOSITORY

__all__ = ["ml", "ws"]


def test_the_catalogue_says_where_a_feature_is_declared(company):
    rows = company.query(
        "select family, domain, spec, list(position order by position) "
        "from marts.dim_features group by all"
    )
    for family, domain, spec, positions in rows:
        declared = (REPOSITORY / "dbt_project" / spec).read_text(encoding="utf-8")
        assert f"family: {family}" in declared
        assert family.split("_")[0] == domain
        assert positions == list(range(1, len(positions) + 1))


def feature(name: str, description: str = "", family: str = "spend") -> CatalogueFeature:
    known = (name, family, family, f"features.ftr_{family}", "", 1, description, "sum", "3m")
    return CatalogueFeature(*known, "double", *[None] * 7)


LISTED = (
    feature("spend_amount_sum__3m", "Sum of amounts, over 3 months."),
    feature("spend_event_count__3m", "Number of transactions, over 3 months."),
    feature("geo_event_count__1m", "Number of positions, in the month.", "geo"),
)


@pytest.mark.parametrize(
    ("pattern", "family", "names"),
    [
        ("", None, ["spend_amount_sum__3m", "spend_event_count__3m", "geo_event_count__1m"]),
        ("*_COUNT_*", None, ["spend_event_count__3m", "geo_event_count__1m"]),
        ("number over MONTHS", None, ["spend_event_count__3m"]),
        ("*positions*", None, ["geo_event_count__1m"]),
        ("count", "geo", ["geo_event_count__1m"]),
        ("spend_?????_count__[13]m", None, ["spend_event_count__3m"]),
    ],
)
def test_patterns_are_globs_or_words(pattern, family, names):
    assert [each.name for each in search(LISTED, pattern, family)] == names


def test_what_nothing_matches_is_answered_with_the_nearest():
    with pytest.raises(
        AlmanacError,
        match=r"No feature matches 'spend_amonut_smu_\*'.*Nearest: spend_amount_sum__3m",
    ):
        search(LISTED, "spend_amonut_smu_*", None)
    with pytest.raises(
        AlmanacError, match=r"Nearest: geo_event_count__1m\.\nSee them all: ml features"
    ):
        search(LISTED, "amount", "geo")
    with pytest.raises(AlmanacError, match=r"no family gee here. Here are: geo, spend\."):
        search(LISTED, "", "gee")
    assert nearest_names("GEO event", [each.name for each in LISTED], 1) == ["geo_event_count__1m"]


def test_the_command_lists_features_and_counts_them(ml):
    shown = ml("features", "geo_*nunique*").stdout.splitlines()
    assert shown[0].split()[:2] == ["feature", "family"]
    assert all(line.startswith("geo_") and len(line) <= 140 for line in shown[2:-1])
    assert shown[-1].startswith(f"{len(shown) - 3} of ")
    assert shown[-1].endswith("features, 1 families.")


def test_the_command_says_when_nothing_matches(ml):
    failed = ml("features", "sesion_pace_lst__1m")
    assert failed.exit_code == 1
    assert "Nearest: session_pace_last__1m" in failed.stderr


def test_the_command_tells_everything_of_one_feature(ml):
    shown = ml("features", "GEO_event_ratio__1m_over_6m").stdout
    assert "dbt_project/models/features/ftr_geo.yml" in shown
    assert "Positions of the month as a share of those of six months." in shown
    for part in (
        "null share",
        "drift",
        "nullif",
        "int_mbd_geo_months",
        "detail/geo/fold=*/*.parquet",
    ):
        assert part in shown


def test_a_feature_is_told_of_without_its_sql(ml, company, tmp_path, monkeypatch):
    manifest = json.loads((company.home / "target" / "manifest.json").read_text("utf-8"))
    for node in manifest["nodes"].values():
        node.pop("compiled_code", None)
    (tmp_path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    monkeypatch.setenv("ALMANAC_HOME", str(company.home))
    monkeypatch.setenv("DBT_TARGET_PATH", str(tmp_path))
    shown = CliRunner().invoke(main, ["features", "session_pace_last__1m"])
    assert shown.exit_code == 0
    assert "measured on" in shown.stdout
    assert shown.stdout.rstrip().endswith("Run: dbt compile")


def test_costs_are_those_of_the_warehouse(company, ws):
    found = {each.family: each for each in costs(ws, read_features(ws))}
    for family, relation in families(company):
        cost = found[family]
        assert cost.rows == company.value(f"select count(*) from {relation}")
        assert cost.bytes > 0
        assert cost.bytes % 16_384 == 0
        assert cost.bytes_per_row == cost.bytes / cost.rows
    assert found["geo"].partial == "int_mbd_geo_months"
    results = json.loads((company.home / "target" / "run_results.json").read_text("utf-8"))
    seconds = {each["unique_id"]: each["execution_time"] for each in results["results"]}
    assert found["geo"].seconds == seconds["model.almanac.ftr_geo"]
    assert found["geo"].partial_seconds == seconds["model.almanac.int_mbd_geo_months"]


def test_seconds_that_are_not_known_are_not_made_up(ws, company, tmp_path):
    manifest = tmp_path / "manifest.json"
    manifest.write_bytes((company.home / "target" / "manifest.json").read_bytes())
    found = costs(replace(ws, target=tmp_path), read_features(ws))
    assert {each.seconds for each in found} == {None}
    results: Path = tmp_path / "run_results.json"
    results.write_text('{"args": {"which": "test"}, "results": []}', encoding="utf-8")
    assert {each.seconds for each in costs(replace(ws, target=tmp_path), read_features(ws))} == {
        None
    }


def test_the_command_shows_costs(ml):
    shown = ml("features", "--cost").stdout.splitlines()
    assert shown[0].split()[:3] == ["family", "features", "rows"]
    assert "families" in shown[-3]


def test_nothing_built_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("ALMANAC_HOME", str(tmp_path))
    failed = CliRunner().invoke(main, ["features"])
    assert failed.exit_code == 1
    assert failed.stderr.rstrip().endswith("dbt build")
