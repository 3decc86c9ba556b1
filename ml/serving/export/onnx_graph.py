"""A model's probability as an ONNX graph, computed in doubles as the model does."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC

from ml.models import Blend, LightGBM, Model, Pipelined
from ml.models.pipeline import CLASSIFY, votes_of
from ml.models.xgboost import XGBoost
from ml.registry.artifact import Artifact
from ml.serving.export import trees
from ml.serving.export.trees import Ensemble, refusal

INPUT, OUTPUT = "features", "probability"
# Versions of operators that ONNX Runtime 1.20 and later know.
OPERATORS, TREES, FORMAT = 18, 5, 10
Value = str


def onnx_model(artifact: Artifact) -> onnx.ModelProto:
    """Return the artifact's model as ONNX.

    The input `features` is float32, shape (rows, features) in the order of the metadata
    `features`; NaN is a missing value, and infinite ones are taken for missing. The output
    `probability` is double, shape (rows,).

    Raises:
        AlmanacError: the model's family cannot be written as ONNX.
    """
    graph = _Graph()
    wide = graph.add("Cast", [INPUT], to=TensorProto.DOUBLE)
    finite = graph.add("IsInf", [INPUT])
    given = graph.add("Where", [finite, graph.constant(np.nan), wide])
    flat = graph.add("Reshape", [graph.log_odds(artifact.model, given), graph.shape(-1)])
    graph.nodes.append(helper.make_node("Sigmoid", [flat], [OUTPUT]))
    width = len(artifact.features)
    made = helper.make_model(
        helper.make_graph(
            graph.nodes,
            artifact.model_id,
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["rows", width])],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.DOUBLE, ["rows"])],
            graph.constants,
        ),
        opset_imports=[
            helper.make_opsetid("", OPERATORS),
            helper.make_opsetid("ai.onnx.ml", TREES),
        ],
        ir_version=FORMAT,
        producer_name="almanac",
    )
    about = {
        "target": artifact.card.target,
        "model_id": artifact.model_id,
        "threshold": repr(artifact.card.threshold),
        "features": json.dumps([feature.name for feature in artifact.features]),
    }
    helper.set_model_props(made, about)
    onnx.checker.check_model(made)
    return made


class _Graph:
    """The nodes and constants of a graph that is being made; values are named by numbers."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, operator: str, given: Sequence[Value], **attributes: Any) -> Value:  # noqa: ANN401
        """Add a node of one output, and return it."""
        name = f"value_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, given, [name], **attributes))
        return name

    def constant(self, values: object) -> Value:
        """Add doubles, and return their name."""
        return self._tensor(np.asarray(values, dtype=np.float64))

    def shape(self, *sizes: int) -> Value:
        """Add whole numbers, and return their name."""
        return self._tensor(np.asarray(sizes, dtype=np.int64))

    def _tensor(self, values: Any) -> Value:  # noqa: ANN401
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(values, name))
        return name

    def log_odds(self, model: Model, given: Value) -> Value:
        """Return the model's calibrated log-odds, shape (rows, 1), of doubles with NaN."""
        sloped = self.add("Mul", [self._margin(model, given), self.constant(model.slope)])
        return self.add("Add", [sloped, self.constant(model.intercept)])

    def _margin(self, model: Model, given: Value) -> Value:
        match model:
            case Blend():
                parts = [
                    self.add("Mul", [self.log_odds(member, given), self.constant(share)])
                    for share, member in zip(model.shares, model.members, strict=True)
                ]
                return self.add("Sum", parts)
            case LightGBM():
                return self._trees(trees.of_lightgbm(model), given)
            case XGBoost():
                ensemble, base = trees.of_xgboost(model)
                return self._plus(self._trees(ensemble, given), base)
            case Pipelined():
                return self._pipeline(model, given)
            case _:
                raise refusal(f"A model of {model.family}")

    def _pipeline(self, model: Pipelined, given: Value) -> Value:
        classify = model.pipeline[CLASSIFY]
        match classify:
            case LogisticRegression():
                prepared = self._prepared(model, given)
                weighed = self.add("MatMul", [prepared, self.constant(classify.coef_.T)])
                return self._plus(weighed, float(classify.intercept_[0]))
            case SVC():
                return self._vectors(classify, self._prepared(model, given))
            case HistGradientBoostingClassifier():
                ensemble, base = trees.of_histograms(classify)
                return self._plus(self._trees(ensemble, given), base)
        if not (hasattr(classify, "estimators_") or hasattr(classify, "tree_")):
            raise refusal(f"A model of {model.family}")
        members = getattr(classify, "estimators_", [classify])
        share = self._trees(trees.of_estimators(list(members)), given)
        votes = votes_of(classify)
        # Half a vote for either side, as the model does.
        for_it = self._plus(self.add("Mul", [share, self.constant(votes)]), 0.5)
        against = self.add("Sub", [self.constant(votes + 1), for_it])
        return self.add("Log", [self.add("Div", [for_it, against])])

    def _trees(self, ensemble: Ensemble, given: Value) -> Value:
        attributes = ensemble.attributes()
        for name in ("nodes_splits", "nodes_modes", "leaf_weights"):
            attributes[name] = numpy_helper.from_array(attributes[name], name)
        return self.add("TreeEnsemble", [given], domain="ai.onnx.ml", **attributes)

    def _prepared(self, model: Pipelined, given: Value) -> Value:
        """Return what the steps before the classifier make of the values."""
        steps = model.pipeline.named_steps
        if "encode" in steps:
            raise refusal("A model with encoded columns")
        impute = steps["impute"]
        size = self._plus(self.add("Abs", [given]), 1.0)
        logs = self.add("Mul", [self.add("Sign", [given]), self.add("Log", [size])])
        missing = self.add("IsNaN", [given])
        typical = self.constant(np.nan_to_num(impute.statistics_)[None])
        filled = self.add("Where", [missing, typical, logs])
        flags = self.add("Cast", [missing], to=TensorProto.DOUBLE)
        chosen = self.add("Gather", [flags, self.shape(*impute.indicator_.features_)], axis=1)
        joined = self.add("Concat", [filled, chosen], axis=1)
        match steps["scale"]:
            case StandardScaler() as scale:
                moved = self.add("Sub", [joined, self.constant(scale.mean_[None])])
                return self.add("Div", [moved, self.constant(scale.scale_[None])])
            case MinMaxScaler() as scale:
                wider = self.add("Mul", [joined, self.constant(scale.scale_[None])])
                return self.add("Add", [wider, self.constant(scale.min_[None])])
            case scale:
                raise refusal(type(scale).__name__)

    def _vectors(self, machine: SVC, prepared: Value) -> Value:
        """Return the decision function of a support vector machine with a Gaussian kernel."""
        vectors = np.asarray(machine.support_vectors_, dtype=np.float64)
        squares = self.add("ReduceSumSquare", [prepared, self.shape(1)], keepdims=1)
        own = self.constant((vectors**2).sum(axis=1)[None])
        product = self.add("MatMul", [prepared, self.constant(vectors.T)])
        twice = self.add("Mul", [product, self.constant(2.0)])
        apart = self.add("Sub", [self.add("Add", [squares, own]), twice])
        kernel = self.add("Exp", [self.add("Mul", [apart, self.constant(-machine._gamma)])])
        weighed = self.add("MatMul", [kernel, self.constant(machine.dual_coef_.T)])
        return self._plus(weighed, float(machine.intercept_[0]))

    def _plus(self, value: Value, number: float) -> Value:
        return self.add("Add", [value, self.constant(number)])
