"""Training: one target's rows in, judged on rows they never saw, one artifact out."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ml.data.split import parts
from ml.data.training_set import TrainingSet, Vector
from ml.dataset import Dataset, current
from ml.dataset.recipe import to_json
from ml.evaluation.thresholds import best_threshold
from ml.models.contributions import driven
from ml.registry import artifact
from ml.registry import champions as registry
from ml.registry.champions import Contest
from ml.training.crossfit import baseline_of, refuse_poor, split_of
from ml.training.ensemble import Learnt, learn
from ml.training.model_card import Fitted, Judged, card, described, predictions_table
from ml.training.plan import Plan
from ml.workspace.settings import Workspace
from ml.workspace.targets import Target


@dataclass(frozen=True)
class Trained:
    """What came of training one target."""

    target: str
    folder: Path
    card: Mapping[str, Any]
    contest: Contest


def train(ws: Workspace, target: Target, plan: Plan | None = None) -> Trained:
    """Train `target` on the training set of today, as `train_on` does.

    Raises:
        AlmanacError: the warehouse is not ready, or as `train_on` raises.
    """
    dataset, rows = current(ws, target)
    return train_on(ws, dataset, rows, plan)


def train_on(
    ws: Workspace, dataset: Dataset, rows: TrainingSet, plan: Plan | None = None
) -> Trained:
    """Train on the rows of `dataset`, write the artifact; champion unless it is worse than it.

    A search is kept in the target's folder of models, by the dataset's id: the same call goes on
    where it was stopped.

    Args:
        ws: the workspace.
        dataset: says what to predict; the artifact carries its id and manifest.
        rows: its rows.
        plan: what to try; by default the families that suit the rows, as they come.

    Raises:
        AlmanacError: the labels cannot carry a model, or none of the plan's families can be had.
    """
    plan, target = plan or Plan(), dataset.manifest.target
    split = split_of(rows, target)
    training, test = rows.take(split.train), rows.take(split.test)
    refuse_poor(training, target)
    journal = ws.models / target.name / "search" / f"{dataset.manifest.id}.journal"
    learnt = learn(
        training, plan, merge_equals=not target.temporal, title=target.name, journal=journal
    )
    fitted = Fitted(learnt, training, plan)
    baseline = baseline_of(rows, target)
    judged = [_judged_cv(training, learnt, baseline[split.train], plan)]
    if len(test):
        judged.append(_judged_test(test, learnt, baseline[split.test]))
    about = card(dataset.manifest, fitted, judged, split)
    records = {artifact.DATASET: to_json(dataset.manifest), **_driven(ws, fitted)}
    folder = artifact.save(ws, about, learnt.model, predictions_table(judged), records)
    return Trained(target.name, folder, about, registry.settle(ws, artifact.load(folder)))


def _driven(ws: Workspace, fitted: Fitted) -> dict[str, artifact.Record]:
    """Return what is kept of how features drive the model."""
    entries, contributions = driven(fitted.learnt.model, fitted.sample(), fitted.names)
    return {
        artifact.IMPORTANCE: described(ws, entries),
        artifact.CONTRIBUTIONS: contributions,
    }


def _judged_cv(data: TrainingSet, learnt: Learnt, baseline: Vector, plan: Plan) -> Judged:
    """Judge the folds, each by the threshold that the other folds would have chosen."""
    chosen = np.zeros(len(data), dtype=np.bool_)
    told = learnt.probabilities
    for others, fold in parts(learnt.fold_of):
        cut = best_threshold(data.labels[others], told[others], plan.criterion, plan.costs)
        chosen[fold] = told[fold] >= cut
    return Judged("cv", data, told, baseline, chosen, learnt.fold_of)


def _judged_test(data: TrainingSet, learnt: Learnt, baseline: Vector) -> Judged:
    told = learnt.predict(data.matrix)
    no_fold = np.full(len(data), -1)
    return Judged("test", data, told, baseline, told >= learnt.threshold, no_fold)
