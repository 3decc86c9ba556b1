"""What an artifact says of its model: the card, the protocol, the held-out predictions."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ml.artifact import package_versions
from ml.config import Workspace
from ml.dataset.manifest import Manifest
from ml.learn import FOLDS
from ml.matrix import Rows, TrainingSet, Vector
from ml.metrics import Measured, measure, roc_auc
from ml.models import Model
from ml.split import Split, months_of
from ml.targets import Target
from ml.warehouse import open_warehouse


@dataclass(frozen=True)
class Fitted:
    """The chosen model, the rows it learnt from, and every family's out-of-fold predictions."""

    model: Model
    training: TrainingSet
    trials: Mapping[str, Vector]
    threshold: float

    @property
    def prior(self) -> float:
        """The share of positives among the training rows."""
        return self.training.positives / len(self.training)

    @property
    def names(self) -> list[str]:
        """The features' names in the model's order."""
        return [feature.name for feature in self.training.features]

    @property
    def candidates(self) -> dict[str, float | None]:
        """Each family's cross-validated ROC-AUC."""
        return {name: roc_auc(self.training.labels, p)[0] for name, p in self.trials.items()}


@dataclass(frozen=True)
class Judged:
    """Rows with predictions made by models that never saw their customers (cv) or month (test)."""

    part: str
    data: TrainingSet
    probabilities: Vector
    baseline: Vector
    chosen: NDArray[np.bool_]
    fold: Rows

    def measured(self, prior: float) -> Measured:
        """Return the metrics of these rows; `prior` is the prevalence in training."""
        return measure(
            self.data.labels,
            self.probabilities,
            prior=prior,
            chosen=self.chosen,
            baseline=self.baseline,
        )


def card(
    dataset: Manifest, fitted: Fitted, judged: Sequence[Judged], split: Split
) -> dict[str, Any]:
    """Return the model's card: what it is, what it was made of and how good it is."""
    target = dataset.target
    training, digest = fitted.training, fitted.training.digest()
    return {
        "target": target.name,
        "model_id": _model_id(target.name, digest, fitted),
        "family": fitted.model.family,
        "features": [asdict(feature) for feature in training.features],
        "threshold": fitted.threshold,
        "prevalence": fitted.prior,
        "training_rows": len(training),
        "training_positives": training.positives,
        "metrics": {each.part: asdict(each.measured(fitted.prior)) for each in judged},
        "baseline": asdict(target.baseline) if target.baseline else None,
        "candidates": fitted.candidates,
        "protocol": _protocol(target, fitted, split),
        "dataset": dataset.id,
        "training_set_hash": digest,
        "manifest_hash": dataset.manifest_hash,
        "packages": package_versions(),
    }


def predictions_table(judged: Sequence[Judged]) -> pa.Table:
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
                "fold": pa.array(each.fold, pa.int32()),
            }
        )
        for each in judged
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
    whole = "\n".join((digest, fitted.model.text(), *fitted.names))
    return f"{target}-{hashlib.sha256(whole.encode()).hexdigest()[:10]}"


def _protocol(target: Target, fitted: Fitted, split: Split) -> list[str]:
    tried = ", ".join(f"{name} {auc:.3f}" for name, auc in fitted.candidates.items() if auc)
    chosen = f"Cross-validated ROC-AUC on training rows: {tried}."
    if split.test_month is None:
        folds = (
            f"{FOLDS} shuffled, stratified folds, equal customers together; every row is judged "
            "by a model that did not see it."
        )
        return [folds, chosen]
    months = months_of(fitted.training.times)
    return [
        f"Tested on label month {split.test_month}, trained on {months.min()} to {months.max()}, "
        f"whose labels were decided before it began (horizon in months: {target.horizon_months}).",
        f"{FOLDS} folds inside the training months, a customer's rows all in one.",
        chosen,
    ]
