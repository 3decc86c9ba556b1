"""Whether the trees of a model file stay within their own nodes and features.

Native code follows a tree's indexes unchecked, so a file that was made to mislead it is refused
before it is asked for anything.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.svm import SVC

# What a LightGBM tree lists for each split, and for each leaf.
SPLITS = (
    "left_child",
    "right_child",
    "split_feature",
    "threshold",
    "decision_type",
    "internal_value",
    "internal_weight",
    "internal_count",
)
LEAVES = ("leaf_value", "leaf_weight", "leaf_count")
# What an XGBoost tree lists for each node.
NODES = (
    "base_weights",
    "default_left",
    "left_children",
    "loss_changes",
    "parents",
    "right_children",
    "split_conditions",
    "split_indices",
    "split_type",
    "sum_hessian",
)
Indexes = NDArray[np.integer[Any]]


def check_estimator(pipeline: Any) -> None:  # noqa: ANN401  # scikit-learn's
    """Check every tree of the last step of a scikit-learn pipeline.

    Args:
        pipeline: a fitted pipeline.

    Raises:
        ValueError: a tree points outside its nodes or features.
    """
    estimator = pipeline.steps[-1][1]
    if isinstance(estimator, SVC):
        _check_vectors(estimator)
    # scikit-learn refuses rows of another width.
    features = int(estimator.n_features_in_)
    for tree in _sklearn_trees(estimator):
        if not tree.capacity >= tree.node_count > 0:
            raise ValueError("a tree says that it has more nodes than it has")
        is_leaf = tree.children_left == -1
        _check(tree.children_left, tree.children_right, tree.feature, is_leaf, features)
    for predictors in getattr(estimator, "_predictors", ()):
        for predictor in predictors:
            nodes = predictor.nodes
            if nodes["is_categorical"].any():
                raise ValueError("a tree splits by categories, which no model here does")
            left, right = nodes["left"].astype(np.int64), nodes["right"].astype(np.int64)
            _check(left, right, nodes["feature_idx"], nodes["is_leaf"].astype(bool), features)


def check_lightgbm(text: str) -> str:
    """Return the text of a LightGBM model without its offsets, which are trusted unread.

    Raises:
        ValueError: a tree points outside its nodes, leaves or features, or splits by categories.
    """
    head, *trees = re.split(r"^Tree=\d+$", text, flags=re.MULTILINE)
    features = int(_value(head, "max_feature_idx")) + 1
    for part in trees:
        tree = part.split("end of trees")[0]
        leaves = int(_value(tree, "num_leaves"))
        if leaves < 1 or int(_value(tree, "num_cat")) != 0 or "is_linear=1" in tree:
            raise ValueError("a tree is of a kind that no model here has")
        splits = leaves - 1
        if len(_value(tree, "leaf_value").split()) != leaves:
            raise ValueError("a tree has other leaves than it says")
        if not splits:
            continue
        if any(len(_value(tree, name).split()) != splits for name in SPLITS):
            raise ValueError("a tree has other splits than it says")
        if any(len(_value(tree, name).split()) != leaves for name in LEAVES):
            raise ValueError("a tree has other leaves than it says")
        for child in (_integers(tree, "left_child"), _integers(tree, "right_child")):
            if (child >= splits).any() or (child < -leaves).any():
                raise ValueError("a tree points outside its nodes")
            if ((child >= 0) & (child <= np.arange(splits))).any():
                raise ValueError("a tree points back to its own nodes")
        feature = _integers(tree, "split_feature")
        if ((feature < 0) | (feature >= features)).any():
            raise ValueError("a tree points outside the model's features")
    return re.sub(r"^tree_sizes=.*\n", "", text, flags=re.MULTILINE)


def check_xgboost(content: bytes) -> None:
    """Check every tree of an XGBoost model in JSON.

    Raises:
        ValueError: it is no model of such trees, or a tree points outside its nodes or features.
    """
    try:
        learner = json.loads(content)["learner"]
        model = learner["gradient_booster"]["model"]
        features = int(learner["learner_model_param"]["num_feature"])
        trees, groups = model["trees"], model["tree_info"]
        is_known = learner["gradient_booster"]["name"] == "gbtree"
        if not is_known or len(groups) != len(trees) or any(groups):
            raise ValueError("it is no model of trees with one answer")
        if int(model["gbtree_model_param"]["num_trees"]) != len(trees):
            raise ValueError("it has other trees than it says")
        for tree in trees:
            _check_xgboost_tree(tree, features)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it is no model of XGBoost: {error!r}") from error


def _check_xgboost_tree(tree: dict[str, Any], features: int) -> None:
    said = tree["tree_param"]
    nodes = int(said["num_nodes"])
    if nodes < 1 or any(len(tree[name]) != nodes for name in NODES):
        raise ValueError("a tree has other nodes than it says")
    if int(said["num_feature"]) != features:
        raise ValueError("a tree has other features than the model")
    if int(said["size_leaf_vector"]) > 1 or any(tree["split_type"]) or tree["categories"]:
        raise ValueError("a tree is of a kind that no model here has")
    left, right = (np.array(tree[f"{side}_children"], np.int64) for side in ("left", "right"))
    if ((left == -1) != (right == -1)).any():
        raise ValueError("a node has one child")
    children = np.concatenate([left, right])
    children = children[children != -1]
    if ((children < 1) | (children >= nodes)).any():
        raise ValueError("a tree points outside its nodes")
    if len(np.unique(children)) != len(children):
        raise ValueError("a tree points back to its own nodes")
    feature = np.array(tree["split_indices"], np.int64)[left != -1]
    if ((feature < 0) | (feature >= features)).any():
        raise ValueError("a tree points outside the model's features")


def _check_vectors(machine: SVC) -> None:
    vectors, counts = machine.support_vectors_, np.asarray(machine._n_support)
    known = len(machine.support_)
    fits = (
        machine.kernel == "rbf"
        and not machine._sparse
        and np.shape(vectors) == (known, machine.n_features_in_)
        and np.shape(counts) == np.shape(machine.classes_) == (2,)
        and (counts >= 0).all()
        and counts.sum() == known
        and np.shape(machine._dual_coef_) == (1, known)
        and np.shape(machine._intercept_) == (1,)
        and np.size(machine._probA) in (0, 1)
        and np.size(machine._probB) == np.size(machine._probA)
    )
    if not fits:
        raise ValueError("a machine has other support vectors than it says")


def _sklearn_trees(estimator: Any) -> Iterator[Any]:  # noqa: ANN401
    if hasattr(estimator, "tree_"):
        yield estimator.tree_
    for each in getattr(estimator, "estimators_", ()):
        if hasattr(each, "tree_"):
            yield each.tree_


def _check(
    left: Indexes, right: Indexes, feature: Indexes, is_leaf: NDArray[np.bool_], features: int
) -> None:
    here, inner = np.arange(len(left)), ~is_leaf
    for child in (left, right):
        if (child[inner] <= here[inner]).any():
            raise ValueError("a tree points back to its own nodes")
        if (child[inner] >= len(left)).any():
            raise ValueError("a tree points outside its nodes")
    if ((feature[inner] < 0) | (feature[inner] >= features)).any():
        raise ValueError("a tree points outside the model's features")


def _value(text: str, name: str) -> str:
    found = re.search(rf"^{name}=(.*)$", text, flags=re.MULTILINE)
    if found is None:
        raise ValueError(f"it lacks {name}")
    return found[1].strip()


def _integers(text: str, name: str) -> NDArray[np.int64]:
    return np.array([int(number) for number in _value(text, name).split()], dtype=np.int64)
