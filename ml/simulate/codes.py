"""The bank's codes: the kinds of events, and how each form of the files writes them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int32]

SLOTS = 256
COLUMNS = (
    "event_type",
    "event_subtype",
    "currency",
    "src_type11",
    "src_type12",
    "dst_type11",
    "dst_type12",
)
# Weight, log amount relative to the customer's level, then the codes in the order of COLUMNS.
# The pairings of type with subtype and of *11 with *12 are those of the genuine records.
EVERYDAY = (
    (150, 0.0, 1, 1, 1, 1, 1, 1, 1),
    (24, 0.2, 1, 1, 1, 5, 10, 2, 2),
    (4, 0.2, 1, 1, 2, 1, 1, 1, 1),
    (30, -2.0, 11, 12, 1, 1, 1, 2, 4),
    (8, -1.0, 7, 7, 1, 5, 18, 12, 16),
    (6, -0.5, 9, 9, 1, 3, 10, 3, 3),
    (6, 0.1, 12, 10, 1, 4, 42, 6, 15),
    (5, 0.5, 18, 19, 1, 5, 10, 11, 23),
    (4, 0.3, 20, 21, 1, 3, 10, 6, 7),
    (4, 0.9, 23, 28, 1, 12, 26, 14, 32),
    (3, -0.8, 1, 1, 3, 1, 1, 7, 8),
    (2, -0.3, 26, 30, 1, 4, 11, 16, 33),
    (2, 0.6, 27, 31, 1, 1, 1, 17, 35),
    (2, 0.4, 30, 36, 1, 7, 15, 18, 38),
    (2, -1.2, 33, 40, 2, 1, 1, 20, 41),
    (1, 1.4, 38, 47, 1, 8, 21, 24, 52),
    (1, 0.7, 45, 53, 4, 2, 6, 29, 60),
    (1, -0.2, 52, 61, 1, 9, 30, 33, 71),
    (1, 1.0, 54, 66, 5, 1, 1, 39, 75),
)
# The kinds that grow in number and amount with the need for a product, product after product.
NEEDFUL = (
    ((190, 0.3, 2, 2, 1, 7, 15, 2, 2), (66, 0.0, 6, 6, 1, 5, 18, 6, 7)),
    ((200, 0.1, 4, 4, 1, 1, 1, 4, 5), (56, 0.4, 15, 15, 1, 5, 16, 12, 16)),
    ((210, -0.4, 14, 13, 1, 5, 10, 8, 9), (46, -0.2, 14, 13, 1, 1, 1, 8, 9)),
    ((150, 0.5, 3, 3, 1, 4, 11, 3, 3), (106, 0.3, 24, 25, 1, 5, 18, 14, 31)),
)


@dataclass(frozen=True)
class KindTable:
    """Log amounts and codes by event kind, at index `group * SLOTS + slot`.

    A kind takes as many slots as its weight, so a uniformly drawn slot draws kinds by weight.
    """

    amount: NDArray[np.float32]
    codes: dict[str, Codes]


def kind_table(form: str) -> KindTable:
    """Return the table of event kinds: group 0 is everyday, group p the kinds of product p."""
    rows = [row for group in (EVERYDAY, *NEEDFUL) for row in group for _ in range(row[0])]
    codes = np.array([row[2:] for row in rows], dtype=np.int32)
    named = {name: as_written(codes[:, i], form) for i, name in enumerate(COLUMNS)}
    return KindTable(np.array([row[1] for row in rows], dtype=np.float32), named)


def as_written(codes: Codes, form: str) -> Codes:
    """Return codes as `form` writes them: `detail` swaps each odd code with the next even one.

    The genuine forms differ in their codes too; reading one with the codes of the other must show.
    """
    return codes if form == "ptls" else ((codes - 1) ^ 1) + 1
