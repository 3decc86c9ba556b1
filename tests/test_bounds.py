"""A model file whose trees point outside themselves is refused, and never followed."""

import json
import re

import numpy as np
import pytest

from ml.models import FAMILIES
from ml.models.sealed import seal, unseal
from tests.test_models import sample

OUT = "points outside|points back|other splits|other leaves|more nodes"


@pytest.fixture(scope="module")
def lightgbm_text() -> str:
    return FAMILIES["lightgbm"].fit(*sample(), 1).content().decode()


def test_a_whole_model_is_read_as_it_was_written(lightgbm_text: str) -> None:
    assert FAMILIES["lightgbm"].parse(lightgbm_text.encode()).content().decode() == lightgbm_text


@pytest.mark.parametrize(
    ("line", "written"),
    [
        (r"left_child=\S+", "left_child=1000000"),
        (r"left_child=\S+", "left_child=-1000000"),
        (r"right_child=\S+", "right_child=0"),
        (r"split_feature=\S+", "split_feature=999999"),
        (r"split_feature=\S+", "split_feature=-5"),
        (r"left_child=.*", "left_child=1"),
        (r"threshold=.*", "threshold=0.5"),
        (r"leaf_value=.*", "leaf_value=0.5"),
        (r"leaf_count=.*", "leaf_count=5"),
        (r"max_feature_idx=\d+", "max_feature_idx=0"),
    ],
)
def test_a_lightgbm_tree_that_points_out_of_range_is_refused(
    lightgbm_text: str, line: str, written: str
) -> None:
    spoilt = re.sub(f"^{line}", written, lightgbm_text, count=1, flags=re.MULTILINE)
    assert spoilt != lightgbm_text
    with pytest.raises(ValueError, match=OUT):
        FAMILIES["lightgbm"].parse(spoilt.encode())


def test_offsets_of_lightgbm_trees_are_not_followed(lightgbm_text: str) -> None:
    spoilt = re.sub(r"^tree_sizes=.*", "tree_sizes=99999999 -5", lightgbm_text, flags=re.MULTILINE)
    model = FAMILIES["lightgbm"].parse(spoilt.encode())
    whole = FAMILIES["lightgbm"].parse(lightgbm_text.encode())
    matrix = sample()[0]
    np.testing.assert_array_equal(model.predict(matrix), whole.predict(matrix))


@pytest.mark.parametrize("family", ["extra_trees", "random_forest", "decision_tree"])
@pytest.mark.parametrize("change", ["left", "back", "feature"])
def test_a_tree_of_a_forest_that_points_out_of_range_is_refused(family: str, change: str) -> None:
    held = unseal(FAMILIES[family].fit(*sample(), 1).content())
    classifier = held["pipeline"].steps[-1][1]
    tree = getattr(classifier, "tree_", None) or classifier.estimators_[1].tree_
    nodes = {"left": tree.children_left, "back": tree.children_right, "feature": tree.feature}
    nodes[change][0] = {"left": 10**6, "back": 0, "feature": 10**6}[change]
    with pytest.raises(ValueError, match=OUT):
        FAMILIES[family].parse(seal(held))


@pytest.mark.parametrize("field", ["left", "right", "feature_idx"])
def test_a_boosted_tree_that_points_out_of_range_is_refused(field: str) -> None:
    held = unseal(FAMILIES["hist_gradient_boosting"].fit(*sample(), 1).content())
    predictor = held["pipeline"].steps[-1][1]._predictors[0][0]
    predictor.nodes[field][0] = 10**6
    with pytest.raises(ValueError, match=OUT):
        FAMILIES["hist_gradient_boosting"].parse(seal(held))


@pytest.fixture(scope="module")
def xgboost_content() -> bytes:
    pytest.importorskip("xgboost")
    return FAMILIES["xgboost"].fit(*sample(), 1).content()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("left_children", [10**6]),
        ("right_children", [0]),
        ("right_children", [1, 1]),
        ("split_indices", [10**6]),
        ("split_conditions", None),
        ("split_type", [1]),
        ("tree_param", {"num_nodes": "9999", "num_feature": "1", "size_leaf_vector": "1"}),
    ],
)
def test_an_xgboost_tree_that_points_out_of_range_is_refused(
    xgboost_content: bytes, name: str, value: object
) -> None:
    model = json.loads(xgboost_content)
    tree = model["learner"]["gradient_booster"]["model"]["trees"][0]
    assert len(tree["left_children"]) > 2
    if isinstance(value, list):
        tree[name][: len(value)] = value
    elif value is None:
        tree[name].pop()
    else:
        tree[name] = value
    with pytest.raises(ValueError, match=r"tree|node"):
        FAMILIES["xgboost"].parse(json.dumps(model).encode())


def test_what_is_no_xgboost_model_is_refused(xgboost_content: bytes) -> None:
    for spoilt in (b"{}", b"[]", xgboost_content[:-9], b'{"learner": {"gradient_booster": 5}}'):
        with pytest.raises(ValueError, match=r"no model|column"):
            FAMILIES["xgboost"].parse(spoilt)
    model = json.loads(xgboost_content)
    model["learner"]["gradient_booster"]["model"]["tree_info"].append(0)
    with pytest.raises(ValueError, match="no model of trees"):
        FAMILIES["xgboost"].parse(json.dumps(model).encode())


def test_a_whole_xgboost_model_answers_as_before(xgboost_content: bytes) -> None:
    matrix, *_ = sample()
    fitted = FAMILIES["xgboost"].fit(*sample(), 1)
    np.testing.assert_array_equal(
        FAMILIES["xgboost"].parse(xgboost_content).predict(matrix), fitted.predict(matrix)
    )


@pytest.mark.parametrize("change", ["vectors", "counts", "weights"])
def test_a_support_vector_machine_of_other_lengths_is_refused(change: str) -> None:
    held = unseal(FAMILIES["svc"].fit(*sample(), 1).content())
    machine = held["pipeline"].steps[-1][1]
    if change == "vectors":
        machine.support_vectors_ = machine.support_vectors_[:3]
    elif change == "counts":
        machine._n_support = np.array([10**6, 1], np.int32)
    else:
        machine._dual_coef_ = machine._dual_coef_[:, :2]
    with pytest.raises(ValueError, match="support vectors"):
        FAMILIES["svc"].parse(seal(held))
