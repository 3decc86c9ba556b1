"""Random retrievals over the tables of `pair_store`, and what every answer must be.

The oracle looks at every pair of rows. It knows nothing of any offline store, so that Feast's own
can be judged by it too (`python -m tests.benchmarks.stock_store`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
from hypothesis import strategies as st

from tests.pair_store import START, TTL

Row = tuple[Any, ...]
MICROSECOND = timedelta(microseconds=1)
NOTHING = {"id": None, "amt": None, "w": (None, None, None)}


@dataclass(frozen=True)
class Case:
    """Three tables, the entity rows, how they are given, and how their features are asked for."""

    pairs: list[Row]
    singles: list[Row]
    wides: list[Row]
    entities: list[Row]
    form: str = "pandas"
    answer: str = "arrow"
    by_then: bool = False
    full_names: bool = False


# Few values, so that keys and moments meet often: (1, 11) and (11, 1), one microsecond either side.
composite = st.sampled_from([(1, 11), (1, 11), (1, 11), (11, 1), (11, 1), (1, None), (None, 11)])
moments = st.builds(
    lambda days, step: START + days * TTL + step * MICROSECOND,
    st.integers(0, 2),
    st.sampled_from([0, 0, 1, -1]),
)
numbers = st.floats(-9, 9, width=32) | st.none()
pair_rows = st.lists(st.tuples(composite, moments, moments | st.none(), numbers), max_size=20)
single_rows = st.lists(st.tuples(st.sampled_from([1, 11, None]), moments), max_size=10)
wide_rows = st.lists(
    st.tuples(st.sampled_from([1, 11, None]), moments, st.tuples(numbers, numbers, numbers)),
    max_size=10,
)
entity_rows = st.lists(st.tuples(composite, moments | st.none()), max_size=12)


def tables(case: Case) -> dict[str, list[Row]]:
    """Return the rows of the case by table; ids and sizes are places in the case's lists."""
    return {
        "pairs": [(*k, at, made, i, amt) for i, (k, at, made, amt) in enumerate(case.pairs)],
        "singles": [(*row, i) for i, row in enumerate(case.singles)],
        "wide__vectors": [
            (k, at, [float("nan") if value is None else value for value in values])
            for k, at, values in case.wides
        ],
        "given": [(*k, at, i) for i, (k, at) in enumerate(case.entities)],
    }


def pandas_frame(rows: Sequence[Row], zone: ZoneInfo | None = None) -> pd.DataFrame:
    times = pd.to_datetime(pd.Series([moment for _, moment in rows], dtype="datetime64[us]"))
    if zone:
        times = times.dt.tz_localize(UTC).dt.tz_convert(zone)
    columns = {f"k{i + 1}": pd.array([key[i] for key, _ in rows], dtype="Int64") for i in (0, 1)}
    frame = pd.DataFrame(columns | {"event_timestamp": times, "place": range(len(rows))})
    # A row's label says nothing of its place.
    frame.index = pd.Index(range(len(rows), 0, -1))
    return frame


def features(case: Case, pairs: Sequence[str]) -> list[str]:
    """Return the references to ask for where no service is; `second` needs full names."""
    named = [f"{view}:{view}_{column}" for view in pairs for column in ("id", "amount")]
    return [*named, "single:size", *(f"wide:w{place}" for place in (3, 1))]


def mistakes(case: Case, rows: Sequence[dict[str, Any]], pairs: Sequence[str]) -> Iterator[str]:
    """Return what is wrong with the answer, rows in any order; `pairs` are the composite views."""
    places = sorted(row["place"] for row in rows)
    if places != list(range(len(case.entities))):
        yield f"entity rows {places} came back of {len(case.entities)}"
    for row in rows:
        for column, value, allowed in _judged(case, row, pairs):
            if value not in allowed:
                right = " or ".join(map(str, allowed))
                yield f"row {row['place']}: {column} is {value}, not {right}"


def _judged(
    case: Case, row: dict[str, Any], pairs: Sequence[str]
) -> Iterator[tuple[str, Any, list[Any]]]:
    """Return columns of an answer row with their values and those that would be right."""
    (k1, k2), moment = case.entities[row["place"]]
    yield "key", (row["k1"], row["k2"]), [(k1, k2)]
    mine = _pairs_of(case, (k1, k2), moment)
    for view in pairs:
        names = [_name(case, view, f"{view}_{column}") for column in ("id", "amount")]
        right = [(each["id"], each["amt"]) for each in mine]
        yield view, tuple(row[name] for name in names), right
    yield "single", row[_name(case, "single", "size")], _sizes_of(case, k1, moment)
    if case.full_names:
        yield "second", row["second__size"], _sizes_of(case, k2, moment)
    wide = [{"k": k, "at": at, "w": values} for k, at, values in case.wides]
    right = [(w[2], w[0]) for w in (each["w"] for each in _valid(wide, k1, moment, TTL))]
    yield "wide", tuple(row[_name(case, "wide", name)] for name in ("w3", "w1")), right


def _name(case: Case, view: str, feature: str) -> str:
    return f"{view}__{feature}" if case.full_names else feature


def _pairs_of(case: Case, key: Row, moment: datetime | None) -> list[dict[str, Any]]:
    known = [
        {"k": k, "at": at, "made": made, "id": i, "amt": amt}
        for i, (k, at, made, amt) in enumerate(case.pairs)
    ]
    if case.by_then:
        known = [row for row in known if moment and row["made"] and row["made"] <= moment]
    return _valid(known, None if None in key else key, moment, TTL)


def _sizes_of(case: Case, key: int | None, moment: datetime | None) -> list[int | None]:
    known = [{"k": k, "at": at, "id": i} for i, (k, at) in enumerate(case.singles)]
    return [row["id"] for row in _valid(known, key, moment, None)]


def _valid(
    known: list[dict[str, Any]], key: Any, moment: datetime | None, ttl: timedelta | None
) -> list[dict[str, Any]]:
    """Return every row that may serve `moment`: all that share the newest timestamps."""
    # No key equals a missing one.
    if moment is None or key is None:
        return [NOTHING]
    alive = [
        row
        for row in known
        if row["k"] == key and row["at"] <= moment and (ttl is None or row["at"] >= moment - ttl)
    ]
    newest = max((_order(row) for row in alive), default=None)
    return [row for row in alive if _order(row) == newest] or [NOTHING]


def _order(row: dict[str, Any]) -> tuple[datetime, bool, datetime]:
    return row["at"], row.get("made") is not None, row.get("made") or datetime.min
