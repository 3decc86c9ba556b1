"""What training tells of a model: its card, its held-out predictions, its features' importance."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ml.data.feature import Feature
from ml.data.split import Split, months_of
from ml.data.training_set import Matrix, Rows, TrainingSet, Vector, evenly
from ml.dataset.recipe import Manifest
from ml.evaluation.measured import Measured
from ml.evaluation.metrics import measure
from ml.evaluation.thresholds import cross_fitted_choice
from ml.registry.artifact import package_versions
from ml.registry.card import Calibration, Card, Member
from ml.training.crossfit import FOLDS, is_elsewhere
from ml.training.ensemble import Learnt
from ml.training.leaderboard import leaderboard
from ml.training.plan import Plan
from ml.workspace.settings import Workspace
from ml.workspace.targets import Target
from ml.workspace.warehouse import open_warehouse

_SAMPLE = 2_000


@dataclass(frozen=True)
class Fitted:
    """What was learnt, the rows it was learnt from, and the plan that it follows."""

    learnt: Learnt
    training: TrainingSet
    plan: Plan

    @property
    def prior(self) -> float:
        """The share of positives among the training rows."""
        return self.training.positives / len(self.training)

    @property
    def features(self) -> list[Feature]:
        """The model's inputs in its own order."""
        return [self.training.features[column] for column in self.learnt.columns]

    @property
    def names(self) -> list[str]:
        """The features' names in the model's order."""
        return [feature.name for feature in self.features]

    @property
    def candidates(self) -> dict[str, float]:
        """The cross-validated ROC-AUC of each family's best, and of what was chosen."""
        every = {trial.candidate.family: trial.auc for trial in self.learnt.best}
        return every | {self.learnt.model.family: self.learnt.auc}

    def sample(self) -> Matrix:
        """Return the model's inputs in at most 2,000 training rows, evenly spaced."""
        return evenly(self.training.matrix, _SAMPLE)[:, self.learnt.columns]


@dataclass(frozen=True)
class HeldOut:
    """Rows with predictions of models that never saw their customers (cv) or month (test)."""

    part: str
    data: TrainingSet
    probabilities: Vector
    baseline: Vector
    chosen: NDArray[np.bool_]
    fold_of: Rows

    @classmethod
    def cross_validated(cls, fitted: Fitted, baseline: Vector) -> "HeldOut":
        """Return the training rows, each fold chosen by the threshold of the other folds."""
        learnt, plan = fitted.learnt, fitted.plan
        labels, probabilities = fitted.training.labels, learnt.probabilities
        chosen = cross_fitted_choice(
            labels, probabilities, learnt.fold_of, plan.criterion, plan.costs
        )
        return cls("cv", fitted.training, probabilities, baseline, chosen, learnt.fold_of)

    @classmethod
    def of_test_month(cls, learnt: Learnt, data: TrainingSet, baseline: Vector) -> "HeldOut":
        """Return the rows of the test month, chosen by the model's threshold."""
        probabilities, no_fold = learnt.predict(data.matrix), np.full(len(data), -1)
        chosen = probabilities >= learnt.threshold
        return cls("test", data, probabilities, baseline, chosen, no_fold)

    def measured(self, prior: float) -> Measured:
        """Return the metrics of these rows; `prior` is the prevalence in training."""
        return measure(
            self.data.labels,
            self.probabilities,
            prior=prior,
            chosen=self.chosen,
            baseline=self.baseline,
        )


