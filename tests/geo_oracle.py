"""What every feature of a customer's positions must be, in plain Python: from raw positions alone.

Nothing here knows how the warehouse computes them: each value is made by looking at the positions
of its window, one by one.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from tests.oracle_events import Value, first_day, month_number

LETTERS = (4, 5, 6)
LENGTHS = (1, 3, 6, 12)


@dataclass(frozen=True)
class Position:
    """One raw position: whose, when, and its cell at each precision; None where unknown."""

    customer: str
    time: datetime
    cells: tuple[str | None, str | None, str | None]

    @property
    def month(self) -> int:
        return month_number(self.time)

    def cell(self, letters: int) -> str | None:
        return self.cells[letters - 4]


def geo_features(positions: list[Position], month: int) -> dict[str, Value]:
    """Every feature of one customer, all of whose positions are given, at the end of `month`."""
    past = [position for position in positions if position.month <= month]
    known = {f"geo_{name}": value for name, value in of_times(past, month)}
    for letters in LETTERS:
        known |= {f"geo_{name}": value for name, value in of_cells(past, month, letters)}
    return known


def of_times(past: list[Position], month: int) -> Iterator[tuple[str, Value]]:
    """How often and when."""
    events, days = {}, {}
    for length in LENGTHS:
        times = [p.time for p in past if p.month > month - length]
        events[length], days[length] = len(times), len({time.date() for time in times})
        yield f"event_count__{length}m", events[length]
        yield f"day_nunique__{length}m", days[length]
        yield f"night_share_mean__{length}m", mean([time.hour < 6 for time in times])
        yield f"daytime_share_mean__{length}m", mean([9 <= time.hour < 18 for time in times])
        yield f"weekend_share_mean__{length}m", mean([time.weekday() >= 5 for time in times])
    for short, long in ((1, 6), (3, 12)):
        yield f"event_ratio__{short}m_over_{long}m", ratio(events[short], events[long])
        yield f"day_ratio__{short}m_over_{long}m", ratio(days[short], days[long])
    for name, edge in (("last", max), ("first", min)):
        yield f"{name}_event_days_since__all", days_since(past, month, edge)


def of_cells(past: list[Position], month: int, letters: int) -> Iterator[tuple[str, Value]]:
    """In how many places, how much at home, how much on the move."""
    cells = {
        earlier: [p.cell(letters) for p in in_turn(past) if p.month == earlier]
        for earlier in {p.month for p in past}
    }
    seen = {earlier: [cell for cell in each if cell] for earlier, each in cells.items()}
    seen = {earlier: each for earlier, each in seen.items() if each}
    first = {
        cell: min(m for m in seen if cell in seen[m]) for each in seen.values() for cell in each
    }
    different = {}
    for length in LENGTHS:
        since = month - length + 1
        different[length] = len({c for m in seen if m >= since for c in seen[m]})
        yield f"cell{letters}_nunique__{length}m", different[length]
        yield f"new_cell{letters}_nunique__{length}m", sum(m >= since for m in first.values())
        pairs = [pair for m in cells if m >= since for pair in pairwise(cells[m]) if all(pair)]
        yield f"move{letters}_share_mean__{length}m", mean([a != b for a, b in pairs])
        for name, figure in FIGURES.items():
            values = [figure(seen, m) for m in seen if m >= since]
            found = [value for value in values if value is not None]
            yield f"{name.format(letters)}_mean__{length}m", mean(found)
    yield f"new_cell{letters}_nunique__all", len(first)
    new = sum(m == month for m in first.values())
    yield f"new_cell{letters}_share__1m", ratio(new, different[1])
    yield f"cell{letters}_ratio__1m_over_12m", ratio(different[1], different[12])


def in_turn(positions: list[Position]) -> list[Position]:
    """By time; of one instant by cells, unknown ones last."""
    return sorted(positions, key=lambda p: (p.time, *((c is None, c or "") for c in p.cells[::-1])))


Seen = dict[int, list[str]]


def home(seen: Seen, month: int) -> str:
    """The cell with most positions; of several the first in the order of their names."""
    times = Counter(seen[month])
    return min(times, key=lambda cell: (-times[cell], cell))


def home_share(seen: Seen, month: int) -> Value:
    return seen[month].count(home(seen, month)) / len(seen[month])


def home_change(seen: Seen, month: int) -> Value:
    earlier = [m for m in seen if m < month]
    return float(home(seen, month) != home(seen, max(earlier))) if earlier else None


def entropy(seen: Seen, month: int) -> Value:
    shares = [times / len(seen[month]) for times in Counter(seen[month]).values()]
    return -math.fsum(share * math.log(share) for share in shares)


def unvisited_share(seen: Seen, month: int) -> Value:
    if month - 1 not in seen:
        return None
    return mean([cell not in seen[month - 1] for cell in seen[month]])


FIGURES: dict[str, Callable[[Seen, int], Value]] = {
    "home{}_share": home_share,
    "home{}_change": home_change,
    "cell{}_entropy": entropy,
    "unvisited{}_share": unvisited_share,
}


def mean(values: list[float]) -> Value:
    return math.fsum(values) / len(values) if values else None


def ratio(part: float, whole: float) -> Value:
    return part / whole if whole else None


def days_since(past: list[Position], month: int, edge: Callable[..., datetime]) -> Value:
    if not past:
        return None
    return (first_day(month + 1) - edge(p.time for p in past).date()) / timedelta(days=1)
