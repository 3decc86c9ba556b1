"""The predictor: class, probability, confidence and reasons for records given by the caller."""

import html
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.data.training_set import Vector
from ml.serving.predict.raw_fields import raw_fields
from ml.serving.predict.record_files import FilePredictions, predict_file
from ml.serving.predict.records import Data, Problem, RecordInputs, inputs, refuse
from ml.serving.reasons import drivers, meanings
from ml.serving.reasons import reasons as reasons_of
from ml.workspace.errors import NotBuilt, NotTrained
from ml.workspace.settings import Workspace, workspace
from ml.workspace.targets import target as find_target

if TYPE_CHECKING:
    from ml.registry.artifact import Artifact

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


def _champion(ws: Workspace, target: str) -> "Artifact":
    from ml.registry import artifact

    try:
        return artifact.champion(ws, target)
    except NotTrained:
        with suppress(NotBuilt):
            # A misspelt name is told with the nearest.
            find_target(ws, target)
        raise


class Predictor:
    """Predicts records with the champion of a target, or with another model.

    A record maps the model's features to numbers; missing ones are nulls. `customer_id` is
    optional and becomes the prediction's id. A prediction holds

    - `id`: the record's `customer_id` as text, or None;
    - `class`: 1 where the probability reaches the model's threshold, else 0;
    - `probability`: that of class 1, in 0..1;
    - `confidence`: where the probability lies between the threshold and certainty (1 for class 1,
      0 for class 0): `low` in the third next to the threshold, then `medium`, then `high`;
    - `reasons`: up to three features with the largest contributions to the log-odds, in words,
      the largest first.

    The model libraries, which take seconds to import, are imported with the first predictor.
    """

    classes_: ClassVar[NDArray[np.int64]] = np.array([0, 1])

    def __init__(self, target: str, ws: Workspace | None = None) -> None:
        """Load the champion of `target` in the workspace, by default that of ALMANAC_HOME.

        Raises:
            AlmanacError: there is no champion, or its files are damaged.
        """
        opened = ws or workspace()
        model = _champion(opened, target)
        families = {feature.view for feature in model.features}
        self._take(model, lambda: raw_fields(opened, families))

    @classmethod
    def load(cls, folder: str | Path) -> "Predictor":
        """Return the predictor of the model in an artifact's folder, in a workspace or elsewhere.

        Raises:
            AlmanacError: the folder's files are missing or damaged.
        """
        from ml.registry import artifact

        return cls.of(artifact.load(Path(folder)))

    @classmethod
    def of(cls, model: "Artifact") -> "Predictor":
        """Return the predictor of a loaded model."""
        made = cls.__new__(cls)
        made._take(model, dict)
        return made

    def _take(self, model: "Artifact", raw: Callable[[], Mapping[str, str]]) -> None:
        self._artifact = model
        self._meanings = meanings(model)
        self._names = [feature.name for feature in model.features]
        self._left_out = _features_left_out(model, self._names)
        self._threshold = model.card.threshold
        self._raw = raw

    @property
    def artifact(self) -> "Artifact":
        """The model with its card."""
        return self._artifact

    def __repr__(self) -> str:
        card = self._artifact.card
        return (
            f"Predictor({card.target!r}): {card.model_id}, {card.family} of "
            f"{len(self._names)} features, threshold {self._threshold:.4g}"
        )

    def _repr_html_(self) -> str:
        """Return the essentials of the model as a table, for notebooks."""
        told = self.info()
        measured = told["metrics"][self._artifact.card.held_out]["metrics"]
        rows = {
            "model": told["model_id"],
            "family": told["family"],
            "features": len(self._names),
            "threshold": f"{self._threshold:.4g}",
            "share of class 1": f"{told['prevalence']:.4g}",
            **{m["name"]: f"{m['value']:.4g}" for m in measured if m["value"] is not None},
            "what moves it": "<br>".join(html.escape(text) for text in told["drivers"][:5]),
        }
        lines = "".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in rows.items())
        return f"<table><caption>{html.escape(told['target'])}</caption>{lines}</table>"

    def info(self) -> dict[str, Any]:
        """Describe the model: target, id, family, features, threshold, metrics, drivers.

        `features` maps each input to its description; `drivers` holds the effects of the most
        important features, in words.
        """
        card = self._artifact.card
        named = zip(self._names, self._meanings, strict=True)
        return {
            "target": card.target,
            "model_id": self._artifact.model_id,
            "family": card.family,
            "dataset": card.dataset,
            "threshold": self._threshold,
            "prevalence": card.prevalence,
            "metrics": {part: asdict(measured) for part, measured in card.metrics.items()},
            "features": {name: meaning.description for name, meaning in named},
            "drivers": drivers(self._meanings),
        }

    def validate(self, data: Data) -> list[Problem]:
        """Return the problems of the data, field by field; none where all can be predicted.

        Raises:
            AlmanacError: the data are neither records nor a frame.
        """
        return list(self.inputs(data).problems)

    @overload
    def predict(self, data: pd.DataFrame, *, reasons: bool = ...) -> pd.DataFrame: ...
    @overload
    def predict(self, data: Mapping[str, Any], *, reasons: bool = ...) -> Prediction: ...
    @overload
    def predict(
        self, data: Sequence[Mapping[str, Any]], *, reasons: bool = ...
    ) -> list[Prediction]: ...
    def predict(
        self, data: Data, *, reasons: bool = True
    ) -> Prediction | list[Prediction] | pd.DataFrame:
        """Return the prediction of a record, a list of them for a list, a data frame for a frame.

        The data frame has one row per row of `data`, with its index. Without `reasons`, which take
        most of the time, there are none.

        Raises:
            AlmanacError: the data have problems; the message names the fields.
        """
        found = self.answers(self._refused(data), reasons=reasons)
        if isinstance(data, pd.DataFrame):
            return pd.DataFrame(found, index=data.index, columns=list(Prediction.__annotations__))
        return found[0] if isinstance(data, Mapping) else found

    def predict_proba(self, data: Data) -> NDArray[np.float64]:
        """Return a row a record with the probabilities of `classes_`, as scikit-learn does.

        Raises:
            AlmanacError: the data have problems; the message names the fields.
        """
        of_one = self._artifact.model.predict(self._refused(data).matrix)
        return np.column_stack([1 - of_one, of_one])

    def predict_csv(
        self, path: str | Path, output: str | Path, *, exact: bool = False
    ) -> FilePredictions:
        """Predict the lines of a CSV file with a header; write predictions and rejected lines.

        `output` gets the line number and the prediction of each valid line; `<name>.rejected.csv`
        beside it gets number, reason and text of each invalid one. Both files are written
        completely or not at all. A text that a spreadsheet would run (`=…`, `+…`, `-…`, `@…`) gets
        an apostrophe before it, unless `exact`.

        Raises:
            AlmanacError: the file is absent, or its header is empty or names unknown fields.
        """
        return predict_file(Path(path), Path(output), self.inputs, self.answers, exact=exact)

    def inputs(self, data: Data) -> RecordInputs:
        """Return the data as the model's input, with the problems found in them.

        Raises:
            AlmanacError: the data are neither records nor a frame.
        """
        return inputs(data, self._names, self._left_out, self._raw)

    def _refused(self, data: Data) -> RecordInputs:
        checked = self.inputs(data)
        refuse(checked.problems)
        return checked

    def answers(self, checked: RecordInputs, *, reasons: bool = True) -> list[Prediction]:
        """Return the predictions of inputs without problems, with or without reasons."""
        if not checked.ids:
            return []
        model = self._artifact.model
        probabilities = model.predict(checked.matrix)
        reasons_by_row: Iterable[list[str]] = (
            reasons_of(model, checked.matrix, self._meanings)
            if reasons
            else ([] for _ in checked.ids)
        )
        confidences = confidence(probabilities, self._threshold)
        found = zip(checked.ids, probabilities.tolist(), confidences, reasons_by_row, strict=True)
        return [
            {
                "id": customer,
                "class": int(probability >= self._threshold),
                "probability": probability,
                "confidence": level,
                "reasons": texts,
            }
            for customer, probability, level, texts in found
        ]


def confidence(probabilities: Vector, threshold: float) -> list[str]:
    """Return each row's confidence: the third between threshold and certainty that it lies in."""
    above = probabilities >= threshold
    span = np.where(above, 1 - threshold, threshold)
    # A threshold of 0 or 1 leaves one class a range of length 0: its rows are certain.
    distance = np.ones(len(probabilities))
    np.divide(np.abs(probabilities - threshold), span, out=distance, where=span > 0)
    thirds: NDArray[np.int64] = np.minimum((distance * 3).astype(np.int64), 2)
    return [CONFIDENCES[third] for third in thirds]


def _features_left_out(model: "Artifact", names: Sequence[str]) -> frozenset[str]:
    """Return the features of the training set that the model does not use."""
    from ml.registry.artifact import DATASET

    try:
        recorded = json.loads((model.folder / DATASET).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NotTrained(
            f"{model.folder / DATASET} cannot be read: {error}",
            f"Train again: ml train --target {model.card.target}",
        ) from error
    every = (str(feature["name"]) for feature in recorded.get("features", ()))
    return frozenset(every) - frozenset(names)
