"""Trees of each family as nodes of ONNX's TreeEnsemble (ai.onnx.ml, version 5)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from ml.models.lightgbm import LightGBM
from ml.models.xgboost import XGBoost
from ml.workspace.errors import AlmanacError

# The codes of the modes: a value goes left if it is at most, or less than, the threshold.
AT_MOST, LESS = 0, 1
SUM, AS_IT_IS = 1, 0
Child = tuple[int, bool]


@dataclass
class Ensemble:
    """Trees whose leaves are added; a node lies at one place of all lists, leaves in their own.

    `features`, `thresholds`, `modes` and `nulls_go_left` describe the nodes, `left` and `right`
    their children: a place, and whether it is that of a leaf. `roots` are places of nodes.
    """

    features: list[int] = field(default_factory=list)
    thresholds: list[float] = field(default_factory=list)
    modes: list[int] = field(default_factory=list)
    nulls_go_left: list[int] = field(default_factory=list)
    left: list[Child] = field(default_factory=list)
    right: list[Child] = field(default_factory=list)
    leaves: list[float] = field(default_factory=list)
    roots: list[int] = field(default_factory=list)

    def node(self, feature: int, threshold: float, mode: int, nulls_go_left: bool) -> int:
        """Add a node whose children follow, and return its place."""
        self.features.append(feature)
        self.thresholds.append(threshold)
        self.modes.append(mode)
        self.nulls_go_left.append(int(nulls_go_left))
        self.left.append((-1, True))
        self.right.append((-1, True))
        return len(self.features) - 1

    def leaf(self, value: float) -> Child:
        """Add a leaf, and return it as a child."""
        self.leaves.append(float(value))
        return len(self.leaves) - 1, True

    def tree(self, root: Child) -> None:
        """Take a tree in; one of a leaf alone gets a node that leads to it either way."""
        place, is_leaf = root
        if is_leaf:
            stump = self.node(0, 0.0, AT_MOST, True)
            self.left[stump] = self.right[stump] = root
            place = stump
        self.roots.append(place)

    def attributes(self) -> dict[str, Any]:
        """Return the attributes of the operator, but for tensors' names as NumPy arrays."""
        left, right = np.array(self.left, dtype=np.int64), np.array(self.right, dtype=np.int64)
        return {
            "nodes_featureids": np.array(self.features, np.int64),
            "nodes_splits": np.array(self.thresholds, np.float64),
            "nodes_modes": np.array(self.modes, np.uint8),
            "nodes_missing_value_tracks_true": np.array(self.nulls_go_left, np.int64),
            "nodes_truenodeids": left[:, 0],
            "nodes_trueleafs": left[:, 1],
            "nodes_falsenodeids": right[:, 0],
            "nodes_falseleafs": right[:, 1],
            "leaf_targetids": np.zeros(len(self.leaves), np.int64),
            "leaf_weights": np.array(self.leaves, np.float64),
            "tree_roots": np.array(self.roots, np.int64),
            "n_targets": 1,
            "aggregate_function": SUM,
            "post_transform": AS_IT_IS,
        }


@dataclass(frozen=True)
class _Arrays:
    """A tree that lies in arrays by node; a node without a left child, -1, is a leaf."""

    left: NDArray[Any]
    right: NDArray[Any]
    features: NDArray[Any]
    thresholds: NDArray[Any]
    nulls_go_left: NDArray[Any]
    leaves: NDArray[Any]


def of_lightgbm(model: LightGBM) -> Ensemble:
    """Return the trees of a LightGBM booster, whose leaves add up to its margin."""
    described = model.booster.dump_model()
    if described["objective"] != "binary sigmoid:1" or described["average_output"]:
        raise refusal(f"LightGBM's objective {described['objective']}")
    ensemble = Ensemble()

    def grow(node: Mapping[str, Any]) -> Child:
        if "leaf_value" in node:
            return ensemble.leaf(node["leaf_value"])
        if node["decision_type"] != "<=" or node["missing_type"] == "Zero":
            raise refusal("A LightGBM split by categories, or with zeros as nulls,")
        threshold = float(node["threshold"])
        # Without nulls in training, LightGBM takes one for 0.
        is_known = node["missing_type"] == "NaN"
        goes_left = bool(node["default_left"]) if is_known else threshold >= 0
        place = ensemble.node(int(node["split_feature"]), threshold, AT_MOST, goes_left)
        ensemble.left[place] = grow(node["left_child"])
        ensemble.right[place] = grow(node["right_child"])
        return place, False

    for tree in described["tree_info"]:
        ensemble.tree(grow(tree["tree_structure"]))
    return ensemble


def of_xgboost(model: XGBoost) -> tuple[Ensemble, float]:
    """Return the trees of an XGBoost booster, and what is added to their leaves' sum."""
    learner = json.loads(model.content())["learner"]
    ensemble = Ensemble()
    for tree in learner["gradient_booster"]["model"]["trees"]:
        # A leaf's value lies where a split's threshold does; both are 32 bits wide.
        values = np.array(tree["split_conditions"], np.float32).astype(np.float64)
        names = ("left_children", "right_children", "split_indices", "default_left")
        left, right, features, nulls_go_left = (np.array(tree[name]) for name in names)
        _grow(ensemble, _Arrays(left, right, features, values, nulls_go_left, values), LESS)
    base = np.ravel(json.loads(str(learner["learner_model_param"]["base_score"])))[0]
    return ensemble, float(np.log(base / (1 - base)))


def of_estimators(trees: list[Any]) -> Ensemble:
    """Return scikit-learn's trees; their leaves add up to the mean share of label 1."""
    ensemble = Ensemble()
    for estimator in trees:
        tree = estimator.tree_
        shares = tree.value[:, 0, 1] / tree.value[:, 0].sum(axis=1) / len(trees)
        children = tree.children_left, tree.children_right
        splits = tree.feature, tree.threshold, tree.missing_go_to_left
        _grow(ensemble, _Arrays(*children, *splits, shares), AT_MOST)
    return ensemble


def of_histograms(classify: HistGradientBoostingClassifier) -> tuple[Ensemble, float]:
    """Return the trees of a histogram gradient boosting, and what is added to their sum."""
    ensemble = Ensemble()
    for (predictor,) in classify._predictors:
        nodes = predictor.nodes
        is_leaf = nodes["is_leaf"].astype(bool)
        left, right = (np.where(is_leaf, -1, nodes[side].astype(int)) for side in ("left", "right"))
        splits = nodes["feature_idx"], nodes["num_threshold"], nodes["missing_go_to_left"]
        _grow(ensemble, _Arrays(left, right, *splits, nodes["value"]), AT_MOST)
    return ensemble, float(np.ravel(classify._baseline_prediction)[0])


def refusal(what: str) -> AlmanacError:
    """Return the error of what cannot be written as ONNX."""
    return AlmanacError(f"{what} cannot be written as ONNX.", "Score with the artifact: ml score")


def _grow(ensemble: Ensemble, tree: _Arrays, mode: int) -> None:
    children: list[Child] = [
        ensemble.leaf(tree.leaves[place])
        if tree.left[place] == -1
        else (
            ensemble.node(
                int(tree.features[place]),
                float(tree.thresholds[place]),
                mode,
                bool(tree.nulls_go_left[place]),
            ),
            False,
        )
        for place in range(len(tree.left))
    ]
    for place, (node, is_leaf) in enumerate(children):
        if not is_leaf:
            ensemble.left[node] = children[tree.left[place]]
            ensemble.right[node] = children[tree.right[place]]
    ensemble.tree(children[0])
