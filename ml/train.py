"""Training: one target's rows in, judged on rows they never saw, one artifact out."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ml import artifact, registry
from ml.card import Fitted, Judged, card, described, predictions_table
from ml.config import AlmanacError, Workspace
from ml.dataset import Dataset, current
from ml.dataset.manifest import to_json
from ml.learn import (
    FOLDS,
    SEED,
    baseline_of,
    fit,
    out_of_fold,
    refuse_poor,
    split_of,
)
from ml.matrix import Rows, TrainingSet, Vector, informative
from ml.metrics import best_threshold, roc_auc
from ml.models import FAMILIES, Model, importance
from ml.registry import Contest
from ml.split import folds, parts
from ml.targets import Target


@dataclass(frozen=True)
class Trained:
    """What came of training one target."""

    target: str
    folder: Path
    card: Mapping[str, Any]
    contest: Contest


def train(ws: Workspace, target: Target, family: str = "auto") -> Trained:
    """Train `target` on the training set of today, as `train_on` does.

    Raises:
        AlmanacError: the warehouse is not ready, or as `train_on` raises.
    """
    _refuse_unknown(family)
    dataset, rows = current(ws, target)
    return train_on(ws, dataset, rows, family)


def train_on(ws: Workspace, dataset: Dataset, rows: TrainingSet, family: str = "auto") -> Trained:
    """Train on the rows of `dataset`, write the artifact; champion unless it is worse than it.

    Args:
        ws: the workspace.
        dataset: says what to predict; the artifact carries its id and manifest.
        rows: its rows.
        family: a name in `ml.models.FAMILIES`, or `auto` for the better one in cross-validation.

    Raises:
        AlmanacError: there is no such family, or the labels cannot carry a model.
    """
    _refuse_unknown(family)
    target = dataset.manifest.target
    split = split_of(rows, target)
    data = rows.keep(informative(rows.take(split.train)))
    training, test = data.take(split.train), data.take(split.test)
    refuse_poor(training, target)
    fold_of = folds(training, FOLDS, SEED, merge_equals=not target.temporal)
    trials = _trials(training, fold_of, family, target.name)
    best = max(trials, key=lambda name: roc_auc(training.labels, trials[name])[0] or 0.0)
    threshold = best_threshold(training.labels, trials[best])
    fitted = Fitted(fit(best, training), training, trials, threshold)
    baseline = baseline_of(rows, target)
    judged = [_judged_cv(training, trials[best], baseline[split.train], fold_of)]
    if len(test):
        judged.append(_judged_test(test, fitted.model, baseline[split.test], threshold))
    about = card(dataset.manifest, fitted, judged, split)
    drivers = described(ws, importance(fitted.model, training.matrix, fitted.names))
    records = {artifact.IMPORTANCE: drivers, artifact.DATASET: to_json(dataset.manifest)}
    folder = artifact.save(ws, about, fitted.model, predictions_table(judged), records)
    return Trained(target.name, folder, about, registry.settle(ws, artifact.load(folder)))


def _trials(training: TrainingSet, fold_of: Rows, family: str, name: str) -> dict[str, Vector]:
    families = list(FAMILIES) if family == "auto" else [family]
    with tqdm(total=FOLDS * len(families), desc=name, unit="fit", disable=None) as progress:
        return {each: out_of_fold(each, training, fold_of, progress) for each in families}


def _refuse_unknown(family: str) -> None:
    if family not in ("auto", *FAMILIES):
        raise AlmanacError(
            f"There is no model family {family}; there are {', '.join(FAMILIES)}.\n"
            "Leave --model out to take the better one: ml train"
        )


def _judged_cv(data: TrainingSet, probabilities: Vector, baseline: Vector, fold_of: Rows) -> Judged:
    """Judge the folds, each by the threshold that the other folds would have chosen."""
    chosen = np.zeros(len(data), dtype=np.bool_)
    for others, fold in parts(fold_of):
        cut = best_threshold(data.labels[others], probabilities[others])
        chosen[fold] = probabilities[fold] >= cut
    return Judged("cv", data, probabilities, baseline, chosen, fold_of)


def _judged_test(data: TrainingSet, model: Model, baseline: Vector, threshold: float) -> Judged:
    probabilities = model.predict(data.matrix)
    no_fold = np.full(len(data), -1)
    return Judged("test", data, probabilities, baseline, probabilities >= threshold, no_fold)
