"""What was tried beside the chosen model, as the card keeps it."""

from dataclasses import dataclass

from ml.evaluation.bootstrap import Interval
from ml.registry.card import Card
from ml.training.leaderboard import BASELINE, NOTHING


@dataclass(frozen=True)
class Rival:
    """A family's best, or a trivial answer, out of fold; `gain` is the chosen model's on it."""

    name: str
    chosen: bool
    auc: float
    interval: Interval
    gain: float
    gain_interval: Interval
    pr_auc: float
    brier: float | None

    @property
    def title(self) -> str:
        """The name in words."""
        return self.name.replace("_", " ")

    @property
    def is_model(self) -> bool:
        """Whether it was fitted; else it is a trivial answer."""
        return self.name not in (BASELINE, NOTHING)


def read_rivals(card: Card) -> tuple[Rival, ...]:
    """Return what the card compares, best first; those without an interval left out.

    A card of an earlier version compares nothing.
    """
    return tuple(
        Rival(
            name=each.name,
            chosen=each.chosen,
            auc=each.roc_auc,
            interval=each.roc_auc_interval,
            gain=each.gain,
            gain_interval=each.gain_interval,
            pr_auc=each.pr_auc,
            brier=each.brier,
        )
        for each in card.comparison
        if each.roc_auc_interval and each.gain_interval
    )
