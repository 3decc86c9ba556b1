"""Retrieval through Feast's own API against an oracle that looks at every pair of rows."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from feast import FeatureStore
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_repo.stores import retrieval
from tests.pair_oracle import (
    MICROSECOND,
    Case,
    Row,
    entity_rows,
    features,
    mistakes,
    moments,
    pair_rows,
    pandas_frame,
    single_rows,
    tables,
    wide_rows,
)
from tests.pair_store import SOURCES, START, TTL, pair_store, write

PAIRS = list(SOURCES)


@dataclass(frozen=True)
class Place:
    store: FeatureStore
    home: Path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    home = tmp_path_factory.mktemp("pairs")
    return Place(pair_store(home), home)


def arrow_table(rows: list[Row], kind: pa.DataType) -> pa.Table:
    times = pa.array([moment for _, moment in rows], pa.timestamp("us")).cast(kind)
    columns = {f"k{i + 1}": pa.array([key[i] for key, _ in rows], pa.int64()) for i in (0, 1)}
    return pa.table(columns | {"event_timestamp": times, "place": pa.array(range(len(rows)))})


def mixed_zones(rows: list[Row]) -> Any:
    """A column of Python's own moments, each in the next of three zones."""
    frame = pandas_frame(rows)
    zones = [ZoneInfo("UTC"), ZoneInfo("Asia/Tokyo"), ZoneInfo("America/Lima")]
    frame["event_timestamp"] = [
        moment and moment.replace(tzinfo=zones[0]).astimezone(zones[i % 3])
        for i, (_, moment) in enumerate(rows)
    ]
    frame["event_timestamp"] = frame["event_timestamp"].astype(object)
    return frame


FORMS: dict[str, Callable[[list[Row]], Any]] = {
    "pandas": pandas_frame,
    "pandas in Tokyo": lambda rows: pandas_frame(rows, ZoneInfo("Asia/Tokyo")),
    "pandas in several zones": mixed_zones,
    "arrow": lambda rows: arrow_table(rows, pa.timestamp("us")),
    "arrow in Paris, nanoseconds": lambda rows: arrow_table(
        rows, pa.timestamp("ns", "Europe/Paris")
    ),
    "sql": lambda rows: "select * from facts.given order by place;",
}


def matrix_rows(job: Any) -> list[dict[str, Any]]:
    return rows_of(job.to_matrix())


def matrices_rows(job: Any) -> list[dict[str, Any]]:
    parts = [rows_of(part) for part in job.to_matrices(rows=5)]
    assert all(len(part) <= 5 for part in parts)
    return [row for part in parts for row in part]


def rows_of(matrix: Any) -> list[dict[str, Any]]:
    rows, types, values = matrix
    assert values.dtype == np.float32
    assert values.shape == (rows.num_rows, len(types))
    return [
        row | {n: None if np.isnan(v) else v for n, v in zip(types, line, strict=True)}
        for row, line in zip(rows.to_pylist(), values.tolist(), strict=True)
    ]


def batch_rows(job: Any) -> list[dict[str, Any]]:
    batches = list(job.to_arrow_batches(rows=5))
    assert all(0 < batch.num_rows <= 5 for batch in batches)
    return [row for batch in batches for row in batch.to_pylist()]


def pandas_rows(job: Any) -> list[dict[str, Any]]:
    frame = job.to_df()
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


ANSWERS: dict[str, Callable[[Any], list[dict[str, Any]]]] = {
    "arrow": lambda job: job.to_arrow().to_pylist(),
    "pandas": pandas_rows,
    "batches": batch_rows,
    "matrix": matrix_rows,
    "matrices": matrices_rows,
}

cases = st.builds(
    Case,
    pair_rows,
    single_rows,
    wide_rows,
    entity_rows,
    st.sampled_from(sorted(FORMS)),
    st.sampled_from(sorted(ANSWERS)),
    st.booleans(),
    st.booleans(),
)


def answer(place: Place, case: Case) -> list[dict[str, Any]]:
    write(place.home, tables(case))
    asked = place.store.get_feature_service("all") if case.full_names else features(case, PAIRS)
    job = place.store.get_historical_features(
        FORMS[case.form](case.entities),
        asked,
        full_feature_names=case.full_names,
        filter_by_created_timestamp=case.by_then,
    )
    return ANSWERS[case.answer](job)


@pytest.mark.parametrize("few", [0, retrieval.FEW_ROWS_PER_KEY])
@settings(max_examples=60)
@given(case=cases)
def test_every_row_has_the_features_of_its_moment(place, few, case):
    with patch.object(retrieval, "FEW_ROWS_PER_KEY", few):
        rows = answer(place, case)
    assert [row["place"] for row in rows] == list(range(len(case.entities)))
    assert not list(mistakes(case, rows, PAIRS))


@settings(max_examples=30)
@given(pair_rows, moments, moments, st.booleans())
def test_without_entity_rows_every_known_key_and_moment_is_one(place, pairs, start, end, by_then):
    known = sorted({(k, at) for k, at, _, _ in pairs if None not in k and start <= at <= end})
    case = Case(pairs, [], [], known, by_then=by_then)
    write(place.home, tables(case))
    job = place.store.get_historical_features(
        None,
        [f"{view}:{view}_{column}" for view in PAIRS for column in ("id", "amount")],
        start_date=start,
        end_date=end,
        filter_by_created_timestamp=by_then,
    )
    rows = job.to_arrow().to_pylist()
    assert [((row["k1"], row["k2"]), row["event_timestamp"]) for row in rows] == known
    absent = {"size": None, "w1": None, "w3": None}
    rows = [row | absent | {"place": i} for i, row in enumerate(rows)]
    assert not list(mistakes(case, rows, PAIRS))


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
