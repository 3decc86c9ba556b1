"""Why a score is what it is: the features that moved it most, in words."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ml.data.training_set import Matrix, blocks
from ml.models import Model
from ml.registry.artifact import Artifact

REASONS = 3
DRIVERS = 10
ASKED = 50
_EFFECTS = {True: "raises", False: "lowers"}
_GENERALLY = {"up": "; more raises it", "down": "; more lowers it"}
_YES_OR_NO = "Whether "


class Meaning(NamedTuple):
    """What a feature says: its catalogue description, where larger values lead, and how far.

    `share` is its part of all contributions, 0 to 1.
    """

    description: str
    direction: str
    share: float

    @property
    def is_answer(self) -> bool:
        """Whether the feature says yes (1) or no (0) instead of how much."""
        return self.description.startswith(_YES_OR_NO)

    @property
    def subject(self) -> str:
        """The description as part of a sentence, without its remarks."""
        text = self.description.removeprefix(_YES_OR_NO).split(";")[0].strip().rstrip(".")
        # An acronym at the beginning stays one.
        return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def meanings(artifact: Artifact) -> list[Meaning]:
    """Return what each feature of the model means, in the model's order."""
    told = {str(entry["feature"]): entry for entry in artifact.importance()}
    found = []
    for feature in artifact.features:
        entry = told.get(feature.name, {})
        description = str(entry.get("description") or feature.name)
        direction, share = str(entry.get("direction", "mixed")), float(entry.get("importance", 0))
        found.append(Meaning(description, direction, share))
    return found


def drivers(means: Sequence[Meaning], most: int = DRIVERS) -> list[str]:
    """Return where the features that matter most lead in general, in words, the strongest first.

    Features whose larger values lead now one way, now the other, are left out.
    """
    ranked = sorted((each for each in means if each.share), key=lambda each: -each.share)
    return [said for each in ranked if (said := in_general(each))][:most]


def reasons(
    model: Model, matrix: Matrix, means: Sequence[Meaning], most: int = REASONS
) -> Iterator[list[str]]:
    """Yield for each row what moved its log-odds most, in words, the strongest first."""
    asked = telling(means)
    for block in blocks(len(matrix)):
        part = matrix[block]
        added = model.contributions(part, asked)
        for values, moved, row in zip(part, added, strongest(added, most), strict=True):
            yield [in_words(means[i], float(values[i]), moved[i]) for i in row if moved[i]]


def telling(means: Sequence[Meaning], most: int = ASKED) -> list[int]:
    """Return the positions of the features that matter most in general, at most `most`, in order.

    Models without exact contributions are asked about these alone, a prediction each.
    """
    shares = np.array([each.share for each in means])
    return sorted(int(i) for i in np.argsort(-shares, kind="stable")[:most])


def strongest(added: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    """Return each row's columns of largest absolute value, at most `most`, the largest first."""
    return np.argsort(-np.abs(added), axis=1, kind="stable")[:, :most]


def in_words(means: Meaning, value: float, added: float) -> str:
    """Return one reason: what the feature is here, and what that does to the probability."""
    said = f"{means.subject}: {_known(means, value)}, {_EFFECTS[added > 0]} the probability"
    if means.is_answer or np.isnan(value):
        return said
    return said + _GENERALLY.get(means.direction, "")


def in_general(means: Meaning) -> str:
    """Return where larger values of the feature lead, `""` where that depends."""
    if means.direction not in _GENERALLY:
        return ""
    if means.is_answer:
        return f"{means.subject}: {_EFFECTS[means.direction == 'up']} the probability"
    higher = "higher" if means.direction == "up" else "lower"
    return f"{means.subject}: the more, the {higher} the probability"


def _known(means: Meaning, value: float) -> str:
    if np.isnan(value):
        return "unknown"
    if means.is_answer and value in (0, 1):
        return "yes" if value else "no"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
