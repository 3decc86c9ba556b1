"""What `feast apply` registers, and the commands that a person types after it."""

import json
import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from feast import Entity, FeatureService, FeatureView

from feature_repo.build import feast_objects
from ml.workspace.errors import AlmanacError
from ml.workspace.settings import Workspace
from tests.small_workspace import FAMILIES, TARGETS, make_workspace, node, write_manifest
from tests.workspaces import BIN, REPOSITORY, TestWorkspace

UNTIL = "2023-02-01T00:00:00"


@pytest.fixture
def ws(tmp_path) -> Workspace:
    return make_workspace(tmp_path / "home")


def change(ws: Workspace, sql: str) -> None:
    with duckdb.connect(str(ws.warehouse)) as connection:
        connection.execute(sql)


def of_kind(objects, kind):
    return {item.name: item for item in objects if type(item) is kind}


def test_families_and_targets_with_rows_are_registered(ws):
    objects = feast_objects(ws)
    assert list(of_kind(objects, Entity)) == ["customer"]
    views = of_kind(objects, FeatureView)
    assert set(views) == {"trx", "geo"}
    services = of_kind(objects, FeatureService)
    assert set(services) == {"purchase_any"}
    used = services["purchase_any"].feature_view_projections
    assert [projection.name for projection in used] == ["trx", "geo"]


def test_a_view_holds_its_tables_columns_words_and_time_to_live(ws):
    trx, geo = (of_kind(feast_objects(ws), FeatureView)[name] for name in ("trx", "geo"))
    fields = [(field.name, str(field.dtype), field.description) for field in trx.features]
    assert fields == [
        ("trx_amount_sum__1m", "Float64", "Sum of amounts in the last month."),
        ("trx_count__1m", "Float64", "Number of transactions in the last month."),
    ]
    assert [column.name for column in trx.entity_columns] == ["customer_id"]
    assert trx.description == "All about ftr_trx."
    assert (trx.ttl, geo.ttl) == (timedelta(days=32), timedelta(days=63))


def test_what_is_registered_has_its_groups_owner_and_tags_of_its_meta(ws):
    content = json.loads(ws.manifest.read_text(encoding="utf-8"))
    owner = {"name": "Data science", "email": None}
    content["groups"] = {"group.almanac.science": {"name": "science", "owner": owner}}
    for name in ("ftr_trx", "tgt_purchase_any"):
        content["nodes"][f"model.almanac.{name}"]["group"] = "science"
    content["nodes"]["model.almanac.ftr_trx"]["config"]["meta"] |= {"source": "mbd", "table": "trx"}
    content["nodes"]["model.almanac.tgt_purchase_any"]["config"]["meta"]["horizon_months"] = 1
    ws.manifest.write_text(json.dumps(content), encoding="utf-8")
    objects = feast_objects(ws)
    views, services = of_kind(objects, FeatureView), of_kind(objects, FeatureService)
    trx, service = views["trx"], services["purchase_any"]
    tags = {"domain": "trx", "source": "mbd", "table": "trx"}
    assert (trx.owner, trx.tags) == ("Data science", tags)
    source = trx.batch_source
    assert (source.owner, source.tags, source.description) == (trx.owner, tags, trx.description)
    assert (service.owner, service.tags) == ("Data science", {"horizon_months": "1"})
    assert (views["geo"].owner, views["geo"].tags) == ("", {"domain": "geo"})


def test_a_family_appears_with_its_first_row(ws):
    change(ws, "insert into features.ftr_spend values ('a', '2023-01-01', '2023-02-01', 4)")
    objects = feast_objects(ws)
    assert set(of_kind(objects, FeatureView)) == {"trx", "geo", "spend"}
    assert set(of_kind(objects, FeatureService)) == {"purchase_any", "spend_decline"}


def test_publishing_starts_at_the_first_row(ws):
    trx = of_kind(feast_objects(ws), FeatureView)["trx"]
    assert trx.most_recent_end_time == datetime(2022, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("drop table features.ftr_geo", r"no relation features\.ftr_geo\.\nBuild it: dbt build"),
        ("drop table targets.tgt_empty", r"no relation targets\.tgt_empty"),
        ("drop table marts.dim_features", r"no relation marts\.dim_features"),
        (
            "alter table features.ftr_geo add column day date",
            r"features\.ftr_geo\.day: Feast has no type equal to DuckDB's DATE",
        ),
        (
            "alter table features.ftr_geo rename geo_count__1m to trx_count__1m",
            "Both families geo and trx have a feature trx_count__1m",
        ),
        ("alter table features.ftr_geo drop customer_id", "has no column customer_id"),
    ],
)
def test_what_cannot_be_registered_is_named(ws, sql, message):
    change(ws, sql)
    with pytest.raises(AlmanacError, match=message):
        feast_objects(ws)


