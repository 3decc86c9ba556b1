"""The one_click shop: four files in Russian, with the genuine spellings, order and oddities."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml.simulate.latent import decline_probability
from ml.simulate.market_values import Traits, draw_traits
from ml.simulate.scenario import Doubles, Flags, Integers, Scenario
from ml.simulate.shop import Shoppers

FIRST_ID = 215_348
GENUINE_ROWS = 1_300
# The genuine file's order: runs of decliners and of others alternate; lengths are shares of each
# class.
DECLINED_RUNS, STEADY_RUNS = (400 / 498, 50 / 498, 48 / 498), (48 / 802, 48 / 802, 706 / 802)
COPIED, COPIED_FROM, COPIED_TO = 11, 337, 547
MISSPELT, MISSPELT_FROM = 10, 2
NOTHING_BEFORE = (0, 9, 11)
OUTLIER_ROW, OUTLIER_REVENUE = 32, 106_862.2
LABELS = {True: "Снизилась", False: "Прежний уровень"}
NOW, BEFORE, BEFORE_THAT = "текущий_месяц", "предыдущий_месяц", "препредыдущий_месяц"
BEFORE_MISSPELT = "предыдцщий_месяц"
MONTHS_AGO = {NOW: 0, BEFORE: 1, BEFORE_MISSPELT: 1, BEFORE_THAT: 2}
# In which order a customer's periods stand, and how often in the genuine files.
Orders = tuple[tuple[tuple[str, ...], int], ...]
MONEY_ORDERS: Orders = (
    ((NOW, BEFORE_THAT, BEFORE), 314),
    ((BEFORE_THAT, BEFORE, NOW), 298),
    ((BEFORE, NOW, BEFORE_THAT), 288),
    ((BEFORE, BEFORE_THAT, NOW), 145),
    ((NOW, BEFORE, BEFORE_THAT), 132),
    ((BEFORE_THAT, NOW, BEFORE), 123),
)
TIME_ORDERS: Orders = (((NOW, BEFORE_MISSPELT), 677), ((BEFORE_MISSPELT, NOW), 623))


@dataclass(frozen=True)
class Market:
    """The shop's customers (company-wide indices) in the order of the file; ids ascend."""

    customers: Integers
    ids: Integers
    declined: Flags
    probability: Doubles
    traits: Traits


def draw_market(scenario: Scenario, shoppers: Shoppers, members: Integers) -> Market:
    """Return the shop's customers in the genuine order; a few rows repeat earlier ones."""
    random = scenario.random("market")
    probability = decline_probability(shoppers.decline[members])
    declined = random.random(members.size) < probability
    order = genuine_order(declined)
    source = order[copied_rows(members.size)]
    traits = draw_traits(random, shoppers, members).take(source)
    ids = FIRST_ID + np.arange(members.size)
    market = Market(members[order], ids, declined[source], probability[source], traits)
    _oddities(market)
    return market


def genuine_order(declined: Flags) -> Integers:
    """Return rows in alternating runs of decliners and others, which leaks the label."""
    runs = []
    for kind, shares in ((declined, DECLINED_RUNS), (~declined, STEADY_RUNS)):
        rows = np.flatnonzero(kind)
        cuts = np.round(np.cumsum(shares[:-1]) * rows.size).astype(int)
        runs.append(np.split(rows, cuts))
    return np.concatenate([run for pair in zip(*runs, strict=True) for run in pair])


def copied_rows(rows: int) -> Integers:
    """Return for each row the row whose values it shows: itself, or for a few an earlier one."""
    source = np.arange(rows)
    size = max(1, _scaled(COPIED, rows))
    begin, copy = _scaled(COPIED_FROM, rows), _scaled(COPIED_TO, rows)
    source[copy : copy + size] = source[begin : begin + size]
    return source


def _oddities(market: Market) -> None:
    """Add the misspelt service, customers without earlier revenue, and one outlier."""
    rows = market.ids.size
    service, revenue = market.traits.service, market.traits.revenue
    standard = np.flatnonzero(service == "стандарт")
    service[standard[standard >= MISSPELT_FROM][: max(1, _scaled(MISSPELT, rows))]] = "стандартт"
    shift = 1 + NOTHING_BEFORE[-1]
    for again in range(max(1, rows // GENUINE_ROWS)):
        revenue[np.add(NOTHING_BEFORE, again * shift), 1:] = 0.0
    revenue[OUTLIER_ROW, 0] = OUTLIER_REVENUE


def _scaled(genuine: int, rows: int) -> int:
    return round(genuine * rows / GENUINE_ROWS)


def write_market(scenario: Scenario, root: Path, market: Market) -> dict[str, int]:
    """Write the four files below `root`; return their rows by name."""
    random = scenario.random("market_files")
    traits = market.traits
    revenue = _periods(random, market.ids, MONEY_ORDERS, traits.revenue, "Выручка")
    minutes = _periods(random, market.ids, TIME_ORDERS, traits.minutes, "минут")
    profit = [f"{value:.2f}".rstrip("0").rstrip(".").replace(".", ",") for value in traits.profit]
    frames = {
        "market_file.csv": market_frame(market),
        "market_money.csv": revenue,
        "market_time.csv": minutes,
        "money.csv": pd.DataFrame({"id": market.ids, "Прибыль": profit}),
    }
    for name, frame in frames.items():
        separator = ";" if name == "money.csv" else ","
        frame.to_csv(root / name, sep=separator, index=False, lineterminator="\n")
    return {name: len(frame) for name, frame in frames.items()}


def market_frame(market: Market) -> pd.DataFrame:
    """Return market_file.csv's rows, columns named and ordered as in the genuine file."""
    traits = market.traits
    return pd.DataFrame(
        {
            "id": market.ids,
            "Покупательская активность": np.where(market.declined, LABELS[True], LABELS[False]),
            "Тип сервиса": traits.service,
            "Разрешить сообщать": np.where(traits.may_write, "да", "нет"),
            "Маркет_актив_6_мес": traits.active_half_year,
            "Маркет_актив_тек_мес": traits.active_now,
            "Длительность": traits.days_known,
            "Акционные_покупки": traits.promotion_share,
            "Популярная_категория": traits.category,
            "Средний_просмотр_категорий_за_визит": traits.categories_a_visit,
            "Неоплаченные_продукты_штук_квартал": traits.unpaid,
            "Ошибка_сервиса": traits.service_errors,
            "Страниц_за_визит": traits.pages_a_visit,
        }
    )


def _periods(
    random: np.random.Generator,
    ids: Integers,
    orders: Orders,
    values: NDArray[np.float64] | NDArray[np.int64],
    heading: str,
) -> pd.DataFrame:
    """Return a row a customer and period; periods are in no fixed order, as in genuine files."""
    weights = np.array([weight for _, weight in orders], dtype=np.float64)
    chosen = random.choice(len(orders), ids.size, p=weights / weights.sum())
    names = np.array([periods for periods, _ in orders])[chosen]
    columns = np.array([[MONTHS_AGO[name] for name in periods] for periods, _ in orders])[chosen]
    shown = np.take_along_axis(values, columns, axis=1)
    repeated = np.repeat(ids, names.shape[1])
    return pd.DataFrame({"id": repeated, "Период": names.ravel(), heading: shown.ravel()})
