"""Model artifacts: a folder each, written whole or not at all, in formats that run no code."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ml.config import AlmanacError, Workspace
from ml.folders import fresh_folder, point, pointed, write_json
from ml.matrix import Feature
from ml.models import FAMILIES, Model

CARD, PREDICTIONS, IMPORTANCE, DATASET, CHAMPION = (
    "card.json",
    "predictions.parquet",
    "importance.json",
    "dataset.json",
    "champion",
)
_PACKAGES = ("almanac", "duckdb", "feast", "lightgbm", "numpy", "scikit-learn", "skops")


@dataclass(frozen=True)
class Artifact:
    """A trained model with its card, as read from its folder."""

    folder: Path
    card: Mapping[str, Any]
    model: Model

    @property
    def model_id(self) -> str:
        """The model's id, which is its folder's name."""
        return str(self.card["model_id"])

    @property
    def features(self) -> tuple[Feature, ...]:
        """The model's inputs in its own order."""
        return tuple(Feature(**feature) for feature in self.card["features"])

    def predictions(self) -> pa.Table:
        """Return the held-out predictions, one row each."""
        return pq.read_table(self.folder / PREDICTIONS)

    def importance(self) -> list[dict[str, Any]]:
        """Return each feature's share of all contributions, direction and description."""
        found: list[dict[str, Any]] = json.loads(
            (self.folder / IMPORTANCE).read_text(encoding="utf-8")
        )
        return found


def package_versions() -> dict[str, str]:
    """Return the versions of the packages that a model's numbers depend on."""
    return {name: version(name) for name in _PACKAGES}


def save(
    ws: Workspace,
    card: Mapping[str, Any],
    model: Model,
    predictions: pa.Table,
    records: Mapping[str, Any],
) -> Path:
    """Write the artifact to `models/<target>/<model id>/` and return that folder.

    `records` are what is told of the model in files of JSON, by their names: IMPORTANCE, and
    DATASET, which says how the rows that it learnt from are made again. A reader never sees half
    an artifact. A model's id says what it is, so writing the same model again changes nothing but
    the card's circumstances.
    """
    folder = ws.models / str(card["target"]) / str(card["model_id"])
    with fresh_folder(folder) as temporary:
        model.save(temporary / model.file)
        for name, record in {CARD: card, **records}.items():
            write_json(temporary / name, record)
        pq.write_table(predictions, temporary / PREDICTIONS)
    return folder


def crown(ws: Workspace, target: str, model_id: str) -> None:
    """Make this model the one that scores `target`, in one step."""
    point(ws.models / target / CHAMPION, model_id)


def champion(ws: Workspace, target: str) -> Artifact:
    """Return the model that scores `target`.

    Raises:
        AlmanacError: none was trained, or its folder is not whole.
    """
    pointer = ws.models / target / CHAMPION
    if not has_champion(ws, target):
        raise AlmanacError(
            f"No model for {target} in {ws.models}.\nTrain one: ml train --target {target}"
        )
    return load(pointed(pointer))


def has_champion(ws: Workspace, target: str) -> bool:
    """Return whether a model of `target` was trained here."""
    return (ws.models / target / CHAMPION).exists()


def load(folder: Path) -> Artifact:
    """Return the artifact in `folder`.

    Raises:
        AlmanacError: a file is missing or cannot be read.
    """
    again = f"Train again: ml train --target {folder.parent.name}"
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        family = FAMILIES[card["family"]]
        missing = [n for n in (family.file, PREDICTIONS, IMPORTANCE) if not (folder / n).exists()]
        if missing:
            raise AlmanacError(f"{folder} lacks {', '.join(missing)}.\n{again}")
        return Artifact(folder, card, family.load(folder / family.file))
    except FileNotFoundError as error:
        raise AlmanacError(f"{folder} lacks {CARD}.\n{again}") from error
    except AlmanacError:
        raise
    except Exception as error:
        # Each library has its own errors for a spoilt file; to the user they are one.
        raise AlmanacError(f"The model in {folder} cannot be read: {error}\n{again}") from error
