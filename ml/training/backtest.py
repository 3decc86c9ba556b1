"""Nested cross-validation and rolling-origin backtests: a plan's choices are all made inside."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.data.mapped import rows_at
from ml.data.split import (
    customer_groups,
    decided_before,
    folds,
    months_of,
    temporal,
    train_and_held_out,
)
from ml.data.training_set import Labels, Rows, TrainingSet, Vector
from ml.dataset.rows import labelled_rows
from ml.evaluation.bootstrap import Estimate, Interval, estimate
from ml.evaluation.metrics import (
    brier,
    calibration_error,
    missing_last,
    roc_auc_statistic,
    roc_auc_within,
)
from ml.evaluation.thresholds import Outcome, always_yes, outcome
from ml.models import FAMILIES
from ml.registry import artifact
from ml.registry.backtest_months import BacktestMonth, write_months
from ml.registry.listing import CARD
from ml.training.crossfit import FOLDS, CrossFit, refuse_poor
from ml.training.ensemble import learn
from ml.training.leaderboard import baseline_ranking
from ml.training.plan import Plan, read_plan
from ml.training.window import weights_of, windowed
from ml.workspace.errors import BadInput
from ml.workspace.progress import Progress
from ml.workspace.settings import Workspace
from ml.workspace.targets import Target

# A random share is made of so many equal slices.
_SLICES = 20
AS_TRAINED = "as trained"


@dataclass(frozen=True)
class Run:
    """One repetition or one label month: the model's figures beside those of trivial answers."""

    name: str
    customers: NDArray[Any]
    labels: Labels
    probabilities: Vector
    chosen: NDArray[np.bool_]
    fold_of: Rows
    ranking: Vector
    prior: float

    @property
    def roc_auc(self) -> float | None:
        """The mean of the folds' ROC-AUC: each is another model's."""
        return roc_auc_within(self.labels, self.probabilities, self.fold_of)

    @property
    def baseline(self) -> float | None:
        """The same of the baseline feature alone."""
        return roc_auc_within(self.labels, self.ranking, self.fold_of)

    @property
    def outcome(self) -> Outcome:
        """What comes of the chosen rows."""
        return outcome(self.labels, self.chosen)

    @property
    def always_yes(self) -> Outcome:
        """What comes of choosing every row."""
        return always_yes(self.labels)

    @property
    def brier(self) -> tuple[float | None, float | None]:
        """The Brier score of the probabilities, and that of the prevalence in training."""
        constant = np.full(len(self.labels), self.prior)
        return brier(self.labels, self.probabilities), brier(self.labels, constant)

    @property
    def calibration_error(self) -> float | None:
        """The expected calibration error over ten equally full bins."""
        return calibration_error(self.labels, self.probabilities)


@dataclass(frozen=True)
class Backtest:
    """Several runs of one plan on one target; `interval` is that of their mean ROC-AUC."""

    target: str
    title: str
    runs: tuple[Run, ...]
    interval: Interval | None
    protocol: str


@dataclass(frozen=True)
class Protocol:
    """How to judge: shuffled repeats (of folds, or of random test shares), or label months."""

    repeats: int = 0
    holdout: float | None = None
    months: int = 0
    placebo: bool = False


def plan_of(ws: Workspace, target: Target) -> Plan:
    """Return the plan of the target's champion; a search of as many trials as that made.

    Raises:
        AlmanacError: the target has no champion.
    """
    champion = artifact.champion(ws, target.name)
    plan = read_plan(champion.card.plan, str(champion.folder / CARD))
    trials = champion.card.trials if plan.searches else None
    return replace(plan, budget=None, trials=trials)


def by_family(plan: Plan, rows: int) -> list[tuple[str, Plan]]:
    """Return the plan, and beside it every family that can be had for so many rows, alone."""
    everything = replace(plan, families=tuple(FAMILIES))
    alone = [(name, replace(plan, families=(name,))) for name in everything.families_for(rows)]
    return [(AS_TRAINED, plan), *alone]


def backtest(ws: Workspace, target: Target, plan: Plan, protocol: Protocol) -> Backtest:
    """Return what the plan is worth on rows that had no part in any choice.

    Families, parameters, samplings, features, calibration and threshold are chosen again in each
    run, from the rows that it is trained on.

    Raises:
        AlmanacError: the protocol does not suit the target, or a part cannot carry a model.
    """
    return backtests(ws, target, [(AS_TRAINED, plan)], protocol)[0]


def backtests(
    ws: Workspace, target: Target, plans: Sequence[tuple[str, Plan]], protocol: Protocol
) -> list[Backtest]:
    """Return what each of the titled plans is worth on the same rows, as `backtest` does."""
    _refuse_unsuitable(target, protocol)
    rows = labelled_rows(ws, target)
    if protocol.placebo:
        rows = _shuffled_labels(rows)
    refuse_poor(rows, customer_groups(rows, merge_equals=not target.temporal), target)
    backtester = _Backtester(rows, target, list(_run_rows(rows, target, protocol)), protocol)
    return [backtester.backtest(title, plan) for title, plan in plans]


def keep_months(ws: Workspace, found: Backtest) -> None:
    """Keep the label months of a backtest of the champion's plan, for the report to show."""
    champion = artifact.champion(ws, found.target)
    months = [month for run in found.runs if (month := _kept(run)) is not None]
    write_months(ws.models / found.target, champion.model_id, months)


def _kept(run: Run) -> BacktestMonth | None:
    """Return what is kept of a run; None where its ROC-AUC has no interval."""
    found = _mean_auc([run])
    if found is None or found.interval is None:
        return None
    positives = int(run.labels.sum())
    return BacktestMonth(
        run.name, len(run.labels), positives, found.value, found.interval, run.baseline
    )


