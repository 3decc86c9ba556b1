"""Exports for other engines: ONNX, which answers as the model does, and a card for the hub."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from ml.models import FAMILIES, Blend, Stack
from ml.registry import artifact
from ml.serving.export import export_card, export_onnx
from ml.serving.export.probes import probes
from ml.workspace.errors import AlmanacError
from ml.workspace.targets import target
from tests.learnable import fake_store
from tests.test_export import trees, ws
from tests.test_models import sample

runtime = pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
pytest.importorskip("onnx", reason="the extra onnx is not installed")

from ml.serving.export.onnx_graph import onnx_model  # noqa: E402

__all__ = ["fake_store", "ws"]


def answers(model, matrix) -> np.ndarray:
    """What ONNX Runtime answers for a model of the features a to d."""
    held = SimpleNamespace(
        model=model,
        model_id="m",
        features=[SimpleNamespace(name=name) for name in "abcd"],
        card=SimpleNamespace(target="t", threshold=0.1),
    )
    session = runtime.InferenceSession(onnx_model(held).SerializeToString())
    return session.run(None, {"features": matrix})[0]


@pytest.mark.parametrize(
    ("family", "parameters"),
    [
        ("lightgbm", {}),
        ("logistic", {}),
        ("logistic", {"impute": "mean", "scale": "minmax", "penalty": "l1"}),
        ("svc", {"impute": "zero"}),
        ("decision_tree", {}),
        ("random_forest", {"n_estimators": 20}),
        ("extra_trees", {"n_estimators": 20}),
        ("hist_gradient_boosting", {}),
        ("xgboost", {}),
    ],
)
@pytest.mark.parametrize("nulls", [True, False])
def test_onnx_answers_as_the_model_does(family, parameters, nulls):
    if FAMILIES[family].package:
        pytest.importorskip(FAMILIES[family].package)
    matrix, labels, weights = sample()
    learnt = matrix if nulls else np.nan_to_num(matrix)
    model = FAMILIES[family].fit(learnt, labels, weights, 1, parameters).calibrated(0.8, -0.3)
    tried = probes(matrix, 1000)
    expected = model.predict(tried)
    assert expected.std() > 0.1
    found = answers(model, tried)
    assert found.shape == (1000,)
    # XGBoost adds its leaves in 32 bits.
    np.testing.assert_allclose(found, expected, atol=1e-6 if family == "xgboost" else 1e-12)


@pytest.mark.parametrize("mixed", [Blend, lambda models: Stack(models, (0.7, 0.4))])
def test_onnx_of_a_mixture_answers_as_its_members_together(mixed):
    matrix, labels, weights = sample()
    fitted = [FAMILIES[name].fit(matrix, labels, weights, 1) for name in ("lightgbm", "logistic")]
    model = mixed(tuple(each.calibrated(0.5, 0.1) for each in fitted)).calibrated(0.9, -0.2)
    tried = probes(matrix, 1000)
    np.testing.assert_allclose(answers(model, tried), model.predict(tried), atol=1e-12)


def test_values_at_a_threshold_and_trees_of_one_leaf_go_as_in_the_model():
    matrix, labels, _ = sample()
    model = trees(matrix.round(1), labels)
    np.testing.assert_allclose(answers(model, matrix.round(1)), model.predict(matrix.round(1)))
    alone = trees(matrix, labels, min_data_in_leaf=len(matrix))
    np.testing.assert_allclose(answers(alone, matrix), alone.predict(matrix))


def test_infinite_values_are_missing_ones():
    matrix, labels, weights = sample()
    model = FAMILIES["logistic"].fit(matrix, labels, weights, 1)
    tried = probes(matrix, 9)
    missing = np.where(np.arange(4) == 2, np.float32("nan"), tried)
    infinite = np.where(np.arange(4) == 2, np.float32("-inf"), tried)
    np.testing.assert_array_equal(answers(model, infinite), answers(model, missing))


def test_what_cannot_be_onnx_is_refused():
    matrix, labels, weights = sample()
    matrix[:, 0] = np.arange(len(matrix)) % 5
    for family, parameters, wrong in (
        ("knn", {}, "A model of knn cannot be written as ONNX"),
        ("logistic", {"scale": "rank"}, "QuantileTransformer cannot"),
        ("logistic", {"encode": "one_hot"}, "encoded columns cannot"),
    ):
        model = FAMILIES[family].fit(matrix, labels, weights, 1, parameters)
        for refused in (model, Blend((model, model))):
            with pytest.raises(AlmanacError, match=wrong):
                answers(refused, matrix)
    for settings in ({"zero_as_missing": True}, {"categorical_feature": [0]}):
        with pytest.raises(AlmanacError, match="by categories, or with zeros as nulls"):
            answers(trees(matrix, labels ^ (matrix[:, 0] == 3), **settings), matrix)


def test_a_champion_is_written_with_the_names_of_its_inputs(ws, tmp_path):
    done = export_onnx(ws, target(ws, "activity"), tmp_path / "out")
    champion = artifact.champion(ws, "activity")
    assert done.rows == 3000 + 400
    assert done.largest_difference < 1e-12
    assert done.paths == (tmp_path / "out" / f"{champion.model_id}.onnx",)
    session = runtime.InferenceSession(done.paths[0])
    about = session.get_modelmeta().custom_metadata_map
    assert json.loads(about["features"]) == [feature.name for feature in champion.features]
    assert float(about["threshold"]) == champion.card.threshold
    first = done.paths[0].read_bytes()
    assert export_onnx(ws, target(ws, "activity"), tmp_path / "out").paths[0].read_bytes() == first


def test_where_onnx_differs_nothing_is_written(ws, tmp_path, monkeypatch):
    def wrong(held):
        other = SimpleNamespace(**{each: getattr(held, each) for each in ("features", "card")})
        return onnx_model(
            SimpleNamespace(
                **vars(other), model=held.model.calibrated(1.001), model_id=held.model_id
            )
        )

    monkeypatch.setattr("ml.serving.export.onnx_graph.onnx_model", wrong)
    with pytest.raises(AlmanacError, match=r"The ONNX of .* differ by up to .*nothing was written"):
        export_onnx(ws, target(ws, "activity"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_card_for_the_hub_has_metadata_and_the_card_s_figures(ws, tmp_path):
    path = export_card(ws, target(ws, "activity"), tmp_path / "out")
    champion = artifact.champion(ws, "activity")
    _, metadata, text = path.read_text(encoding="utf-8").split("---\n", 2)
    known = yaml.safe_load(metadata)
    (index,) = known["model-index"]
    assert index["name"] == champion.model_id
    for result in index["results"]:
        measured = champion.card.metrics[result["dataset"]["split"]]
        assert {each["type"]: each["value"] for each in result["metrics"]} == {
            each.name: each.value for each in measured.metrics if each.value is not None
        }
    assert {"tabular-classification", "lightgbm"} <= set(known["tags"])
    for each in (*champion.card.protocol, champion.card.training_set_hash):
        assert each in text
    assert champion.importance()[0]["feature"] in text
