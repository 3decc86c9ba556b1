"""A model's probability as one SQL expression over its features, doubles with null for missing.

Trees become CASE expressions in which a null takes the same branch as in LightGBM. Sums are written
as `list_sum`, which adds in the same order as the model.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from ml.models import Blend, LightGBM, Model, Pipelined
from ml.workspace.errors import AlmanacError
from ml.workspace.sql import quoted

# With so many leaves a hundred thousand rows take seconds; above that, `ml score` is faster.
MOST_LEAVES = 4_000
# LightGBM treats values of at most this size as zero (see its parameter zero_as_missing).
_ZERO = "1e-35"


def formula(model: Model, names: Sequence[str]) -> str:
    """Return the SQL of the model's probability; `names` are the columns in the model's order.

    Raises:
        AlmanacError: the model's family cannot be written as SQL, or the model is too large.
    """
    return f"1e0 / (1e0 + exp(-({_log_odds(model, [quoted(name) for name in names])})))"


def number(value: float) -> str:
    """Return a literal with an exponent, which DuckDB reads as a double and not as a decimal."""
    text = repr(float(value))
    return text if "e" in text else f"{text}e0"


def _log_odds(model: Model, columns: Sequence[str]) -> str:
    # Indented like a column of a select.
    listed = ",\n        ".join(_terms(model, columns))
    return (
        f"{number(model.slope)} * list_sum([\n        {listed}\n    ]) + {number(model.intercept)}"
    )


def _terms(model: Model, columns: Sequence[str]) -> list[str]:
    """Return the terms whose sum is the model's uncalibrated log-odds."""
    if isinstance(model, LightGBM):
        return _trees(model, columns)
    if isinstance(model, Pipelined) and model.exact:
        return _linear(model, columns)
    if isinstance(model, Blend):
        members = zip(model.shares, model.members, strict=True)
        return [f"{number(share)} * ({_log_odds(each, columns)})" for share, each in members]
    raise _refusal(
        f"{model.family} cannot be written as SQL; lightgbm, logistic and mixtures of both can."
    )


def _trees(model: LightGBM, columns: Sequence[str]) -> list[str]:
    described = model.booster.dump_model()
    if described["objective"] != "binary sigmoid:1" or described["average_output"]:
        raise _refusal(f"LightGBM's objective {described['objective']} cannot be written as SQL.")
    leaves = sum(int(tree["num_leaves"]) for tree in described["tree_info"])
    if leaves > MOST_LEAVES:
        raise _refusal(
            f"The model has {leaves} leaves; as SQL, more than {MOST_LEAVES} are too slow."
        )
    return [_node(tree["tree_structure"], columns) for tree in described["tree_info"]]


def _node(node: Mapping[str, Any], columns: Sequence[str]) -> str:
    if "leaf_value" in node:
        return number(node["leaf_value"])
    condition = _goes_left(node, columns[node["split_feature"]])
    left, right = (_node(node[side], columns) for side in ("left_child", "right_child"))
    return f"case when {condition} then {left} else {right} end"


def _goes_left(node: Mapping[str, Any], column: str) -> str:
    """Return the condition of a node's left branch; true, and not null, where it is taken."""
    if node["decision_type"] == "==":
        # Nulls and categories unseen in training are not in the list: they go right.
        return f"trunc({column}) in ({', '.join(str(node['threshold']).split('||'))})"
    below = f"{column} <= {number(node['threshold'])}"
    match node["missing_type"], bool(node["default_left"]):
        case "NaN", True:
            return f"{column} is null or {below}"
        case "NaN", False:
            return below
        case "Zero", True:
            return f"coalesce(abs({column}), 0) <= {_ZERO} or {below}"
        case "Zero", False:
            return f"abs({column}) > {_ZERO} and {below}"
        case _:
            return f"coalesce({column}, 0) <= {number(node['threshold'])}"


def _linear(model: Pipelined, columns: Sequence[str]) -> list[str]:
    steps = model.pipeline.named_steps
    if "encode" in steps:
        raise _refusal("Encoded columns cannot be written as SQL.")
    classify, scale, impute = steps["classify"], steps["scale"], steps["impute"]
    filled = [
        f"coalesce(sign({column}) * ln(1e0 + abs({column})), {number(median)})"
        for column, median in zip(columns, np.nan_to_num(impute.statistics_), strict=True)
    ]
    flags = [f"({columns[i]} is null)::double" for i in impute.indicator_.features_]
    scaled = _scaled(scale, [*filled, *flags])
    weights = zip(scaled, classify.coef_[0], strict=True)
    terms = [f"{value} * {number(weight)}" for value, weight in weights]
    return [*terms, number(classify.intercept_[0])]


def _scaled(scale: object, values: Sequence[str]) -> list[str]:
    match scale:
        case StandardScaler():
            moved = zip(values, scale.mean_, scale.scale_, strict=True)
            return [f"({value} - {number(mean)}) / {number(width)}" for value, mean, width in moved]
        case MinMaxScaler():
            moved = zip(values, scale.scale_, scale.min_, strict=True)
            return [f"({value} * {number(by)} + {number(least)})" for value, by, least in moved]
        case _:
            raise _refusal(f"{type(scale).__name__} cannot be written as SQL.")


def _refusal(why: str) -> AlmanacError:
    return AlmanacError(why, "Score with the artifact: ml score")
