"""The model card: what an artifact says of its model, one schema for writing and reading."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from ml.data.feature import Feature
from ml.evaluation.measured import Measured
from ml.workspace.baseline import Baseline
from ml.workspace.errors import NotTrained
from ml.workspace.validation import wrong_fields

Interval = tuple[float, float]
# The ROC-AUC of a coin.
CHANCE = 0.5


class _Record(BaseModel):
    # Older cards hold fields that nothing reads any more.
    model_config = ConfigDict(frozen=True, extra="ignore")


class Calibration(_Record):
    """What makes calibrated log-odds of the model's margins."""

    slope: float = 1.0
    intercept: float = 0.0


class LeaderboardEntry(_Record):
    """A family's best, or a trivial answer, out of fold; `gain` is the chosen model's on it.

    Intervals hold 95 % of bootstraps over customers; None where a class has one customer.
    """

    name: str
    chosen: bool
    roc_auc: float
    roc_auc_interval: Interval | None
    gain: float
    gain_interval: Interval | None
    pr_auc: float
    brier: float | None


class Member(_Record):
    """A fitted model inside the one chosen: its family, parameters and sampling of classes."""

    family: str
    parameters: Mapping[str, Any]
    sampling: str


# Candidates with their cross-validated ROC-AUC.
Tried = Sequence[tuple[Member, float]]


class Card(_Record):
    """A model's card. Cards of earlier versions lack what has a default here.

    `metrics` has the held-out rows by what they are: `cv` (out of fold), `test` (newest month).
    `candidates` has the cross-validated ROC-AUC of each family's best. `plan` is what training was
    asked to try, `protocol` how the model was judged, in sentences; `dataset` the id of the
    training set, `training_set_hash` that of its rows and `manifest_hash` that of the dbt project.
    """

    target: str
    model_id: str
    family: str
    features: tuple[Feature, ...]
    threshold: float
    criterion: str = "f1"
    calibration: Calibration = Calibration()
    prevalence: float
    training_rows: int
    training_positives: int
    metrics: Mapping[str, Measured]
    baseline: Baseline | None = None
    candidates: Mapping[str, float] = {}
    comparison: tuple[LeaderboardEntry, ...] = ()
    members: tuple[Member, ...] = ()
    plan: Mapping[str, Any] = {}
    trials: int = 0
    protocol: tuple[str, ...]
    dataset: str | None = None
    training_set_hash: str
    manifest_hash: str
    packages: Mapping[str, str]

    @property
    def held_out(self) -> str:
        """Which rows the model is judged by: `test` where there is a test month, else `cv`."""
        return "test" if "test" in self.metrics else "cv"

    @property
    def judged(self) -> Measured:
        """What was measured on the rows that the model is judged by."""
        return self.metrics[self.held_out]

    @property
    def is_no_better_than_chance(self) -> bool:
        """Whether its ROC-AUC on the held-out rows is 0.5 or less; false where there is none."""
        found = self.judged.value("roc_auc")
        return found is not None and found <= CHANCE

    def record(self) -> dict[str, Any]:
        """Return the card for JSON; `parse_card` reads it."""
        return self.model_dump()


def parse_card(text: str, path: Path, cure: str) -> Card:
    """Return the card in the JSON text.

    Raises:
        AlmanacError: it is no card; the fields that are wrong are named.
    """
    try:
        return Card.model_validate_json(text)
    except ValidationError as error:
        what = wrong_fields(error, f"{path} cannot be read")
        raise NotTrained(what, cure, target=path.parent.parent.name) from error
