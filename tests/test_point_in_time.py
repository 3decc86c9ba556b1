"""Retrieval through Feast's own API against an oracle that looks at every pair of rows."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pytest
from feast import FeatureStore
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pair_store import START, TTL, pair_store, write

REFS = ["pair:pair_id", "pair:pair_amount", "single:size", "pair_view:pair_view_id"]
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Place:
    store: FeatureStore
    home: Path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    home = tmp_path_factory.mktemp("pairs")
    return Place(pair_store(home), home)


# Few values, so that keys and moments meet often: (1, 11) and (11, 1), one microsecond either side.
composite = st.sampled_from([(1, 11), (1, 11), (1, 11), (11, 1), (11, 1), (1, None), (None, 11)])
moments = st.builds(
    lambda days, step: START + days * TTL + step * MICROSECOND,
    st.integers(0, 2),
    st.sampled_from([0, 0, 1, -1]),
)
pair_rows = st.lists(
    st.tuples(composite, moments, moments | st.none(), st.floats(-9, 9) | st.none()), max_size=20
)
single_rows = st.lists(st.tuples(st.sampled_from([1, 11, None]), moments), max_size=10)
entity_rows = st.lists(st.tuples(composite, moments | st.none()), max_size=12)


def pandas_frame(rows: list[tuple[Any, ...]], zone: ZoneInfo | None) -> pd.DataFrame:
    times = pd.to_datetime(pd.Series([moment for _, moment in rows], dtype="datetime64[us]"))
    if zone:
        times = times.dt.tz_localize(UTC).dt.tz_convert(zone)
    columns = {f"k{i + 1}": pd.array([key[i] for key, _ in rows], dtype="Int64") for i in (0, 1)}
    frame = pd.DataFrame(columns | {"event_timestamp": times, "place": range(len(rows))})
    # A row's label says nothing of its place.
    frame.index = pd.Index(range(len(rows), 0, -1))
    return frame


def arrow_table(rows: list[tuple[Any, ...]], kind: pa.DataType) -> pa.Table:
    times = pa.array([moment for _, moment in rows], pa.timestamp("us")).cast(kind)
    columns = {f"k{i + 1}": pa.array([key[i] for key, _ in rows], pa.int64()) for i in (0, 1)}
    return pa.table(columns | {"event_timestamp": times, "place": pa.array(range(len(rows)))})


FRAMES: dict[str, Callable[[list[tuple[Any, ...]]], Any]] = {
    "pandas": lambda rows: pandas_frame(rows, None),
    "pandas in Tokyo": lambda rows: pandas_frame(rows, ZoneInfo("Asia/Tokyo")),
    "arrow": lambda rows: arrow_table(rows, pa.timestamp("us")),
    "arrow in Paris, nanoseconds": lambda rows: arrow_table(
        rows, pa.timestamp("ns", "Europe/Paris")
    ),
    "sql": lambda rows: "select * from facts.given order by place;",
}


def valid(known: list[dict[str, Any]], moment: datetime | None, ttl: timedelta | None) -> list[Any]:
    """Return every row that may serve `moment`: all that share the newest timestamps."""
    if moment is None:
        return []
    alive = [
        row for row in known if row["at"] <= moment and (ttl is None or row["at"] >= moment - ttl)
    ]
    newest = max((order(row) for row in alive), default=None)
    return [row for row in alive if order(row) == newest]


def order(row: dict[str, Any]) -> tuple[datetime, bool, datetime]:
    return row["at"], row.get("made") is not None, row.get("made") or datetime.min


@dataclass(frozen=True)
class Case:
    """Two tables, the entity rows, the form they are given in, and Feast's created filter."""

    pairs: list[tuple[Any, ...]]
    singles: list[tuple[Any, ...]]
    entities: list[tuple[Any, ...]]
    form: str
    by_then: bool


cases = st.builds(
    Case, pair_rows, single_rows, entity_rows, st.sampled_from(sorted(FRAMES)), st.booleans()
)


def answer(place: Place, case: Case) -> list[dict[str, Any]]:
    write(
        place.home,
        {
            "pairs": [(*k, at, made, i, amt) for i, (k, at, made, amt) in enumerate(case.pairs)],
            "singles": [(*row, i) for i, row in enumerate(case.singles)],
            "given": [(*k, at, i) for i, (k, at) in enumerate(case.entities)],
        },
    )
    job = place.store.get_historical_features(
        FRAMES[case.form](case.entities), REFS, filter_by_created_timestamp=case.by_then
    )
    return job.to_arrow().to_pylist()


@settings(max_examples=100)
@given(cases)
def test_every_row_has_the_features_of_its_moment(place, case):
    rows = answer(place, case)
    assert [row["place"] for row in rows] == list(range(len(case.entities)))
    pairs = [
        {"k": k, "at": at, "made": made, "id": i, "amt": amt}
        for i, (k, at, made, amt) in enumerate(case.pairs)
    ]
    singles = [{"k": k, "at": at, "id": i} for i, (k, at) in enumerate(case.singles)]
    for ((k1, k2), moment), row in zip(case.entities, rows, strict=True):
        assert (row["k1"], row["k2"]) == (k1, k2)
        # No key equals a missing one.
        mine = [r for r in pairs if r["k"] == (k1, k2) and None not in r["k"]]
        if case.by_then:
            mine = [r for r in mine if moment and r["made"] and r["made"] <= moment]
        expected = valid(mine, moment, TTL) or [{"id": None, "amt": None}]
        assert (row["pair_id"], row["pair_amount"]) in [(r["id"], r["amt"]) for r in expected]
        assert row["pair_view_id"] in [r["id"] for r in expected]
        own = [r for r in singles if r["k"] == k1 and k1 is not None]
        assert row["size"] in [r["id"] for r in valid(own, moment, None) or [{"id": None}]]


@pytest.mark.parametrize(
    ("age", "served"),
    [(timedelta(0), True), (-MICROSECOND, False), (TTL, True), (TTL + MICROSECOND, False)],
)
def test_the_edges_of_the_time_to_live_are_inside(place, age, served):
    write(place.home, {"pairs": [(1, 11, START, START, 7, 0.5)]})
    # The first row keeps the feature row within the bounds of all rows; the last has other keys.
    asked = [((1, 11), START), ((1, 11), START + age), ((11, 1), START + age)]
    rows = arrow_table(asked, pa.timestamp("us"))
    answer = place.store.get_historical_features(rows, ["pair:pair_id"]).to_arrow()
    assert answer["pair_id"].to_pylist() == [7, 7 if served else None, None]


def test_finer_entity_timestamps_are_cut_off_to_microseconds(place):
    write(place.home, {"singles": [(1, START, 5), (1, START + MICROSECOND, 6)]})
    nanoseconds = pa.array([START, START - MICROSECOND], pa.timestamp("ns")).cast(pa.int64())
    late = pa.array([value.as_py() + 999 for value in nanoseconds], pa.timestamp("ns"))
    rows = pa.table({"k1": [1, 1], "event_timestamp": late})
    answer = place.store.get_historical_features(rows, ["single:size"]).to_arrow()
    assert answer["size"].to_pylist() == [5, None]
