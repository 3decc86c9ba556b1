"""Values of the shop's customers, distributed and related to decline as in the genuine file."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.simulate.scenario import Doubles, Flags, Floats, Integers, standard_normal
from ml.simulate.shop import Shoppers

CATEGORIES = {
    # Category: weight among customers without and with a propensity to decline.
    "Товары для детей": (0.20, 0.32),
    "Домашний текстиль": (0.18, 0.21),
    "Косметика и аксесуары": (0.13, 0.23),
    "Техника для красоты и здоровья": (0.19, 0.09),
    "Мелкая бытовая техника и электроника": (0.22, 0.02),
    "Кухонная посуда": (0.08, 0.13),
}


@dataclass(frozen=True)
class Traits:
    """Values of n customers; `revenue` is (n, 3) and `minutes` (n, 2), the current month first."""

    service: NDArray[Any]
    may_write: Flags
    active_half_year: Doubles
    active_now: Integers
    days_known: Integers
    promotion_share: Doubles
    category: NDArray[Any]
    categories_a_visit: Integers
    unpaid: Integers
    service_errors: Integers
    pages_a_visit: Integers
    revenue: Doubles
    minutes: Integers
    profit: Doubles

    def take(self, rows: Integers) -> "Traits":
        """Return the traits of `rows`; the profit is not moved, as in the genuine file."""
        moved = {each.name: getattr(self, each.name)[rows] for each in fields(self)}
        return Traits(**(moved | {"profit": self.profit}))


@dataclass(frozen=True)
class _PropensityNoise:
    """Draws values that correlate with the propensity to decline (`propensity`)."""

    random: np.random.Generator
    propensity: Floats

    def correlated(
        self, loading: float, also: Floats | None = None, weight: float = 0.0
    ) -> Doubles:
        """Return standard normal values: `loading` x propensity + `weight` x `also` + noise."""
        noise = standard_normal(self.random, self.propensity.size)
        left = np.sqrt(1 - loading**2 - weight**2)
        value = loading * self.propensity + left * noise
        return np.asarray(value if also is None else value + weight * also, dtype=np.float64)


def draw_traits(random: np.random.Generator, shoppers: Shoppers, members: Integers) -> Traits:
    """Return the values of `members`; decliners browse less, buy on promotion, leave unpaid goods.

    The loadings give each value alone about the AUC it has in the genuine file.
    """
    noisy = _PropensityNoise(random, shoppers.decline[members])
    premium = random.random(members.size) < _share(0.29, 0.06 * noisy.propensity)
    return Traits(
        # Objects, since fixed-width text would cut the misspelt word short.
        service=np.where(premium, "премиум", "стандарт").astype(object),
        may_write=random.random(members.size) < 0.74,
        active_half_year=_decimal(4.25 + 1.0 * noisy.correlated(-0.54), 0.9, 6.6, 1),
        active_now=random.choice([3, 4, 5], members.size, p=[0.237, 0.515, 0.248]),
        days_known=_whole(602 + 270 * noisy.correlated(0.06), 110, 1_079),
        promotion_share=_promotion_share(noisy),
        category=_category(random, noisy.propensity),
        categories_a_visit=_whole(3.27 + 1.35 * noisy.correlated(-0.55), 1, 6),
        unpaid=_whole(2.75 + 2.0 * noisy.correlated(0.45), 0, 10),
        service_errors=_whole(4.2 + 2.0 * noisy.correlated(-0.16), 0, 9),
        pages_a_visit=_whole(8.1 + 4.1 * noisy.correlated(-0.76), 1, 20),
        revenue=_revenue(noisy, shoppers, members),
        minutes=_minutes(noisy, shoppers, members),
        profit=_decimal(4.0 + random.standard_normal(members.size), 0.86, 7.43, 2),
    )


def _whole(value: Doubles, low: int, high: int) -> Integers:
    return np.clip(np.round(value), low, high).astype(np.int64)


def _decimal(value: Doubles, low: float, high: float, places: int) -> Doubles:
    return np.asarray(np.round(np.clip(value, low, high), places), dtype=np.float64)


def _share(level: float, shift: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(np.clip(level + shift, 0.02, 0.98))


def _promotion_share(noisy: _PropensityNoise) -> Doubles:
    """Return mostly shares about a quarter, and near 1 for those who buy only on promotion."""
    hunters = noisy.random.random(noisy.propensity.size) < _share(0.13, 0.08 * noisy.propensity)
    usual = np.clip(0.23 + 0.075 * noisy.correlated(0.55), 0.11, 0.5)
    only = np.clip(0.93 + 0.04 * noisy.correlated(0.0), 0.75, 0.99)
    return _decimal(np.where(hunters, only, usual), 0.11, 0.99, 2)


def _category(random: np.random.Generator, propensity: Floats) -> NDArray[Any]:
    weights = np.array(list(CATEGORIES.values())).T
    bounds = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)[:, :-1]
    of_decliners = random.random(propensity.size) < _share(0.38, 0.25 * propensity)
    draw = random.random(propensity.size)
    chosen = (draw[:, None] > bounds[of_decliners.astype(int)]).sum(axis=1)
    return np.asarray(np.array(list(CATEGORIES), dtype=object)[chosen])


def _revenue(noisy: _PropensityNoise, shoppers: Shoppers, members: Integers) -> Doubles:
    """Return revenue of the current month, the one before and the one before that."""
    engagement, affluence = shoppers.engagement[members], shoppers.affluence[members]
    months = [
        5_243 + 740 * (0.30 * noisy.propensity + 0.6 * affluence + 0.4 * engagement[:, 2]),
        4_945 + 640 * (0.25 * noisy.propensity + 0.6 * affluence + 0.4 * engagement[:, 1]),
        4_825 + 400 * (-0.45 * noisy.propensity + 0.4 * affluence + 0.2 * engagement[:, 0]),
    ]
    noise = standard_normal(noisy.random, members.size, 3) * np.array([520, 420, 250])
    bounds = np.array([[2_758.7, 2_700.0, 2_800.0], [7_799.4, 6_869.5, 5_663.0]])
    shown = np.clip(np.column_stack(months) + noise, *bounds)
    return np.asarray(np.round(shown, 1), dtype=np.float64)


def _minutes(noisy: _PropensityNoise, shoppers: Shoppers, members: Integers) -> Integers:
    """Return minutes on the site in the current month and the one before."""
    engagement = shoppers.engagement[members]
    now = 13.2 + 4.2 * noisy.correlated(-0.61, engagement[:, 2] * np.float32(0.3), 0.3)
    before = 13.5 + 3.95 * noisy.correlated(-0.70, engagement[:, 1] * np.float32(0.3), 0.3)
    return np.column_stack([_whole(now, 4, 23), _whole(before, 5, 23)])
