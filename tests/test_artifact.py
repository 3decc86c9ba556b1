import json
import os
import re
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from ml.data.feature import Feature
from ml.data.training_set import matrix_of
from ml.models import FAMILIES
from ml.registry import artifact, history
from ml.workspace.errors import AlmanacError
from ml.workspace.settings import Workspace
from tests.cards import card
from tests.test_models import sample

RECORDS = {artifact.IMPORTANCE: [{"feature": "a", "importance": 1.0}], artifact.DATASET: {}}


@pytest.fixture
def ws(tmp_path) -> Workspace:
    return Workspace(tmp_path, tmp_path / "raw", {})


def save(ws: Workspace, **changes):
    about = card(**changes)
    model = FAMILIES[about.family].fit(*sample(), 1)
    table = pa.table({"probability": [0.5]})
    return artifact.save(ws, about, model, table, RECORDS)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_the_champion_is_read_back(ws, family):
    save(ws, family=family)
    history.add(ws.models / "t", history.Event("promoted", "t-1"))
    found = artifact.champion(ws, "t")
    assert found.model_id == "t-1"
    assert found.model.family == family
    assert found.features == (Feature("a", "double", "v"),)
    assert found.predictions().num_rows == 1


def test_nothing_unfinished_stays_behind(ws):
    save(ws)
    save(ws)
    assert [path.name for path in (ws.models / "t").iterdir()] == ["t-1"]


def test_a_failed_write_leaves_the_old_artifact(ws, monkeypatch):
    save(ws)

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(artifact.pq, "write_table", fail)
    with pytest.raises(OSError, match="disk full"):
        save(ws, threshold=1.0)
    assert artifact.load(ws.models / "t" / "t-1").card.threshold == card().threshold
    assert len(list((ws.models / "t").iterdir())) == 1


def test_before_training_comes_training(ws):
    with pytest.raises(AlmanacError, match="ml train --target t"):
        artifact.champion(ws, "t")


@pytest.mark.parametrize(
    "name", ["card.json", "model.txt", "predictions.parquet", "importance.json"]
)
def test_a_missing_file_is_named(ws, name):
    folder = save(ws)
    (folder / name).unlink()
    with pytest.raises(AlmanacError, match=f"lacks {name}.*\n.*ml train --target t"):
        artifact.load(folder)


@pytest.mark.parametrize(
    "name", ["card.json", "model.txt", "predictions.parquet", "importance.json", "dataset.json"]
)
def test_a_changed_file_is_refused(ws, name):
    folder = save(ws)
    with (folder / name).open("ab") as file:
        file.write(b" ")
    with pytest.raises(AlmanacError, match=f"changed after training: {name}.*\n.*ml train"):
        artifact.load(folder)


def test_a_file_that_training_did_not_write_is_refused(ws):
    folder = save(ws)
    (folder / "model.pkl").write_bytes(b"")
    with pytest.raises(AlmanacError, match=r"did not write: model\.pkl"):
        artifact.load(folder)


def test_the_list_of_hashes_cannot_be_left_out_or_spoilt(ws):
    folder = save(ws)
    (folder / artifact.HASHES).write_text("spoilt", encoding="utf-8")
    with pytest.raises(AlmanacError, match="cannot be read"):
        artifact.load(folder)
    (folder / artifact.HASHES).unlink()
    with pytest.raises(AlmanacError, match=r"lacks hashes\.json"):
        artifact.load(folder)


def test_a_card_says_nothing_that_json_cannot(ws):
    with pytest.raises(ValueError, match="JSON compliant"):
        save(ws, threshold=float("nan"))
    save(ws)
    assert json.loads((ws.models / "t" / "t-1" / "card.json").read_text())["family"] == "lightgbm"


def test_features_are_taken_by_name_whatever_their_order():
    table = pa.table({"b": [2.0, None], "x": [9.0, 9.0], "a": [1.0, float("inf")]})
    matrix = matrix_of(table, [Feature("a", "double", "v"), Feature("b", "double", "v")])
    np.testing.assert_array_equal(matrix, np.float32([[1, 2], [np.nan, np.nan]]))


def test_a_missing_or_changed_feature_is_refused():
    table = pa.table({"a": [1.0]})
    with pytest.raises(AlmanacError, match=r"not in the feature store: b.*\n.*ml train"):
        matrix_of(table, [Feature("a", "double", "v"), Feature("b", "double", "v")])
    with pytest.raises(AlmanacError, match="a was float, is double"):
        matrix_of(table, [Feature("a", "float", "v")])


def test_a_column_of_nulls_alone_passes():
    matrix = matrix_of(pa.table({"a": pa.nulls(2)}), [Feature("a", "double", "v")])
    assert np.isnan(matrix).all()


def test_a_card_of_the_first_version_is_read(tmp_path):
    shutil.copy(Path(__file__).with_name("older_card.json"), tmp_path / artifact.CARD)
    found = artifact.read_card(tmp_path)
    written = json.loads((tmp_path / artifact.CARD).read_text(encoding="utf-8"))
    assert found.threshold == written["threshold"]
    assert [asdict(feature) for feature in found.features] == written["features"]
    # It kept a standard error beside each metric, and knew neither plans nor calibration.
    assert "error" in written["metrics"]["test"]["metrics"][0]
    kept = found.metrics["test"].metric("roc_auc")
    assert asdict(kept).items() <= written["metrics"]["test"]["metrics"][0].items()
    assert (found.calibration.slope, found.calibration.intercept) == (1.0, 0.0)
    assert (found.criterion, found.plan, found.comparison, found.dataset) == ("f1", {}, (), None)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("threshold", "high", "threshold: Input should be a valid number"),
        ("features", [{"name": "a"}], "features.0.dtype: is missing"),
        ("metrics", {"cv": {"rows": 1}}, "metrics.cv.positives: is missing"),
    ],
)
def test_a_wrong_field_of_a_card_is_named(tmp_path, field, value, said):
    path = tmp_path / artifact.CARD
    path.write_text(json.dumps(card().record() | {field: value}), encoding="utf-8")
    with pytest.raises(AlmanacError, match=re.escape(f"{path} cannot be read: ") + ".*" + said):
        artifact.read_card(tmp_path)


def test_a_card_is_read_as_it_was_written(tmp_path):
    written = card(metrics={"cv": {"rows": 3, "positives": 1, "metrics": []}}, trials=4)
    (tmp_path / artifact.CARD).write_text(json.dumps(written.record()), encoding="utf-8")
    assert artifact.read_card(tmp_path) == written


@pytest.mark.parametrize("name", ["card.json", "hashes.json", "more"])
def test_links_and_devices_are_refused_unread(ws, tmp_path, name):
    folder = save(ws)
    aside = tmp_path / "aside"
    if (folder / name).exists():
        (folder / name).rename(aside)
        (folder / name).symlink_to(aside)
    else:
        os.mkfifo(folder / name)
    with pytest.raises(AlmanacError, match=f"no file of its own: {name}"):
        artifact.load(folder)


@pytest.mark.parametrize(
    ("roc_auc", "found"), [(None, False), (0.51, False), (0.5, True), (0.2, True)]
)
def test_a_card_says_where_the_model_ranks_no_better_than_chance(roc_auc, found):
    metric = {"name": "roc_auc", "value": roc_auc, "trivial": None, "trivial_is": ""}
    measured = {"rows": 3, "positives": 1, "metrics": [metric]}
    better = {**measured, "metrics": [metric | {"value": 0.9}]}
    assert card(metrics={"cv": better, "test": measured}).is_no_better_than_chance is found
