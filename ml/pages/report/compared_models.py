"""What training compared the chosen model with, as the model card keeps it."""

from dataclasses import dataclass

from ml.evaluation.bootstrap import Interval
from ml.registry.card import Card
from ml.training.leaderboard import is_trivial


@dataclass(frozen=True)
class ComparedModel:
    """One row of the comparison: a family at its best, or an answer without a model.

    Measures are out of fold. `gain` is the chosen model's ROC-AUC minus this one's; intervals are
    at 95 %.
    """

    name: str
    chosen: bool
    auc: float
    interval: Interval
    gain: float
    gain_interval: Interval
    pr_auc: float
    brier: float | None

    @property
    def label(self) -> str:
        """What it is, in words."""
        return self.name.partition(": ")[0].replace("_", " ")

    @property
    def feature(self) -> str:
        """The single feature that answers; empty where it is not told or there is none."""
        return self.name.partition(": ")[2]

    @property
    def is_model(self) -> bool:
        """Whether it was fitted; single features and the constant answer were not."""
        return not is_trivial(self.name)


def read_compared_models(card: Card) -> tuple[ComparedModel, ...]:
    """Return the comparison of the card, best first; entries without an interval are left out.

    Cards of earlier versions have no comparison: the result is empty.
    """
    return tuple(
        ComparedModel(
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
