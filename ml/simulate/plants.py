"""Changes planted in the shop's orders, so that monitoring can be tried on changes that are known.

A plant is a kind and the first month that it changes. What chance decides about plants comes from a
random stream of its own: without plants the company is as it always was, and with them every month
before the first plant is. Rows that a plant does not touch stay byte for byte, but for
`turned-outcome`, with which other customers order, and for the few deliberately bad lines.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.workspace.errors import BadInput
from ml.workspace.suggest import did_you_mean

KINDS = {
    "renamed-code": "the category toys is written `toys & games`",
    "cents": "the amounts of the category electronics are in cents",
    "half-file": "half of this one month's rows are missing",
    "slow-shift": "orders of affluent customers fall by 15 % a month",
    "new-product": "a new category, pets, takes 10 % of the orders",
    "turned-outcome": "who ordered much orders little, and the reverse",
}
OLD_CODE, NEW_CODE = "toys", "toys & games"
IN_CENTS = "electronics"
HALF, SHIFT_A_MONTH = 0.5, 0.85
NEW_CATEGORY, NEW_SHARE = "pets", 0.1
# Items of the new category have numbers from here on, which no other item has.
NEW_ITEMS = 5_000


@dataclass(frozen=True)
class Plants:
    """The planted changes: `since` has each kind's first month, as an index of the calendar."""

    since: Mapping[str, int] = field(default_factory=dict)

    def age(self, kind: str, month: int) -> int:
        """Return in which month of its own `kind` is: 1 in its first, 0 before and without it."""
        return max(0, month + 1 - self.since[kind]) if kind in self.since else 0


def make_plants(texts: Iterable[str], months: Sequence[str]) -> Plants:
    """Return the plants of texts such as `cents@2022-09`.

    Args:
        texts: each a kind and one of the months, `KIND@MONTH`.
        months: the simulated months in order, as `2022-09`.

    Raises:
        BadInput: an unknown kind, a month that is not simulated, or a kind planted twice.
    """
    since: dict[str, int] = {}
    for text in texts:
        kind, _, month = text.partition("@")
        _check(text, kind, month, months)
        if kind in since:
            raise _refused(text, f"{kind} is planted already, since {months[since[kind]]}")
        since[kind] = months.index(month)
    return Plants(since)


def _check(text: str, kind: str, month: str, months: Sequence[str]) -> None:
    if kind not in KINDS:
        known = ", ".join(KINDS)
        raise _refused(text, f"no kind `{kind}`{did_you_mean(kind, KINDS)}. Known: {known}")
    if month not in months:
        raise _refused(
            text,
            f"no month `{month}` is simulated; the first is {months[0]}, the last {months[-1]}",
        )


def _refused(text: str, fault: str) -> BadInput:
    return BadInput(f"plant {text}: {fault}.", "Say KIND@MONTH. See: ml simulate --help")


def direction(plants: Plants, months: Iterable[int]) -> NDArray[np.float32]:
    """Return the sign with which customers' traits count in order rates, one a month: 1 or -1.

    The traits are distributed alike on both sides of 0, and so rates are as before over customers.
    """
    turned = [plants.age("turned-outcome", month) > 0 for month in months]
    return np.where(turned, np.float32(-1), np.float32(1))


def kept_share(plants: Plants, month: int, affluence: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the share of their orders that customers of this `affluence` (n,) keep in `month`.

    An order that half a file lacks counts as none, for labels follow from the files. Orders are
    Poisson, and those kept are again, at the share's part of the rate.
    """
    affluent = SHIFT_A_MONTH ** plants.age("slow-shift", month)
    half = HALF if plants.age("half-file", month) == 1 else 1.0
    return half * np.where(affluence > 0, affluent, 1.0)


def of_new_category(plants: Plants, month: int, draws: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which orders of `month` the new category takes, by one uniform draw an order (n,)."""
    return draws < (NEW_SHARE if plants.age("new-product", month) else 0.0)


def written(
    plants: Plants, month: int, category: NDArray[np.str_], amount: NDArray[np.float64]
) -> tuple[NDArray[np.str_], NDArray[Any]]:
    """Return the orders' categories and amounts (n,) as the file of `month` writes them."""
    if plants.age("cents", month):
        amount = np.where(category == IN_CENTS, np.round(100 * amount), amount)
    if plants.age("renamed-code", month):
        category = np.where(category == OLD_CODE, NEW_CODE, category)
    return category, amount
