from dataclasses import replace

import pytest

from ml.training.train import train
from ml.workspace.baseline import Baseline
from ml.workspace.errors import AlmanacError
from ml.workspace.settings import Workspace
from ml.workspace.targets import target, targets
from tests.learnable import learnable


def test_only_targets_with_rows_exist(tmp_path):
    found = targets(learnable(tmp_path))
    assert [t.name for t in found] == ["activity", "rare", "spend_next_month"]


def test_a_target_is_what_its_model_declares(tmp_path):
    spend = target(learnable(tmp_path), "spend_next_month")
    assert spend.temporal
    assert spend.horizon_months == 1
    assert spend.baseline == Baseline("spend_days_since__all", descending=False)
    assert spend.description == "All about tgt_spend_next_month."
    assert spend.rows == 400 * 5 + 1
    assert 0 < spend.positives < spend.rows


def test_an_unknown_target_names_the_nearest_first(tmp_path):
    with pytest.raises(
        AlmanacError, match=r"no target spend_nxt.*: spend_next_month,.*\nSee"
    ) as told:
        target(learnable(tmp_path), "spend_nxt")
    assert "ml targets" in str(told.value)


def test_a_declared_target_without_rows_says_so(tmp_path):
    with pytest.raises(AlmanacError, match="Target absent has no label rows"):
        target(learnable(tmp_path), "absent")


def test_without_a_manifest_or_a_warehouse_dbt_build_comes_next(tmp_path):
    with pytest.raises(AlmanacError, match="dbt build"):
        targets(Workspace(tmp_path, tmp_path / "raw", {}))
    ws = learnable(tmp_path / "built")
    ws.warehouse.unlink()
    with pytest.raises(AlmanacError, match=r"No warehouse.*\n.*dbt build"):
        targets(ws)


def test_a_spoilt_manifest_is_told(tmp_path):
    ws = learnable(tmp_path)
    ws.manifest.write_text("{", encoding="utf-8")
    with pytest.raises(AlmanacError, match=r"not a dbt manifest: .*\nRebuild it: dbt build"):
        targets(ws)


@pytest.mark.parametrize(
    ("rows", "positives", "told"),
    [
        (8532, 8524, "8,524 of 8,532 labels are 1"),
        (8532, 8, "8,524 of 8,532 labels are 0"),
        (8532, 8532, "8,532 of 8,532 labels are 1"),
        (91200, 41, None),
        (100, 10, None),
    ],
)
def test_a_nearly_constant_target_says_so(tmp_path, rows, positives, told):
    found = replace(target(learnable(tmp_path), "rare"), rows=rows, positives=positives)
    advice = found.nearly_constant
    assert advice is None if told is None else told in advice


def test_a_nearly_constant_target_is_refused_before_any_work(tmp_path):
    ws = learnable(tmp_path)
    hopeless = replace(target(ws, "rare"), rows=8532, positives=8524)
    with pytest.raises(AlmanacError, match=r"nearly constant(.|\n)*ml targets") as told:
        train(ws, hopeless)
    assert "dd data" not in str(told.value)