def test_a_family_of_an_absent_source_need_not_be_built(ws):
    every = set(of_kind(feast_objects(ws), FeatureView))
    geo = node("features", "ftr_geo", family="geo", source="bank", ttl_months=2, online=True)
    others = [each for each in FAMILIES if each["alias"] != "ftr_geo"]
    write_manifest(ws, [geo, *others, *TARGETS])
    change(ws, "drop table features.ftr_geo")
    with pytest.raises(AlmanacError, match=r"no relation features\.ftr_geo"):
        feast_objects(ws)
    change(ws, "create schema landed")
    change(ws, "create table landed.workspace__sources as select 'bank' source, false is_present")
    assert set(of_kind(feast_objects(ws), FeatureView)) == every - {"geo"}
    change(ws, "update landed.workspace__sources set is_present = true")
    with pytest.raises(AlmanacError, match=r"no relation features\.ftr_geo"):
        feast_objects(ws)


def test_a_missing_or_broken_build_is_named(ws):
    ws.manifest.write_text("{}")
    with pytest.raises(AlmanacError, match=r"not a dbt manifest: .*\nRebuild it: dbt build"):
        feast_objects(ws)
    ws.manifest.unlink()
    with pytest.raises(AlmanacError, match=r"No dbt manifest at .*\nBuild it first: dbt build"):
        feast_objects(ws)
    write_manifest(ws, [*FAMILIES, *TARGETS])
    ws.warehouse.unlink()
    with pytest.raises(AlmanacError, match=r"No warehouse at .*\nBuild it first: dbt build"):
        feast_objects(ws)


def test_a_target_without_any_of_its_families_has_no_service(ws):
    write_manifest(ws, [*FAMILIES, node("targets", "tgt_empty", target="t", families=["other"])])
    change(ws, "insert into targets.tgt_empty values ('a', '2023-01-01', 1)")
    assert not of_kind(feast_objects(ws), FeatureService)


def test_the_commands_register_and_publish(ws):
    typed = TestWorkspace(ws.home, ws.raw)
    first = typed.must("feast", "apply")
    assert "Created feature view trx" in first
    assert "Created feature service purchase_any" in first
    assert "Warning" not in first
    assert "No changes to registry" in typed.must("feast", "apply")
    typed.must("feast", "materialize-incremental", UNTIL)
    names = ("warehouse.duckdb", "registry.db", "online_store.db")
    assert all((ws.home / name).exists() for name in names)
    reader = (
        "from feast import FeatureStore; import sys;"
        "store = FeatureStore(sys.argv[1]);"
        "service = store.get_feature_service('purchase_any');"
        "print(store.get_online_features(service, [{'customer_id': 'a'}]).to_dict())"
    )
    read = typed.must(sys.executable, "-c", reader, str(REPOSITORY / "feature_repo"))
    assert "'trx_amount_sum__1m': [30.5]" in read
    assert "'geo_count__1m': [100.0]" in read


def test_apply_without_a_build_says_what_to_run(tmp_path):
    ran = TestWorkspace(tmp_path, tmp_path).run("feast", "apply")
    assert ran.code == 1
    assert ran.text.strip().splitlines()[-1] == "Build it first: dbt build"
    assert "Traceback" not in ran.text


def test_commands_of_feast_print_errors_without_a_traceback(ws):
    typed = TestWorkspace(ws.home, ws.raw)
    typed.must("feast", "apply")
    change(ws, "drop table features.ftr_geo")
    for lines, take in (
        (["Error: The warehouse has no relation features.ftr_geo.", "Build it: dbt build"], None),
        ([f"Error: No warehouse at {ws.warehouse}.", "Build it first: dbt build"], ws.warehouse),
    ):
        if take:
            take.unlink()
        ran = typed.run("feast", "materialize-incremental", UNTIL, "--views", "geo")
        assert ran.code == 1
        assert ran.text.strip().splitlines()[-2:] == lines
        assert "Traceback" not in ran.text


def test_without_almanac_home_files_go_to_the_repositorys_data_folder(tmp_path):
    copy = tmp_path / "repository"
    for folder in ("feature_repo", "ml"):
        shutil.copytree(REPOSITORY / folder, copy / folder)
    shutil.copy(REPOSITORY / "constraints.txt", copy)
    ws = make_workspace(copy / "data")
    typed = TestWorkspace(ws.home, ws.raw)
    command = 'unset ALMANAC_HOME; PYTHONPATH="$0" "$1/feast" -c "$0/feature_repo" apply'
    typed.must("bash", "-c", command, str(copy), str(BIN))
    assert (Path(ws.home) / "registry.db").exists()
