"""Reasons for a score: the features with the largest contributions to it, in words."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ml.data.mapped import blocks
from ml.data.training_set import Matrix

if TYPE_CHECKING:
    # What explains a model need not import the libraries of all.
    from ml.models import Model
    from ml.registry.artifact import Artifact

REASONS = 3
DRIVERS = 10
MOST_CONTRIBUTIONS = 50
_EFFECTS = {True: "raises", False: "lowers"}
_GENERALLY = {"up": "; more raises it", "down": "; more lowers it"}
_YES_OR_NO = "Whether "


class Meaning(NamedTuple):
    """A feature's catalogue description, the direction of its effect, and its importance.

    `direction` is `up` where larger values raise the prediction, `down` where they lower it, else
    `mixed`. `share` is the feature's share of all contributions, 0 to 1.
    """

    description: str
    direction: str
    share: float

    @property
    def is_answer(self) -> bool:
        """Whether the feature is a yes (1) or no (0), and not a quantity."""
        return self.description.startswith(_YES_OR_NO)

    @property
    def subject(self) -> str:
        """The description as the subject of a sentence, without what follows a semicolon."""
        text = self.description.removeprefix(_YES_OR_NO).split(";")[0].strip().rstrip(".")
        # An acronym at the beginning stays one.
        return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def meanings(artifact: "Artifact") -> list[Meaning]:
    """Return description, direction and importance of each feature, in the model's order."""
    importance = {str(entry["feature"]): entry for entry in artifact.importance()}
    found = []
    for feature in artifact.features:
        entry = importance.get(feature.name, {})
        description = str(entry.get("description") or feature.name)
        direction, share = str(entry.get("direction", "mixed")), float(entry.get("importance", 0))
        found.append(Meaning(description, direction, share))
    return found


def drivers(meanings: Sequence[Meaning], most: int = DRIVERS) -> list[str]:
    """Return the effects of the most important features in words, the most important first.

    Features without a single direction are left out.
    """
    ranked = sorted((each for each in meanings if each.share), key=lambda each: -each.share)
    return [text for each in ranked if (text := direction_text(each))][:most]


def reasons(
    model: "Model", matrix: Matrix, meanings: Sequence[Meaning], most: int = REASONS
) -> Iterator[list[str]]:
    """Yield for each row the largest contributions to its log-odds in words, the largest first."""
    columns = most_important(meanings)
    for block in blocks(len(matrix)):
        rows = matrix[block]
        added = model.contributions(rows, columns)
        for values, moved, row in zip(rows, added, strongest(added, most), strict=True):
            yield [reason_text(meanings[i], float(values[i]), moved[i]) for i in row if moved[i]]


def most_important(meanings: Sequence[Meaning], most: int = MOST_CONTRIBUTIONS) -> list[int]:
    """Return the ascending positions of the most important features, at most `most`.

    Models without exact contributions compute only these, with one more prediction per feature.
    """
    shares = np.array([each.share for each in meanings])
    return sorted(int(i) for i in np.argsort(-shares, kind="stable")[:most])


def strongest(added: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    """Return each row's columns of largest absolute value, at most `most`, the largest first."""
    return np.argsort(-np.abs(added), axis=1, kind="stable")[:, :most]


def reason_text(meaning: Meaning, value: float, added: float) -> str:
    """Return one reason: the feature's value, and whether it raises or lowers the probability."""
    text = (
        f"{meaning.subject}: {_value_text(meaning, value)}, {_EFFECTS[added > 0]} the probability"
    )
    if meaning.is_answer or np.isnan(value):
        return text
    return text + _GENERALLY.get(meaning.direction, "")


def direction_text(meaning: Meaning) -> str:
    """Return the effect of larger values in words, `""` where there is no single direction."""
    if meaning.direction not in _GENERALLY:
        return ""
    if meaning.is_answer:
        return f"{meaning.subject}: {_EFFECTS[meaning.direction == 'up']} the probability"
    higher = "higher" if meaning.direction == "up" else "lower"
    return f"{meaning.subject}: the more, the {higher} the probability"


def _value_text(meaning: Meaning, value: float) -> str:
    if np.isnan(value):
        return "unknown"
    if meaning.is_answer and value in (0, 1):
        return "yes" if value else "no"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