def card_of(dataset: Manifest, fitted: Fitted, held_out: Sequence[HeldOut], split: Split) -> Card:
    """Return the model's card: what it is, what it was made of and how good it is."""
    target = dataset.target
    training, learnt, digest = fitted.training, fitted.learnt, fitted.training.digest()
    return Card(
        target=target.name,
        model_id=_model_id(target.name, digest, fitted),
        family=learnt.model.family,
        features=tuple(fitted.features),
        threshold=learnt.threshold,
        criterion=fitted.plan.criterion,
        calibration=Calibration(slope=learnt.model.slope, intercept=learnt.model.intercept),
        prevalence=fitted.prior,
        training_rows=len(training),
        training_positives=training.positives,
        metrics={each.part: each.measured(fitted.prior) for each in held_out},
        baseline=target.baseline,
        candidates=fitted.candidates,
        comparison=tuple(leaderboard(learnt, training, held_out[0].baseline)),
        members=tuple(Member(**asdict(member)) for member in learnt.members),
        plan=fitted.plan.record(),
        trials=len(learnt.tried),
        protocol=tuple(_protocol(target, fitted, split)),
        dataset=dataset.id,
        training_set_hash=digest,
        manifest_hash=dataset.manifest_hash,
        packages=package_versions(),
    )


def predictions_table(held_out: Sequence[HeldOut]) -> pa.Table:
    """Return the held-out rows with label, probability and baseline, and which part they are of."""
    return pa.concat_tables(
        pa.table(
            {
                "customer_id": pa.array(each.data.customers, pa.string()),
                "event_timestamp": pa.array(each.data.times, pa.timestamp("us")),
                "label": pa.array(each.data.labels, pa.int32()),
                "probability": each.probabilities,
                "baseline": pa.array(each.baseline, pa.float64(), from_pandas=True),
                "part": pa.array([each.part] * len(each.data), pa.string()),
                "fold": pa.array(each.fold_of, pa.int32()),
            }
        )
        for each in held_out
    )


def described(ws: Workspace, entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return importance entries with each feature's description in the catalogue, `""` if none."""
    with open_warehouse(ws.warehouse) as connection:
        try:
            query = "select name, description from marts.dim_features"
            texts = dict(connection.execute(query).fetchall())
        except duckdb.CatalogException:
            texts = {}
    return [{**entry, "description": texts.get(entry["feature"]) or ""} for entry in entries]


def _model_id(target: str, digest: str, fitted: Fitted) -> str:
    model = fitted.learnt.model
    text = "\n".join((digest, repr((model.slope, model.intercept)), *fitted.names))
    whole = hashlib.sha256(text.encode() + model.content())
    return f"{target}-{whole.hexdigest()[:10]}"


def _protocol(target: Target, fitted: Fitted, split: Split) -> list[str]:
    share = f"Learnt from and judged on {target.customers:.2%} of the customers, chosen by hash."
    sample = [share] if target.customers < 1 else []
    if split.test_month is None:
        folds = (
            f"{FOLDS} shuffled, stratified folds, equal customers together; every row is judged "
            "by a model that did not see it."
        )
        return [*sample, folds, *_choice(fitted)]
    months = months_of(fitted.training.times)
    return [
        *sample,
        f"Tested on label month {split.test_month}, trained on {months.min()} to {months.max()}, "
        f"whose labels were decided before it began (horizon in months: {target.horizon_months}).",
        *([f"Training window: {fitted.plan.windows[0]}."] if fitted.plan.windows else []),
        f"{FOLDS} folds inside the training months, a customer's rows all in one.",
        *_choice(fitted),
    ]


def _choice(fitted: Fitted) -> list[str]:
    """Return what the choice was between, and what that does to the folds' own figures."""
    tried = ", ".join(f"{name} {auc:.3f}" for name, auc in fitted.candidates.items())
    left_out = fitted.plan.left_out(len(fitted.training))
    learnt, data, seed = fitted.learnt, fitted.training, fitted.plan.seed
    away = [m for m in learnt.members if is_elsewhere(m, data, learnt.columns, seed)]
    said = f"Cross-validated ROC-AUC on training rows, best of {len(fitted.learnt.tried)} trials: "
    return [
        f"{said}{tried}.",
        "The choice was made on these folds, which flatters it a little; ml evaluate --repeats and "
        "--months choose anew inside.",
        *(f"{member.family} was fitted by Spark's executors, beyond memory." for member in away),
        *([f"Left out: {', '.join(left_out)}."] if left_out else []),
    ]
