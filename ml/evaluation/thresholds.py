"""From which probability on to say yes, by a criterion."""

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict

from ml.data.split import train_and_held_out
from ml.data.training_set import Labels, Rows, Vector
from ml.evaluation.metrics import cuts
from ml.workspace.errors import BadInput
from ml.workspace.validation import Number, validated

# One number, or one a threshold.
Counts = NDArray[Any] | np.float64
CRITERIA = ("f1", "accuracy", "precision", "recall", "profit")
# The highest precision is that of one lucky row, the highest recall that of always yes.
LEAST_RECALL = 0.1
WANTED_RECALL = 0.9


@dataclass(frozen=True)
class Costs:
    """What each outcome of a yes or no brings in; what it costs is negative."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    true_positive: Number = 1.0
    false_positive: Number = -1.0
    false_negative: Number = 0.0
    true_negative: Number = 0.0


def read_costs(path: Path) -> Costs:
    """Return the costs in a TOML file.

    Raises:
        AlmanacError: it is absent, no TOML, or holds something else.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read as TOML: {error}", "See docs/models.md.") from error
    return validated(Costs, table, str(path))


@dataclass(frozen=True)
class Outcome:
    """What comes of saying yes from a threshold on: the four counts, and what follows from them."""

    true_positive: Counts
    false_positive: Counts
    false_negative: Counts
    true_negative: Counts

    @property
    def positives(self) -> Counts:
        """How many rows are labelled 1: without any, recall and F1 say nothing."""
        return self.true_positive + self.false_negative

    @property
    def precision(self) -> Counts:
        """The share of positives among the chosen."""
        return self.true_positive / np.maximum(1, self.true_positive + self.false_positive)

    @property
    def recall(self) -> Counts:
        """The share of the chosen among the positives."""
        return self.true_positive / np.maximum(1, self.positives)

    @property
    def f1(self) -> Counts:
        """The harmonic mean of precision and recall."""
        wrong = self.false_positive + self.false_negative
        return 2 * self.true_positive / np.maximum(1, 2 * self.true_positive + wrong)

    @property
    def accuracy(self) -> Counts:
        """The share of right answers."""
        right = self.true_positive + self.true_negative
        return right / np.maximum(1, right + self.false_positive + self.false_negative)

    def profit(self, costs: Costs) -> Counts:
        """Return what all rows bring in together."""
        return sum(
            (getattr(self, each.name) * getattr(costs, each.name) for each in fields(costs)),
            start=np.float64(0),
        )


def outcome(labels: Labels, chosen: NDArray[np.bool_]) -> Outcome:
    """Return what comes of choosing these rows."""
    found, taken, positives = labels[chosen].sum(), chosen.sum(), labels.sum()
    return _outcome(np.float64(found), np.float64(taken), int(positives), len(labels))


def always_yes(labels: Labels) -> Outcome:
    """Return what comes of choosing every row."""
    return outcome(labels, np.ones(len(labels), dtype=np.bool_))


def outcomes(labels: Labels, probabilities: Vector) -> tuple[Vector, Outcome]:
    """Return each distinct probability, falling, and what comes of saying yes from there on."""
    scores, found, taken = cuts(labels, probabilities)
    return scores, _outcome(found, taken, int(labels.sum()), len(labels))


def best_threshold(
    labels: Labels, probabilities: Vector, criterion: str = "f1", costs: Costs | None = None
) -> float:
    """Return the probability from which on saying yes is best by the criterion.

    `precision`: the most precise choice that finds a tenth of the positives; `recall`: the smallest
    that finds nine tenths; `profit`: what brings in most by the costs, which may be nothing at all
    (then the threshold is above 1).
    """
    scores, every = outcomes(labels, probabilities)
    if criterion == "recall":
        return float(scores[np.argmax(every.recall >= WANTED_RECALL)])
    if criterion == "profit":
        costs = costs or Costs()
        none = outcome(labels, np.zeros(len(labels), dtype=np.bool_)).profit(costs)
        worth = every.profit(costs)
        return float(scores[np.argmax(worth)]) if worth.max() > none else np.nextafter(1.0, 2.0)
    worth = getattr(every, criterion)
    if criterion == "precision":
        worth = np.where(every.recall >= LEAST_RECALL, worth, -1.0)
    return float(scores[np.argmax(worth)])


def cross_fitted_choice(
    labels: Labels,
    probabilities: Vector,
    fold_of: Rows,
    criterion: str = "f1",
    costs: Costs | None = None,
) -> NDArray[np.bool_]:
    """Return which rows each fold chooses by the threshold that is best on the other folds."""
    chosen = np.zeros(len(labels), dtype=np.bool_)
    for others, fold in train_and_held_out(fold_of):
        cut = best_threshold(labels[others], probabilities[others], criterion, costs)
        chosen[fold] = probabilities[fold] >= cut
    return chosen


def _outcome(found: Counts, taken: Counts, positives: int, rows: int) -> Outcome:
    return Outcome(found, taken - found, positives - found, rows - taken - positives + found)
