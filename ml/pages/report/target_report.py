"""What the report shows of each trained target, gathered from its champion's artifact."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from ml.evaluation.thresholds import Costs
from ml.pages.report.compared_models import ComparedModel, read_compared_models
from ml.pages.report.feature_importance import (
    FeatureContributions,
    ReportedImportance,
    read_contributions,
    read_importance,
    unreadable,
)
from ml.pages.report.judged_rows import (
    CalibrationMeasures,
    JudgedRows,
    RankingQuality,
    calibration_measures,
    judged_rows,
    ranking_qualities,
)
from ml.pages.report.label_months import LabelMonth, by_month
from ml.registry.artifact import PREDICTIONS, Artifact, champion
from ml.registry.backtest_months import read_months
from ml.registry.card import Card
from ml.registry.history import HISTORY
from ml.registry.listing import CARD
from ml.training.plan import read_plan
from ml.workspace.errors import AlmanacError, NotTrained
from ml.workspace.responses import target_nodes
from ml.workspace.settings import Workspace
from ml.workspace.targets import true_probabilities
from ml.workspace.texts import one_line


@dataclass(frozen=True)
class TargetReport:
    """One trained target: its champion's card, the rows it is judged on, and the measures.

    Attributes:
        name: the target.
        description: what dbt says of the target; empty where the manifest is not kept.
        card: the champion's model card.
        rows: the rows that the model is judged on.
        test_is_unusable: whether the held-out month lacks a class, so that `rows` are those of
            cross-validation.
        model: how well the model ranks `rows`.
        baseline: how well the baseline feature alone ranks them.
        limit: how well the simulator's true probabilities rank them.
        calibration: how far probabilities can be trusted; None without rows of both classes.
        compared_models: what training compared the model with, best first.
        months: ROC-AUC by label month, oldest first.
        importance: the most important features, the most important first.
        contributions: contributions of single values, for a sample of rows.
        has_exact_contributions: whether contributions add up to the model's log-odds.
        costs: the costs that training was given; None where they played no part.
    """

    name: str
    description: str
    card: Card
    rows: JudgedRows
    test_is_unusable: bool
    model: RankingQuality
    baseline: RankingQuality
    limit: RankingQuality
    calibration: CalibrationMeasures | None
    compared_models: tuple[ComparedModel, ...]
    months: tuple[LabelMonth, ...]
    importance: tuple[ReportedImportance, ...]
    contributions: tuple[FeatureContributions, ...]
    has_exact_contributions: bool
    costs: Costs | None


def read_targets(
    ws: Workspace, tell: Callable[[str], object] = lambda _: None
) -> tuple[TargetReport, ...]:
    """Return every target that has a champion, in the order of names.

    Args:
        ws: the workspace.
        tell: called with why a target is left out: its champion's files are missing or damaged.

    Raises:
        AlmanacError: no target has a champion, or each was left out.
    """
    champions = sorted(ws.models.glob(f"*/{HISTORY}"))
    if not champions:
        raise NotTrained(f"No trained model in {ws.models}.", "Train one first: ml train")
    descriptions = _descriptions(ws)
    names = [path.parent.name for path in champions]
    found, left_out = [], []
    for name in names:
        try:
            found.append(_target(ws, name, descriptions.get(name, "")))
        except AlmanacError as error:
            left_out.append(str(error))
    if not found:
        raise NotTrained("\n".join(left_out))
    for reason in left_out:
        tell(reason)
    return tuple(found)


def _target(ws: Workspace, name: str, description: str) -> TargetReport:
    artifact = champion(ws, name)
    predictions = _predictions(artifact)
    rows, test_is_unusable = judged_rows(predictions, _truth(ws, name))
    qualities = ranking_qualities(rows)
    return TargetReport(
        name=name,
        description=description,
        card=artifact.card,
        rows=rows,
        test_is_unusable=test_is_unusable,
        model=qualities["model"],
        baseline=qualities["baseline"],
        limit=qualities["limit"],
        calibration=calibration_measures(rows, artifact.card.prevalence),
        compared_models=read_compared_models(artifact.card),
        months=by_month(predictions, read_months(ws.models / name, artifact.model_id)),
        importance=read_importance(artifact),
        contributions=read_contributions(artifact),
        has_exact_contributions=artifact.model.exact,
        costs=_costs(artifact),
    )


def _descriptions(ws: Workspace) -> dict[str, str]:
    """Return what dbt says of each target; nothing where the manifest is not kept."""
    if not ws.manifest.exists():
        return {}
    return {
        str(node["config"]["meta"]["target"]): one_line(node.get("description"))
        for node in target_nodes(ws)
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
