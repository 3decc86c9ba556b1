"""`ml catalogue`: what its files say of features, targets, models, sources and tables."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ml.cli import main
from ml.features.catalogue.cost import costs
from ml.features.catalogue.lineage import lineage
from ml.features.catalogue.lookup import read_features
from ml.landing.rejects import rejection_reasons
from ml.pages.catalogue import write_catalogue
from ml.pages.navigation import PLACE
from ml.workspace.errors import AlmanacError
from ml.workspace.targets import targets
from tests.catalogue_fixtures import MONTH, READ, catalogue, ws

__all__ = ["catalogue", "ws"]


def arguments(path: Path) -> list[Any]:
    """What a file of the catalogue calls its function with."""
    text = path.read_text(encoding="utf-8")
    found: list[Any] = json.loads(f"[{text[text.index('(') + 1 : text.rindex(')')]}]")
    return found


def facts(catalogue: Path, group: str, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is known of an item, and what holds of its whole group."""
    _, shared, items = arguments(catalogue / "facts" / f"{group}.js")
    return items[name], shared


def test_all_that_exists_is_listed(ws, catalogue):
    kinds, _, rows = arguments(catalogue / "items.js")
    listed: dict[str, list[str]] = {kind: [] for kind in kinds}
    for kind, name, *_ in rows:
        listed[kinds[kind]].append(name)
    assert listed["feature"] == [each.name for each in read_features(ws)]
    assert listed["target"] == [each.name for each in targets(ws)]
    assert listed["model"] == ["spend_next_month-newer", "spend_next_month-older"]
    assert {"mbd", "transactions", "one_click", "retailtech"} <= set(listed["source"])
    assert {"staging.stg_mbd__trx", "features.ftr_spend"} <= set(listed["table"])
    assert {"marts.mart_scores", "marts.dim_features"} <= set(listed["mart"])
    groups = {group for *_, group, _ in rows}
    files = (path.relative_to(catalogue / "facts") for path in catalogue.rglob("facts/*/*.js"))
    assert groups == {str(path.with_suffix("")) for path in files}


def test_a_feature_has_its_lineage_cost_and_users(ws, catalogue):
    found, shared = facts(catalogue, "feature/spend", READ)
    steps = [shared["steps"][place] for place in found["steps"]]
    expected = lineage(ws, "features.ftr_spend", READ)
    assert [step["relation"] for step in steps] == [step.relation for step in expected]
    assert [each["sql"] for each in steps[0]["expressions"]] == [
        each.sql for each in expected[0].expressions
    ]
    assert steps[0]["reads"] == [steps[1]["relation"]]
    assert steps[-1]["files"] == list(expected[-1].files)
    (cost,) = (each for each in costs(ws, read_features(ws)) if each.family == "spend")
    assert (shared["cost"]["bytes"], shared["cost"]["rows"]) == (cost.bytes, cost.rows)
    assert found["uses"] == [
        {
            "target": "spend_next_month",
            "model": "spend_next_month-newer",
            "importance": 1,
            "direction": "up",
        }
    ]
    assert "spend_decline" in shared["targets"]


def test_a_feature_has_its_measured_months(catalogue):
    months = facts(catalogue, "feature/spend", READ)[0]["months"]
    assert months["feature_month"] == ["2021-09", "2021-10"]
    assert months["psi"] == [0.4, 0.4]
    assert months["quantiles"][1] == MONTH["quantiles"]
    assert months["bins"] == MONTH["bins"]
    assert (months["warn"], months["alarm"]) == (0.1, 0.25)
    other = facts(catalogue, "feature/spend", "spend_amount_mean__3m")[0]
    assert other["months"] == {}
    assert other["statistics"]["rows"] > 0


def test_a_target_has_its_labels_by_month_and_its_models(ws, catalogue):
    found, _ = facts(catalogue, "target/spend_next_month", "spend_next_month")
    (target,) = (each for each in targets(ws) if each.name == "spend_next_month")
    assert sum(month["rows"] for month in found["months"]) == target.rows
    assert sum(month["positives"] for month in found["months"]) == target.positives
    assert [(each["id"], each["champion"], each["roc_auc"]) for each in found["models"]] == [
        ("spend_next_month-newer", True, 0.81),
        ("spend_next_month-older", False, 0.81),
    ]
    assert [each["what"] for each in found["history"]] == ["trained", "promoted"] * 2
    assert "select" in found["sql"]


def test_a_source_has_its_files_rows_and_rejects(ws, catalogue):
    found, _ = facts(catalogue, "source/transactions", "transactions")
    rejects = [each for each in rejection_reasons(ws) if each.source == "transactions"]
    assert found["rejects"] == [[each.file, each.reason, each.rows] for each in rejects]
    assert found["rejected_rows"] == sum(each.rows for each in rejects) > 0
    (table,) = found["tables"]
    assert table["rows"] == sum(file["rows"] for file in found["files"])
    assert table["rows"] == sum(rows for _, rows in table["months"]) > 0
    assert found["landed"] == max(file["changed"] for file in found["files"])


def test_a_mart_has_neighbours_columns_and_who_reads_it_outside(catalogue):
    found, _ = facts(catalogue, "table/marts.mart_scores", "marts.mart_scores")
    assert found["reads"] == ["marts.dim_customers", "marts.fct_scores"]
    assert ["score", "DOUBLE", "Probability, 0 to 1."] in found["columns"]
    assert [each["name"] for each in found["outside"]] == ["Scores with reasons"]
    scored = arguments(catalogue / "items.js")[1]
    assert "marts.mart_scores" in scored["marts"]
    assert "marts.dim_features" not in scored["marts"]


def test_the_command_replaces_a_catalogue_by_the_same_bytes(ws, catalogue, tmp_path, monkeypatch):
    folder = tmp_path / "site"
    gone = folder / "facts" / "feature" / "gone.js"
    gone.parent.mkdir(parents=True)
    gone.write_text("catalogue.facts();")
    monkeypatch.setenv("ALMANAC_HOME", str(ws.home))
    monkeypatch.setenv("DBT_TARGET_PATH", str(ws.home / "target"))
    done = CliRunner().invoke(main, ["catalogue", "--folder", str(folder)])
    assert done.exit_code == 0, done.output
    first, page = done.stdout.splitlines()
    assert f"{len(read_features(ws)):,} features, " in first
    assert page == str(folder / "index.html")
    content = [
        {
            str(path.relative_to(each)): path.read_text(encoding="utf-8")
            for path in each.rglob("*.*")
        }
        for each in (catalogue, folder)
    ]
    for each in content:
        # Outside the workspace there are no other pages to link to.
        each["index.html"] = PLACE.sub("", each["index.html"])
    assert content[0] == content[1]


def test_a_folder_with_anything_else_is_refused(ws, tmp_path):
    (tmp_path / "facts").mkdir()
    (tmp_path / "facts" / "thesis.txt").write_text("mine")
    with pytest.raises(AlmanacError, match=r"not of a catalogue: facts/thesis\.txt\..*replaces"):
        write_catalogue(ws, tmp_path)
    assert [path.name for path in tmp_path.rglob("*.*")] == ["thesis.txt"]
