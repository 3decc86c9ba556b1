"""What the report says of each trained target, gathered from its champion's artifact."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.stats import rankdata

from ml.artifact import IMPORTANCE, PREDICTIONS, Artifact, champion
from ml.config import AlmanacError, Workspace
from ml.history import HISTORY
from ml.metrics import average_precision, missing_last, roc_auc
from ml.report.curves import Floats
from ml.targets import nodes

TOP_FEATURES = 20
PARTS = {"test": "the newest label month, held out", "cv": "cross-validation"}


@dataclass(frozen=True)
class Importance:
    """One feature: its share of all contributions, its direction and its meaning."""

    feature: str
    share: float
    direction: str
    description: str


@dataclass(frozen=True)
class Rows:
    """The rows a model is judged on; `baseline` is a ranking, missing values last."""

    label: Floats
    probability: Floats
    baseline: Floats | None
    truth: Floats | None
    part: str

    @property
    def positives(self) -> int:
        """How many rows are labelled 1."""
        return int(self.label.sum())

    @property
    def prevalence(self) -> float:
        """The share of rows labelled 1."""
        return float(self.label.mean()) if len(self.label) else 0.0

    @property
    def judged(self) -> bool:
        """Whether both classes occur, without which there is no curve."""
        return 0 < self.positives < len(self.label)


@dataclass(frozen=True)
class Quality:
    """The measures of one ranking; None where undefined or where there is no such ranking."""

    auc: float | None = None
    error: float | None = None
    precision: float | None = None


@dataclass(frozen=True)
class Target:
    """One trained target: its champion, its rows and how well they were ranked."""

    name: str
    description: str
    card: Mapping[str, Any]
    rows: Rows
    fallen_back: bool
    model: Quality
    baseline: Quality
    limit: Quality
    importance: tuple[Importance, ...]


def read_targets(ws: Workspace) -> tuple[Target, ...]:
    """Return every target that has a champion, by name.

    Raises:
        AlmanacError: none has one, or a champion's files are missing or unreadable.
    """
    champions = sorted(ws.models.glob(f"*/{HISTORY}"))
    if not champions:
        raise AlmanacError(f"No trained model in {ws.models}.\nTrain one first: ml train")
    descriptions = _descriptions(ws)
    names = [path.parent.name for path in champions]
    return tuple(_target(ws, name, descriptions.get(name, "")) for name in names)


def _target(ws: Workspace, name: str, description: str) -> Target:
    artifact = champion(ws, name)
    rows, fallen_back = _judged_rows(_predictions(artifact), _truth(ws, name))
    return Target(
        name=name,
        description=description,
        card=artifact.card,
        rows=rows,
        fallen_back=fallen_back,
        model=_quality(rows, rows.probability),
        baseline=_quality(rows, rows.baseline),
        limit=_quality(rows, rows.truth),
        importance=_importance(artifact),
    )


def _descriptions(ws: Workspace) -> dict[str, str]:
    """Return what dbt says of each target; nothing where the manifest is not kept."""
    if not ws.manifest.exists():
        return {}
    return {
        str(node["config"]["meta"]["target"]): " ".join(str(node.get("description", "")).split())
        for node in nodes(ws, "target")
    }


def _predictions(artifact: Artifact) -> pd.DataFrame:
    try:
        frame: pd.DataFrame = artifact.predictions().to_pandas()
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(artifact, PREDICTIONS, error) from error
    return frame


def _importance(artifact: Artifact) -> tuple[Importance, ...]:
    """Return the features that matter most, each with its share of all contributions."""
    try:
        entries = artifact.importance()
    except (OSError, ValueError) as error:
        raise _unreadable(artifact, IMPORTANCE, error) from error
    ranked = sorted(entries, key=lambda entry: -float(entry["importance"]))[:TOP_FEATURES]
    return tuple(
        Importance(
            str(entry["feature"]),
            float(entry["importance"]),
            str(entry["direction"]),
            str(entry.get("description") or ""),
        )
        for entry in ranked
        if float(entry["importance"]) > 0
    )


def _unreadable(artifact: Artifact, file: str, error: Exception) -> AlmanacError:
    again = f"Train again: ml train --target {artifact.folder.parent.name}"
    return AlmanacError(f"{artifact.folder / file} cannot be read: {error}\n{again}")


def _truth(ws: Workspace, target: str) -> pd.DataFrame | None:
    """Return the simulator's probabilities of one target; None for a real company."""
    if not ws.truth.exists():
        return None
    columns = ["customer_id", "event_timestamp", "probability"]
    table = pq.read_table(ws.truth, columns=columns, filters=[("target", "=", target)])
    return table.to_pandas().rename(columns={"probability": "truth"}) if len(table) else None


def _judged_rows(frame: pd.DataFrame, truth: pd.DataFrame | None) -> tuple[Rows, bool]:
    """Return the rows to judge by, and whether the held-out month could not serve.

    These are the test rows; a target without time has only cross-validated ones, and a test
    month that lacks a class leaves nothing to draw.
    """
    if truth is not None:
        frame = frame.merge(truth, on=["customer_id", "event_timestamp"], how="left")
    found = {part: _rows(frame, part) for part in PARTS}
    if found["test"].judged or not len(found["cv"].label):
        return found["test"], False
    return found["cv"], len(found["test"].label) > 0


def _rows(frame: pd.DataFrame, part: str) -> Rows:
    inside = frame[frame["part"] == part]
    baseline = inside["baseline"].to_numpy(np.float64)
    truth = inside["truth"].to_numpy(np.float64) if "truth" in inside else np.array([np.nan])
    return Rows(
        label=inside["label"].to_numpy(np.float64),
        probability=inside["probability"].to_numpy(np.float64),
        # Ranks stand for the baseline's values: a curve needs no more, and cannot take infinities.
        baseline=None if np.isnan(baseline).all() else rankdata(missing_last(baseline)),
        truth=None if np.isnan(truth).any() else truth,
        part=part,
    )


def _quality(rows: Rows, score: Floats | None) -> Quality:
    if score is None or not rows.judged:
        return Quality()
    label = rows.label.astype(np.int8)
    auc, error = roc_auc(label, score)
    return Quality(auc, error, average_precision(label, score))
