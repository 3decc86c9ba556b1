"""The rows that a model is judged on, and how well it ranks them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from ml.evaluation.bootstrap import Estimate, Interval, estimates
from ml.evaluation.metrics import (
    average_precision,
    brier,
    calibration_error,
    missing_last,
    roc_auc_statistic,
)
from ml.pages.report.curves import Floats

# Values of the column `part` of an artifact's predictions, in words.
SPLITS = {"test": "the newest label month, held out", "cv": "cross-validation"}


@dataclass(frozen=True)
class JudgedRows:
    """The rows that a model is judged on, one entry a row in every array.

    Attributes:
        customers: a number for each customer.
        label: 0 or 1.
        probability: what the model predicted.
        baseline: the rank of the baseline feature's value, missing ones last; None without one.
        truth: the simulator's true probability; None where it is not known for every row.
        split: which rows they are, a key of SPLITS.
    """

    customers: NDArray[np.int64]
    label: Floats
    probability: Floats
    baseline: Floats | None
    truth: Floats | None
    split: str

    @property
    def positives(self) -> int:
        """How many rows are labelled 1."""
        return int(self.label.sum())

    @property
    def prevalence(self) -> float:
        """The share of rows labelled 1."""
        return float(self.label.mean()) if len(self.label) else 0.0

    @property
    def has_both_classes(self) -> bool:
        """Whether there are positives and negatives, without which no curve can be drawn."""
        return 0 < self.positives < len(self.label)


@dataclass(frozen=True)
class RankingQuality:
    """The measures of one ranking; None where undefined or where there is no such ranking."""

    roc_auc: Estimate | None = None
    average_precision: float | None = None

    @property
    def auc(self) -> float | None:
        """ROC-AUC."""
        return self.roc_auc.value if self.roc_auc else None

    @property
    def interval(self) -> Interval | None:
        """The 95 % interval of ROC-AUC over customers."""
        return self.roc_auc.interval if self.roc_auc else None


@dataclass(frozen=True)
class CalibrationMeasures:
    """Brier score, that of always answering the prior, and expected calibration error (ECE)."""

    brier: float
    prior_brier: float
    calibration_error: float


def judged_rows(frame: pd.DataFrame, truth: pd.DataFrame | None) -> tuple[JudgedRows, bool]:
    """Return the rows to judge the model on, and whether the held-out month was unusable.

    The test rows are taken where they have both classes. A target without time has no test rows,
    and a test month that lacks a class allows no curve: then the cross-validated rows are taken.

    Args:
        frame: the predictions of an artifact.
        truth: the simulator's true probabilities; None for a real company.
    """
    if truth is not None:
        frame = frame.merge(truth, on=["customer_id", "event_timestamp"], how="left")
    found = {split: _rows(frame, split) for split in SPLITS}
    if found["test"].has_both_classes or not len(found["cv"].label):
        return found["test"], False
    return found["cv"], len(found["test"].label) > 0


def _rows(frame: pd.DataFrame, split: str) -> JudgedRows:
    inside = frame[frame["part"] == split]
    baseline = inside["baseline"].to_numpy(np.float64)
    truth = inside["truth"].to_numpy(np.float64) if "truth" in inside else np.array([np.nan])
    return JudgedRows(
        customers=pd.factorize(inside["customer_id"], sort=True)[0].astype(np.int64),
        label=inside["label"].to_numpy(np.float64),
        probability=inside["probability"].to_numpy(np.float64),
        # Ranks stand for the baseline's values: a curve needs no more, and cannot take infinities.
        baseline=None if np.isnan(baseline).all() else rankdata(missing_last(baseline)),
        truth=None if np.isnan(truth).any() else truth,
        split=split,
    )


def ranking_qualities(rows: JudgedRows) -> dict[str, RankingQuality]:
    """Return how well the `model`, the `baseline` and the simulator's truth (`limit`) rank."""
    scores = {"model": rows.probability, "baseline": rows.baseline, "limit": rows.truth}
    known = {name: score for name, score in scores.items() if score is not None}
    label = rows.label.astype(np.int8)
    weighted_auc = {name: roc_auc_statistic(label, score) for name, score in known.items()}
    found = {
        name: RankingQuality(each, average_precision(label, known[name]))
        for name, each in estimates(weighted_auc, rows.customers).items()
    }
    return {name: found.get(name, RankingQuality()) for name in scores}


def calibration_measures(rows: JudgedRows, prior: float) -> CalibrationMeasures | None:
    """Return how well the probabilities are calibrated; None without rows of both classes.

    Args:
        rows: the judged rows.
        prior: the prevalence of the training rows, the answer of a model without features.
    """
    if not rows.has_both_classes:
        return None
    label = rows.label.astype(np.int8)
    constant = np.full(len(label), prior)
    found = (
        brier(label, rows.probability),
        brier(label, constant),
        calibration_error(label, rows.probability),
    )
    return CalibrationMeasures(*(value for value in found if value is not None))
