"""The dashboard of docs/superset: its files beside a published file, and in Superset itself."""

import runpy
import shutil
from pathlib import Path

import duckdb
import pytest
import yaml
from PIL import Image

from ml.serving.publish import publish
from tests.superset_server import FOLDER, browser_tab, made, open_dashboard, programs, take_picture

DASHBOARD = FOLDER / "dashboard"
CHARTS = sorted(path.stem for path in DASHBOARD.glob("charts/*.yaml"))
WHY = "Superset is not installed: SUPERSET_VENV names no environment, and PATH has no `superset`"
NEEDS_SUPERSET = pytest.mark.skipif(programs() is None, reason=WHY)
NEEDS_CHROMIUM = pytest.mark.skipif(
    shutil.which("chromium") is None, reason="Debian's chromium is not installed"
)


def part(kind: str) -> list[dict]:
    return [yaml.safe_load(path.read_text("utf-8")) for path in DASHBOARD.glob(f"{kind}/*.yaml")]


@pytest.fixture(scope="module")
def published(scored) -> Path:
    publish(scored.opened())
    return scored.home / "published.duckdb"


@pytest.fixture(scope="module")
def filled(published) -> dict[str, dict]:
    """The files as Superset gets them."""
    return runpy.run_path(str(FOLDER / "rebuild.py"))["filled"](DASHBOARD, published)


def test_the_files_refer_to_each_other():
    [database], [dashboard], datasets = part("databases"), part("dashboards"), part("datasets")
    assert {each["database_uuid"] for each in datasets} == {database["uuid"]}
    assert {each["dataset_uuid"] for each in part("charts")} == {each["uuid"] for each in datasets}
    position = dashboard["position"]
    placed = {
        each["meta"]["uuid"]: each["meta"]["sliceName"]
        for name, each in position.items()
        if name.startswith("CHART-")
    }
    assert placed == {each["uuid"]: each["slice_name"] for each in part("charts")}
    reached = ["ROOT_ID"]
    for name in reached:
        reached += position[name]["children"]
    assert set(reached) == {name for name in position if isinstance(position[name], dict)} - {
        "HEADER_ID"
    }


def test_superset_only_reads_the_published_file(filled, published):
    database = filled["databases/almanac.yaml"]
    assert database["sqlalchemy_uri"] == f"duckdb:///{published}"
    assert database["extra"]["engine_params"]["connect_args"] == {"read_only": True}


def test_datasets_have_the_columns_and_comments_of_the_published_file(filled):
    for name, dataset in filled.items():
        if name.startswith("datasets/"):
            for column in dataset["columns"]:
                assert "type" in column, f"{name}: {column['column_name']} is not published"
                if "sql" not in dataset:
                    assert column["description"], f"{name}: {column['column_name']}"


@pytest.mark.parametrize("chart", CHARTS)
def test_a_chart_shows_something_of_the_published_file(filled, published, chart):
    config = filled[f"charts/{chart}.yaml"]
    params = config["params"]
    [dataset] = [each for each in filled.values() if each.get("uuid") == config["dataset_uuid"]]
    columns = {each["column_name"]: each.get("expression") for each in dataset["columns"]}
    metrics = {each["metric_name"]: each["expression"] for each in dataset["metrics"]}
    shown = [*params.get("groupby", []), *params.get("all_columns", [])]
    shown += [params["x_axis"]] if "x_axis" in params else []
    wanted = [*params.get("metrics", []), *([params["metric"]] if "metric" in params else [])]
    chosen = [*(columns[name] or f'"{name}"' for name in shown), *(metrics[m] for m in wanted)]
    relation = f"({dataset['sql']})" if "sql" in dataset else f"marts.{dataset['table_name']}"
    where = [each["sqlExpression"] for each in params.get("adhoc_filters", [])]
    sql = f"select {', '.join(chosen)} from {relation} where {' and '.join(where) or 'true'}"
    with duckdb.connect(str(published), read_only=True) as reader:
        rows = reader.execute(f"{sql} group by all").fetchall()
    assert rows
    assert all(value is not None for row in rows for value in row), rows


@NEEDS_SUPERSET
@NEEDS_CHROMIUM
def test_superset_draws_every_chart(published, tmp_path_factory):
    home = tmp_path_factory.mktemp("superset")
    superset = made(home, published.parent)
    # What is there is replaced.
    superset.rebuild()
    requests, refused = [], {}
    with superset.running(), browser_tab() as tab:
        tab.on("request", lambda request: requests.append(request.url))
        tab.on("requestfailed", lambda request: refused.update({request.url: request.failure}))
        answers = open_dashboard(superset, tab, len(CHARTS))
        assert len(answers) == len(CHARTS)
        assert all(isinstance(rows, int) and rows > 0 for rows in answers.values()), answers
        titles = tab.get_by_test_id("editable-title").all_inner_texts()
        assert {each["slice_name"] for each in part("charts")} <= set(titles)
        assert tab.locator(".ant-alert-error").count() == 0
        take_picture(tab, home / "dashboard.png")
        # Superset keeps nothing open: another may write.
        duckdb.connect(str(published)).close()
    with Image.open(home / "dashboard.png") as picture:
        assert len(picture.getcolors()) > 10
    elsewhere = [url for url in requests if url.startswith("http") and superset.url not in url]
    assert {refused.get(url) for url in elsewhere} <= {"csp"}, elsewhere
