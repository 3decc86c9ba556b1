"""Evaluation: the champion's held-out numbers beside trivial answers and the simulator's limit."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from tqdm import tqdm

from ml import artifact
from ml.config import AlmanacError, Workspace
from ml.learn import (
    FOLDS,
    SEED,
    baseline_of,
    fit,
    labelled_rows,
    out_of_fold,
    refuse_poor,
)
from ml.matrix import Labels, TrainingSet, Vector, informative
from ml.metrics import Metric, measure, missing_last, roc_auc
from ml.split import folds, months_of, temporal
from ml.targets import Target

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
    protocol: str


@dataclass(frozen=True)
class Run:
    """One repetition or one label month: the model's ROC-AUC beside the baseline feature's."""

    name: str
    rows: int
    positives: int
    roc_auc: float | None
    error: float | None
    baseline: float | None


@dataclass(frozen=True)
class Backtest:
    """Several runs of one family on one target."""

    target: str
    family: str
    runs: tuple[Run, ...]
    protocol: str


def evaluate(ws: Workspace, target: Target) -> Evaluation:
    """Return the champion's metrics: on its test month, or cross-validated where there is none.

    Raises:
        AlmanacError: the target has no champion.
    """
    champion = artifact.champion(ws, target.name)
    measured = champion.card["metrics"]
    part = "test" if "test" in measured else "cv"
    return Evaluation(
        target=target.name,
        model_id=champion.model_id,
        part=part,
        rows=measured[part]["rows"],
        positives=measured[part]["positives"],
        metrics=tuple(Metric(**metric) for metric in measured[part]["metrics"]),
        limits=_limits(ws, champion, part),
        protocol=champion.card["protocol"][0],
    )


def repeat(ws: Workspace, target: Target, times: int) -> Backtest:
    """Return `times` cross-validations of the champion's family, each shuffled anew.

    Raises:
        AlmanacError: the target is temporal, or has no champion.
    """
    if target.temporal:
        raise AlmanacError(
            f"{target.name} is validated over time: its folds are not shuffled.\n"
            f"Test more months instead: ml evaluate --target {target.name} --months 3"
        )
    family = str(artifact.champion(ws, target.name).card["family"])
    rows = labelled_rows(ws, target)
    refuse_poor(rows, target)
    data, baseline = rows.keep(informative(rows)), baseline_of(rows, target)
    runs = []
    with tqdm(total=times * FOLDS, desc=target.name, unit="fit", disable=None) as progress:
        for seed in range(SEED, SEED + times):
            fold_of = folds(data, FOLDS, seed, merge_equals=True)
            probabilities = out_of_fold(family, data, fold_of, progress)
            runs.append(_run(f"shuffle {seed}", data.labels, probabilities, baseline))
    protocol = (
        f"{times} times {FOLDS} shuffled, stratified folds of {len(data)} rows; equal customers "
        "stay together."
    )
    return Backtest(target.name, family, tuple(runs), protocol)


def backtest(ws: Workspace, target: Target, months: int) -> Backtest:
    """Return the champion's family trained and tested anew for each of the last label months.

    Raises:
        AlmanacError: the target is not temporal, has no champion, or no month has a past to
            train on.
    """
    if not target.temporal:
        raise AlmanacError(
            f"{target.name} has no label months to walk through: its source carries no time.\n"
            f"Shuffle it instead: ml evaluate --target {target.name} --repeats 5"
        )
    family = str(artifact.champion(ws, target.name).card["family"])
    rows = labelled_rows(ws, target)
    baseline = baseline_of(rows, target)
    tested = [m for m in _last_months(rows, months) if _has_past(rows, target, m)]
    if not tested:
        temporal(rows.times, target.horizon_months)
    progress = tqdm(tested, desc=target.name, unit="month", disable=None)
    runs = tuple(_out_of_time(rows, baseline, target, family, month) for month in progress)
    protocol = (
        "Each month judged by a model trained on the label months decided before it began "
        f"(horizon in months: {target.horizon_months})."
    )
    return Backtest(target.name, family, runs, protocol)


def _out_of_time(
    rows: TrainingSet, baseline: Vector, target: Target, family: str, month: np.datetime64
) -> Run:
    split = temporal(rows.times, target.horizon_months, month)
    training, test = rows.take(split.train), rows.take(split.test)
    refuse_poor(training, target)
    kept = informative(training)
    probabilities = fit(family, training.keep(kept)).predict(test.keep(kept).matrix)
    return _run(str(month), test.labels, probabilities, baseline[split.test])


def _run(name: str, labels: Labels, probabilities: Vector, baseline: Vector) -> Run:
    auc, error = roc_auc(labels, probabilities)
    trivial = roc_auc(labels, missing_last(baseline))[0]
    return Run(name, len(labels), int(labels.sum()), auc, error, trivial)


def _last_months(rows: TrainingSet, count: int) -> list[np.datetime64]:
    return list(np.unique(months_of(rows.times))[-count:])


def _has_past(rows: TrainingSet, target: Target, month: np.datetime64) -> bool:
    first = months_of(rows.times).min()
    return bool(first + np.timedelta64(target.horizon_months, "M") <= month)


def _limits(ws: Workspace, champion: artifact.Artifact, part: str) -> dict[str, float | None]:
    """Return the metrics of the simulator's own probabilities on exactly these rows, if known."""
    predictions = champion.predictions()
    judged = predictions.filter(pc.equal(predictions["part"], part))
    truth = _truth(ws, str(champion.card["target"]), judged)
    if truth is None:
        return {}
    labels = judged["label"].to_numpy().astype(np.int8)
    measured = measure(
        labels,
        truth,
        prior=float(champion.card["prevalence"]),
        chosen=truth >= champion.card["threshold"],
        baseline=truth,
    )
    return {name: measured.value(name) for name in _LIMITED}


def _truth(ws: Workspace, target: str, judged: pa.Table) -> Vector | None:
    """Return the true probability of each judged row; None unless every row has one."""
    if not ws.truth.exists():
        return None
    columns = ["customer_id", "event_timestamp", "probability"]
    table = pq.read_table(ws.truth, columns=columns, filters=[("target", "=", target)])
    known = dict(zip(_keys(table), table["probability"].to_numpy(), strict=True))
    found = [known.get(key) for key in _keys(judged)]
    return None if None in found else np.array(found, dtype=np.float64)


def _keys(table: pa.Table) -> list[tuple[str, int]]:
    times = table["event_timestamp"].cast(pa.timestamp("us")).cast(pa.int64())
    ids = table["customer_id"].cast(pa.string())
    return list(zip(ids.to_pylist(), times.to_pylist(), strict=True))
