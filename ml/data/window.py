"""Which months a model learns from: all, the last ones, or all with weights by age."""

import re
from dataclasses import dataclass

import numpy as np

from ml.data.split import months_of
from ml.data.training_set import Months, Rows, Vector
from ml.workspace.errors import BadInput

EVERYTHING = "all"
FORM = re.compile(r"(?P<months>[1-9]\d{0,2})|half-life:(?P<half_life>[1-9]\d{0,2})")


@dataclass(frozen=True)
class Window:
    """A window by its name: the last `months`, or weights that halve every `half_life` months."""

    name: str = EVERYTHING
    months: int | None = None
    half_life: int | None = None

    def rows(self, times: Months) -> Rows:
        """Return the positions of the rows in the window, which ends with the newest month."""
        if self.months is None:
            return np.arange(len(times))
        return np.flatnonzero(ages(times) < self.months)

    def weights(self, times: Months) -> Vector | None:
        """Return each row's weight by its age; None where all count alike."""
        return None if self.half_life is None else 0.5 ** (ages(times) / self.half_life)


def parse_window(text: str) -> Window:
    """Return the window of a name: `all`, a number of months, or `half-life:` and a number.

    Raises:
        BadInput: it is none.
    """
    found = FORM.fullmatch(text)
    if text == EVERYTHING:
        return Window()
    if found is None:
        raise BadInput(
            f"There is no training window `{text}`; a window is `all`, a number of months such as "
            "`12`, or weights by age such as `half-life:6`.",
            "Correct it, then: ml train",
        )
    months, half_life = found["months"], found["half_life"]
    return Window(text, int(months) if months else None, int(half_life) if half_life else None)


def ages(times: Months) -> Vector:
    """Return how many months each row lies before the newest."""
    months = months_of(times)
    return np.asarray((months.max() - months).astype(np.int64), dtype=np.float64)
