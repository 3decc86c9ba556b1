"""A model that answers records: id, class, probability, confidence and reasons each."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypedDict, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.data.training_set import Vector
from ml.registry import artifact
from ml.registry.artifact import DATASET, Artifact
from ml.serving.predict.record_files import Answered, answer_file
from ml.serving.predict.records import Data, Inputs, Problem, inputs, refuse
from ml.serving.reasons import drivers, meanings, reasons
from ml.workspace.errors import NotTrained
from ml.workspace.settings import Workspace, workspace

CONFIDENCES = ("low", "medium", "high")

Prediction = TypedDict(
    "Prediction",
    {
        "id": str | None,
        "class": int,
        "probability": float,
        "confidence": str,
        "reasons": list[str],
    },
)


class Predictor:
    """The champion of a target, or another model of one, for records at hand.

    A record names the model's input features by name; those left out are nulls, as
    `customer_id`, which becomes the prediction's id, may be. A prediction holds

    - `id`: the record's `customer_id` as text, or None;
    - `class`: 1 where the probability reaches the model's threshold, else 0;
    - `probability`: that of class 1, in 0..1;
    - `confidence`: how far the probability is on the way from the threshold to the certainty of
      its class (1 above, 0 below): `low` in the first third of it, `medium` in the second,
      `high` in the last;
    - `reasons`: up to three features that moved the log-odds most, in words, the strongest first.
    """

    def __init__(self, target: str, ws: Workspace | None = None) -> None:
        """Take the champion of `target` in the workspace, that of ALMANAC_HOME unless given.

        Raises:
            AlmanacError: there is no champion, or its files are not those that were written.
        """
        self._take(artifact.champion(ws or workspace(), target))

    @classmethod
    def load(cls, folder: str | Path) -> "Predictor":
        """Return the predictor of the model in an artifact's folder, wherever that lies.

        Raises:
            AlmanacError: the folder's files are missing, or not those that were written.
        """
        made = cls.__new__(cls)
        made._take(artifact.load(Path(folder)))
        return made

    def _take(self, model: Artifact) -> None:
        self._artifact = model
        self._means = meanings(model)
        self._names = [feature.name for feature in model.features]
        self._left_out = _features_left_out(model, self._names)
        self._threshold = model.card.threshold

    def info(self) -> dict[str, Any]:
        """Return what the model is: target, id, family, features, threshold, metrics, drivers.

        `features` maps each input to its description; `drivers` says in words where those that
        matter most lead.
        """
        card = self._artifact.card
        named = zip(self._names, self._means, strict=True)
        return {
            "target": card.target,
            "model_id": self._artifact.model_id,
            "family": card.family,
            "dataset": card.dataset,
            "threshold": self._threshold,
            "prevalence": card.prevalence,
            "metrics": {part: asdict(measured) for part, measured in card.metrics.items()},
            "features": {name: means.description for name, means in named},
            "drivers": drivers(self._means),
        }

    def validate(self, data: Data) -> list[Problem]:
        """Return what is wrong with the data, field by field; nothing where all can be predicted.

        Raises:
            AlmanacError: the data are neither records nor a frame.
        """
        return list(self._inputs(data).problems)

    @overload
    def predict(self, data: pd.DataFrame) -> pd.DataFrame: ...
    @overload
    def predict(self, data: Mapping[str, Any]) -> Prediction: ...
    @overload
    def predict(self, data: Sequence[Mapping[str, Any]]) -> list[Prediction]: ...
    def predict(self, data: Data) -> Prediction | list[Prediction] | pd.DataFrame:
        """Return the prediction of a record, those of a list, or a frame of those of a frame.

        The frame has a row a row, with the index of `data`.

        Raises:
            AlmanacError: something is wrong with the data; every field is named.
        """
        given = self._inputs(data)
        refuse(given.problems)
        found = self._answers(given)
        if isinstance(data, pd.DataFrame):
            return pd.DataFrame(found, index=data.index, columns=list(Prediction.__annotations__))
        return found[0] if isinstance(data, Mapping) else found

    def predict_csv(self, path: str | Path, output: str | Path) -> Answered:
        """Predict the lines of a CSV with a header, and write predictions and rejected lines.

        `output` gets a line a good line: its number, and the prediction; beside it
        `<name>.rejected.csv` gets number, reason and text of each bad one. Both are written whole
        or not at all.

        Raises:
            AlmanacError: the file is absent or no text, or its header names unknown fields.
        """
        return answer_file(Path(path), Path(output), self._inputs, self._answers)

    def _inputs(self, data: Data) -> Inputs:
        return inputs(data, self._names, self._left_out)

    def _answers(self, given: Inputs) -> list[Prediction]:
        if not given.ids:
            return []
        model = self._artifact.model
        probabilities = model.predict(given.matrix)
        why = reasons(model, given.matrix, self._means)
        sure = confidence(probabilities, self._threshold)
        found = zip(given.ids, probabilities.tolist(), sure, why, strict=True)
        return [
            {
                "id": who,
                "class": int(probability >= self._threshold),
                "probability": probability,
                "confidence": how,
                "reasons": said,
            }
            for who, probability, how, said in found
        ]


def confidence(probabilities: Vector, threshold: float) -> list[str]:
    """Return `low`, `medium` or `high` a row: its third of the way from threshold to certainty."""
    above = probabilities >= threshold
    room = np.where(above, 1 - threshold, threshold)
    # A threshold of 0 or 1 leaves one side no room: what is there is certain.
    way = np.ones(len(probabilities))
    np.divide(np.abs(probabilities - threshold), room, out=way, where=room > 0)
    thirds: NDArray[np.int64] = np.minimum((way * 3).astype(np.int64), 2)
    return [CONFIDENCES[third] for third in thirds]


def _features_left_out(model: Artifact, names: Sequence[str]) -> frozenset[str]:
    """Return the features of the training set that the model does not use."""
    try:
        recorded = json.loads((model.folder / DATASET).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NotTrained(
            f"{model.folder / DATASET} cannot be read: {error}",
            f"Train again: ml train --target {model.card.target}",
        ) from error
    every = (str(feature["name"]) for feature in recorded.get("features", ()))
    return frozenset(every) - frozenset(names)
