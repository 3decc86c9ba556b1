"""Evaluation: the champion's held-out metrics beside trivial answers and the simulator's limit."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ml.data.training_set import Labels, Vector
from ml.evaluation.bootstrap import Interval, estimates
from ml.evaluation.measured import Metric
from ml.evaluation.metrics import (
    average_precision_statistic,
    brier_statistic,
    measure,
    roc_auc_statistic,
)
from ml.evaluation.thresholds import (
    Costs,
    Outcome,
    always_yes,
    best_threshold,
    cross_fitted_choice,
    outcome,
)
from ml.registry import artifact
from ml.registry.card import Card
from ml.workspace.settings import Workspace
from ml.workspace.targets import Target, true_probabilities

# What the best possible probabilities bound; the others depend on a threshold or on luck.
_LIMITED = ("roc_auc", "pr_auc", "brier", "log_loss", "precision_top_decile",
            "recall_top_decile", "lift_top_decile")  # fmt: skip


@dataclass(frozen=True)
class Evaluation:
    """A champion's metrics on the rows it is judged by; `limits` holds the simulator's, if any."""

    target: str
    model_id: str
    part: str
    rows: int
    positives: int
    metrics: tuple[Metric, ...]
    limits: Mapping[str, float | None]
    intervals: Mapping[str, Interval | None]
    protocol: str


@dataclass(frozen=True)
class Decision:
    """A threshold by a criterion: what comes of it on judged rows, beside always yes."""

    target: str
    model_id: str
    criterion: str
    threshold: float
    rows: int
    chosen: int
    outcome: Outcome
    always_yes: Outcome
    costs: Costs
    protocol: str


def evaluate(ws: Workspace, target: Target) -> Evaluation:
    """Return the champion's metrics: on its test month, or cross-validated where there is none.

    Raises:
        AlmanacError: the target has no champion.
    """
    champion = artifact.champion(ws, target.name)
    part = champion.card.held_out
    measured, held_out = champion.card.metrics[part], _held_out(champion, part)
    return Evaluation(
        target=target.name,
        model_id=champion.model_id,
        part=part,
        rows=measured.rows,
        positives=measured.positives,
        metrics=measured.metrics,
        limits=_limits(ws, champion.card, held_out),
        intervals=_intervals(held_out),
        protocol=champion.card.protocol[0],
    )


def decide(ws: Workspace, target: Target, criterion: str, costs: Costs) -> Decision:
    """Return the champion's best threshold by the criterion, judged where it was not chosen.

    It is chosen on out-of-fold predictions. A target with time is judged on its test month; one
    without, on each fold by the threshold that the others choose.

    Raises:
        AlmanacError: the target has no champion.
    """
    champion = artifact.champion(ws, target.name)
    cv, test = _held_out(champion, "cv"), _held_out(champion, "test")
    labels, probabilities = _labels(cv), cv["probability"].to_numpy()
    threshold = best_threshold(labels, probabilities, criterion, costs)
    if len(test):
        labels, probabilities = _labels(test), test["probability"].to_numpy()
        chosen = probabilities >= threshold
        protocol = "Chosen on folds of the training months, judged on the newest label month."
    else:
        fold_of = cv["fold"].to_numpy().astype(np.int64)
        chosen = cross_fitted_choice(labels, probabilities, fold_of, criterion, costs)
        protocol = "Each fold is judged by the threshold that the other folds choose."
    return Decision(
        target=target.name,
        model_id=champion.model_id,
        criterion=criterion,
        threshold=threshold,
        rows=len(labels),
        chosen=int(chosen.sum()),
        outcome=outcome(labels, chosen),
        always_yes=always_yes(labels),
        costs=costs,
        protocol=protocol,
    )


def _held_out(champion: artifact.Artifact, part: str) -> pa.Table:
    """Return the champion's held-out predictions of this part, `cv` or `test`."""
    table = champion.predictions()
    return table.filter(pc.equal(table["part"], part))


def _labels(held_out: pa.Table) -> Labels:
    return np.asarray(held_out["label"].to_numpy(), dtype=np.int8)


def _intervals(held_out: pa.Table) -> dict[str, Interval | None]:
    """Return 95 % bootstrap intervals, over customers, of ROC-AUC, PR-AUC and Brier score."""
    labels, probabilities = _labels(held_out), held_out["probability"].to_numpy()
    statistics = {
        "roc_auc": roc_auc_statistic(labels, probabilities),
        "pr_auc": average_precision_statistic(labels, probabilities),
        "brier": brier_statistic(labels, probabilities),
    }
    found = estimates(statistics, held_out["customer_id"].to_numpy().astype(str))
    return {name: each.interval for name, each in found.items()}


def _limits(ws: Workspace, card: Card, held_out: pa.Table) -> dict[str, float | None]:
    """Return the metrics of the simulator's own probabilities on exactly these rows, if known."""
    truth = _truth(ws, card.target, held_out)
    if truth is None:
        return {}
    measured = measure(
        _labels(held_out),
        truth,
        prior=card.prevalence,
        chosen=truth >= card.threshold,
        baseline=truth,
    )
    return {name: measured.value(name) for name in _LIMITED}


def _truth(ws: Workspace, target: str, judged: pa.Table) -> Vector | None:
    """Return the true probability of each judged row; None unless every row has one."""
    table = true_probabilities(ws, target)
    if table is None:
        return None
    known = dict(zip(_keys(table), table["probability"].to_numpy(), strict=True))
    found = [known.get(key) for key in _keys(judged)]
    return None if None in found else np.array(found, dtype=np.float64)


def _keys(table: pa.Table) -> list[tuple[str, int]]:
    times = table["event_timestamp"].cast(pa.timestamp("us")).cast(pa.int64())
    ids = table["customer_id"].cast(pa.string())
    return list(zip(ids.to_pylist(), times.to_pylist(), strict=True))
