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
    roc_auc_of_draws,
)
from ml.pages.report.curves import Floats

PARTS = {"test": "the newest label month, held out", "cv": "cross-validation"}


@dataclass(frozen=True)
class Rows:
    """The rows a model is judged on, and whose; `baseline` is a ranking, missing values last."""

    customers: NDArray[np.int64]
    label: Floats
    probability: Floats
    baseline: Floats | None
    truth: Floats | None
    part: str

    @property
    def positives(self) -> int:
        """How many rows are labelled 1."""
        return int(self.label.sum())

    @property
    def prevalence(self) -> float:
        """The share of rows labelled 1."""
        return float(self.label.mean()) if len(self.label) else 0.0

    @property
    def judged(self) -> bool:
        """Whether both classes occur, without which there is no curve."""
        return 0 < self.positives < len(self.label)


@dataclass(frozen=True)
class Quality:
    """The measures of one ranking; None where undefined or where there is no such ranking."""

    ranked: Estimate | None = None
    precision: float | None = None

    @property
    def auc(self) -> float | None:
        """ROC-AUC."""
        return self.ranked.value if self.ranked else None

    @property
    def interval(self) -> Interval | None:
        """The 95 % interval of ROC-AUC over customers."""
        return self.ranked.interval if self.ranked else None


@dataclass(frozen=True)
class Promise:
    """How true probabilities are: Brier score, that of the prior alone, and calibration error."""

    brier: float
    prior_brier: float
    error: float


def judged_rows(frame: pd.DataFrame, truth: pd.DataFrame | None) -> tuple[Rows, bool]:
    """Return the rows to judge by, and whether the held-out month could not serve.

    These are the test rows; a target without time has only cross-validated ones, and a test
    month that lacks a class leaves nothing to draw.
    """
    if truth is not None:
        frame = frame.merge(truth, on=["customer_id", "event_timestamp"], how="left")
    found = {part: _rows(frame, part) for part in PARTS}
    if found["test"].judged or not len(found["cv"].label):
        return found["test"], False
    return found["cv"], len(found["test"].label) > 0


def _rows(frame: pd.DataFrame, part: str) -> Rows:
    inside = frame[frame["part"] == part]
    baseline = inside["baseline"].to_numpy(np.float64)
    truth = inside["truth"].to_numpy(np.float64) if "truth" in inside else np.array([np.nan])
    return Rows(
        customers=pd.factorize(inside["customer_id"], sort=True)[0].astype(np.int64),
        label=inside["label"].to_numpy(np.float64),
        probability=inside["probability"].to_numpy(np.float64),
        # Ranks stand for the baseline's values: a curve needs no more, and cannot take infinities.
        baseline=None if np.isnan(baseline).all() else rankdata(missing_last(baseline)),
        truth=None if np.isnan(truth).any() else truth,
        part=part,
    )


def qualities(rows: Rows) -> dict[str, Quality]:
    """Return how well the `model`, the `baseline` and the simulator's truth (`limit`) rank."""
    scores = {"model": rows.probability, "baseline": rows.baseline, "limit": rows.truth}
    known = {name: score for name, score in scores.items() if score is not None}
    label = rows.label.astype(np.int8)
    ranked = {name: roc_auc_of_draws(label, score) for name, score in known.items()}
    found = {
        name: Quality(each, average_precision(label, known[name]))
        for name, each in estimates(ranked, rows.customers).items()
    }
    return {name: found.get(name, Quality()) for name in scores}


def promise(rows: Rows, prior: float) -> Promise | None:
    """Return how true the probabilities are; None without rows of both classes."""
    if not rows.judged:
        return None
    label = rows.label.astype(np.int8)
    constant = np.full(len(label), prior)
    found = (
        brier(label, rows.probability),
        brier(label, constant),
        calibration_error(label, rows.probability),
    )
    return Promise(*(value for value in found if value is not None))
