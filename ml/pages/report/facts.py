"""What the report says of each trained target, gathered from its champion's artifact."""

from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from ml.evaluation.thresholds import Costs
from ml.pages.report.feature_effects import (
    Driver,
    Importance,
    read_drivers,
    read_importance,
    unreadable,
)
from ml.pages.report.judged_rows import Promise, Quality, Rows, judged_rows, promise, qualities
from ml.pages.report.months import Month, by_month
from ml.pages.report.rivals import Rival, read_rivals
from ml.registry.artifact import CARD, PREDICTIONS, Artifact, champion
from ml.registry.backtest_months import read_months
from ml.registry.card import Card
from ml.registry.history import HISTORY
from ml.training.plan import read_plan
from ml.workspace.errors import NotTrained
from ml.workspace.manifest import models_with
from ml.workspace.settings import Workspace
from ml.workspace.targets import true_probabilities


@dataclass(frozen=True)
class Target:
    """One trained target: its champion, its rows and how well they were ranked.

    `costs` are those that were given to its training, `exact` says whether contributions add up.
    """

    name: str
    description: str
    card: Card
    rows: Rows
    fallen_back: bool
    model: Quality
    baseline: Quality
    limit: Quality
    promise: Promise | None
    rivals: tuple[Rival, ...]
    months: tuple[Month, ...]
    importance: tuple[Importance, ...]
    drivers: tuple[Driver, ...]
    exact: bool
    costs: Costs | None


def read_targets(ws: Workspace) -> tuple[Target, ...]:
    """Return every target that has a champion, by name.

    Raises:
        AlmanacError: none has one, or a champion's files are missing or unreadable.
    """
    champions = sorted(ws.models.glob(f"*/{HISTORY}"))
    if not champions:
        raise NotTrained(f"No trained model in {ws.models}.", "Train one first: ml train")
    descriptions = _descriptions(ws)
    names = [path.parent.name for path in champions]
    return tuple(_target(ws, name, descriptions.get(name, "")) for name in names)


def _target(ws: Workspace, name: str, description: str) -> Target:
    artifact = champion(ws, name)
    predictions = _predictions(artifact)
    rows, fallen_back = judged_rows(predictions, _truth(ws, name))
    ranked = qualities(rows)
    return Target(
        name=name,
        description=description,
        card=artifact.card,
        rows=rows,
        fallen_back=fallen_back,
        model=ranked["model"],
        baseline=ranked["baseline"],
        limit=ranked["limit"],
        promise=promise(rows, artifact.card.prevalence),
        rivals=read_rivals(artifact.card),
        months=by_month(predictions, read_months(ws.models / name, artifact.model_id)),
        importance=read_importance(artifact),
        drivers=read_drivers(artifact),
        exact=artifact.model.exact,
        costs=_costs(artifact),
    )


def _descriptions(ws: Workspace) -> dict[str, str]:
    """Return what dbt says of each target; nothing where the manifest is not kept."""
    if not ws.manifest.exists():
        return {}
    return {
        str(node["config"]["meta"]["target"]): " ".join(str(node.get("description", "")).split())
        for node in models_with(ws, "target")
    }


def _predictions(artifact: Artifact) -> pd.DataFrame:
    try:
        frame: pd.DataFrame = artifact.predictions().to_pandas()
    except (OSError, pa.ArrowException) as error:
        raise unreadable(artifact, PREDICTIONS, error) from error
    return frame


def _costs(artifact: Artifact) -> Costs | None:
    """Return the costs that training was given; None where they play no part."""
    plan = read_plan(artifact.card.plan, str(artifact.folder / CARD))
    return plan.costs if plan.criterion == "profit" or plan.costs != Costs() else None


def _truth(ws: Workspace, target: str) -> pd.DataFrame | None:
    """Return the simulator's probabilities of one target; None for a real company."""
    table = true_probabilities(ws, target)
    return None if table is None else table.to_pandas().rename(columns={"probability": "truth"})