# A run's name, with its pairs of rows to train on and rows to judge.
RunRows = tuple[str, list[tuple[Rows, Rows]]]


@dataclass(frozen=True)
class _Backtester:
    """The rows of a target and how they are to be divided."""

    rows: TrainingSet
    target: Target
    runs: Sequence[RunRows]
    protocol: Protocol

    def backtest(self, title: str, plan: Plan) -> Backtest:
        """Return what the plan is worth."""
        shown = f"{self.target.name} {title}".strip()
        total = sum(len(pairs) for _, pairs in self.runs)
        with Progress(total=total, desc=shown, unit="choice") as bar:
            runs = tuple(self._run(plan, name, pairs, bar) for name, pairs in self.runs)
        said = _said(self.target, self.protocol, len(self.rows))
        mean = _mean_auc(runs)
        return Backtest(self.target.name, title, runs, mean.interval if mean else None, said)

    def _run(self, plan: Plan, name: str, pairs: list[tuple[Rows, Rows]], bar: Progress) -> Run:
        rows, target = self.rows, self.target
        probabilities, chosen = np.zeros(len(rows)), np.zeros(len(rows), dtype=np.bool_)
        fold_of = np.full(len(rows), -1)
        for fold, (train, judged) in enumerate(pairs):
            fold_of[judged] = fold
            kept, own = windowed(rows, train, target, plan)
            training = rows.take(kept)
            cross_fit = CrossFit.of(training, target, own, weights_of(training, own))
            learnt = learn(cross_fit, own, quiet=True)
            probabilities[judged] = learnt.predict(rows_at(rows.matrix, judged))
            chosen[judged] = probabilities[judged] >= learnt.threshold
            bar.update()
        every = np.flatnonzero(fold_of >= 0)
        return Run(
            name=name,
            customers=rows.customers[every],
            labels=rows.labels[every],
            probabilities=probabilities[every],
            chosen=chosen[every],
            fold_of=fold_of[every],
            ranking=missing_last(baseline_ranking(rows, target))[every],
            prior=float(rows.labels[pairs[0][0]].mean()),
        )


def _run_rows(rows: TrainingSet, target: Target, protocol: Protocol) -> Iterator[RunRows]:
    """Yield each run's name with its pairs of rows to train on and rows to judge."""
    if target.temporal:
        for month in _months(rows, target, protocol.months):
            split = temporal(rows.times, target.horizon_months, month)
            yield str(month), [(split.train, split.test)]
        return
    groups = customer_groups(rows, merge_equals=True)
    for number in range(1, protocol.repeats + 1):
        # The first shuffle is not the one that training chose on.
        seed = 1000 + number
        if protocol.holdout is None:
            fold_of = folds(rows.labels, groups, FOLDS, seed)
            yield f"shuffle {number}", list(train_and_held_out(fold_of))
        else:
            slices = folds(rows.labels, groups, _SLICES, seed)
            judged = slices < max(1, round(protocol.holdout * _SLICES))
            yield f"split {number}", [(np.flatnonzero(~judged), np.flatnonzero(judged))]


def _months(rows: TrainingSet, target: Target, count: int) -> list[np.datetime64]:
    """Return the last label months that have a past to learn from."""
    months = np.unique(months_of(rows.times))
    horizon = target.horizon_months
    tested = [m for m in months[-count:] if len(decided_before(rows.times, horizon, m))]
    if not tested:
        temporal(rows.times, target.horizon_months)
    return tested


def _shuffled_labels(rows: TrainingSet) -> TrainingSet:
    """Return the rows with labels shuffled within each month: nothing is left to be learnt."""
    rng, labels = np.random.default_rng(0), rows.labels.copy()
    months = months_of(rows.times)
    for month in np.unique(months):
        of_month = np.flatnonzero(months == month)
        labels[of_month] = rng.permutation(labels[of_month])
    return replace(rows, labels=labels)


def _mean_auc(runs: Sequence[Run]) -> Estimate | None:
    """Return the runs' mean ROC-AUC."""
    labels = np.concatenate([run.labels for run in runs])
    probabilities = np.concatenate([run.probabilities for run in runs])
    fold_of = np.concatenate([run.fold_of + FOLDS * i for i, run in enumerate(runs)])
    customers = np.concatenate([run.customers for run in runs])
    return estimate(roc_auc_statistic(labels, probabilities, fold_of), customers)


def _refuse_unsuitable(target: Target, protocol: Protocol) -> None:
    if target.temporal and not protocol.months:
        raise BadInput(
            f"{target.name} is validated over time: its rows are not shuffled.",
            f"Test more months instead: ml evaluate --target {target.name} --months 3",
            target=target.name,
        )
    if not target.temporal and not protocol.repeats:
        raise BadInput(
            f"{target.name} has no label months to walk through: its source carries no time.",
            f"Shuffle it instead: ml evaluate --target {target.name} --repeats 5",
            target=target.name,
        )


def _said(target: Target, protocol: Protocol, rows: int) -> str:
    """Return the protocol in one line."""
    placebo = "Labels were shuffled: nothing can be learnt. " if protocol.placebo else ""
    chosen = "all choices made anew inside the rows learnt from"
    if target.temporal:
        return (
            f"{placebo}Each month judged by a model of the label months decided before it began "
            f"(horizon in months: {target.horizon_months}); {chosen}."
        )
    how = (
        f"{protocol.repeats} times {FOLDS} shuffled, stratified folds of {rows} rows"
        if protocol.holdout is None
        else f"{protocol.repeats} random stratified splits of {rows} rows, "
        f"{protocol.holdout:.0%} to judge"
    )
    return f"{placebo}{how}; equal customers together; {chosen}; ROC-AUC within each fold."
