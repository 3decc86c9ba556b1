"""Random retrievals from Feast's own DuckDB store, judged by our oracle: FOLDER.

Runs in the environment of `stock_store.py`, where nothing of this project is installed.
"""

import logging
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
from feast import FeatureStore, FileSource
from hypothesis import HealthCheck, find, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from tests.pair_oracle import MICROSECOND, Case, features, mistakes, pandas_frame, tables
from tests.pair_store import START, TTL, pair_objects, repo_config

CASES = 40
FORMS: dict[str, Callable[[Sequence[Any]], Any]] = {
    "pandas in Tokyo": lambda rows: pandas_frame(rows, ZoneInfo("Asia/Tokyo")),
    "arrow": lambda rows: pa.Table.from_pandas(pandas_frame(rows), preserve_index=False),
    "sql": lambda rows: "select 1 as k1, 11 as k2, timestamp '2023-01-01' as event_timestamp",
}
APART = ((1, 11), (2, 22))
Strategy = st.SearchStrategy[Case]


def main(home: Path) -> None:
    """Print for each option the smallest wrong answer, or how many answers were right."""
    logging.disable(logging.CRITICAL)
    _write(home, Case([], [], [], []))
    store = FeatureStore(config=repo_config(home, {"type": "duckdb"}))
    store.apply(pair_objects(lambda view, **options: _source(home, view, options), ["pair"]))
    for option, strategy in OPTIONS.items():
        print(f"{option}: {_verdict(strategy, lambda case: _wrong(home, store, case))}", flush=True)


def _source(home: Path, view: str, options: dict[str, Any]) -> FileSource:
    names = {"pair": "pairs", "single": "singles", "facts.wide": "wide"}
    return FileSource(path=str(home / f"{names[view]}.parquet"), timestamp_field="at", **options)


def _verdict(strategy: Strategy, wrong: Callable[[Case], list[str]]) -> str:
    quiet = settings(
        max_examples=CASES, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    try:
        case = find(strategy, lambda case: bool(wrong(case)), settings=quiet)
    except NoSuchExample:
        return f"right in {CASES} cases"
    return f"WRONG: {'; '.join(wrong(case))}\n    {case}"


def _wrong(home: Path, store: FeatureStore, case: Case) -> list[str]:
    _write(home, case)
    try:
        frame = _answer(store, case)
    except Exception as error:  # whatever the store raises is its answer
        return [f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"]
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    if case.form == "in order":
        places = [row["place"] for row in rows]
        return [] if places == sorted(places) else [f"entity rows come in the order {places}"]
    return list(mistakes(case, rows, ["pair"]))


def _answer(store: FeatureStore, case: Case) -> pd.DataFrame:
    asked = store.get_feature_service("all") if case.full_names else features(case, ["pair"])
    options = {"filter_by_created_timestamp": True} if case.by_then else {}
    frame = FORMS.get(case.form, pandas_frame)(case.entities)
    names = case.full_names
    job = store.get_historical_features(frame, asked, full_feature_names=names, **options)
    return job.to_df()


def _write(home: Path, case: Case) -> None:
    rows = tables(case)
    _parquet(home / "pairs.parquet", rows["pairs"], ["k1", "k2", "at", "made", "id", "amt"])
    _parquet(home / "singles.parquet", rows["singles"], ["k1", "at", "size"])
    wide = [(k, at, *values) for k, at, values in case.wides]
    _parquet(home / "wide.parquet", wide, ["k1", "at", "w1", "w2", "w3"])


def _parquet(path: Path, rows: Sequence[tuple[Any, ...]], names: list[str]) -> None:
    kinds = {"at": "datetime64[us]", "made": "datetime64[us]", "amt": "float64"}
    kinds |= dict.fromkeys(("w1", "w2", "w3"), "float32")
    frame = pd.DataFrame(rows, columns=names)
    for name in names:
        frame[name] = frame[name].astype(kinds.get(name, "Int64"))
    frame.to_parquet(path, index=False)


def _cases(
    *,
    keys: Sequence[Any] = APART,
    steps: Sequence[timedelta] = (timedelta(0),),
    created: bool = False,
    uncreated: bool = False,
    timeless: bool = False,
    repeated: int = 1,
    **options: Any,
) -> Strategy:
    """Return cases with these keys and moments, whose rows are told apart unless `created`."""
    moments = st.builds(
        lambda days, step: START + days * TTL + step, st.integers(0, 2), st.sampled_from(steps)
    )
    key, made = st.sampled_from(keys), moments if created else st.just(START)
    made = made | st.none() if uncreated else made
    numbers = st.floats(-9, 9, width=32)
    apart = (lambda row: row[:3]) if created else (lambda row: row[:2])
    ones = st.tuples(key.map(lambda pair: pair[0]), moments)
    entities = st.tuples(key, moments | st.none() if timeless else moments)
    return st.builds(
        lambda pairs, singles, wides, given: Case(
            pairs, singles, wides, given * repeated, **options
        ),
        st.lists(st.tuples(key, moments, made, numbers), max_size=9, unique_by=apart),
        st.lists(ones, max_size=5, unique=True),
        st.lists(
            st.tuples(key.map(lambda pair: pair[0]), moments, st.tuples(*[numbers] * 3)),
            max_size=5,
            unique_by=lambda row: row[:2],
        ),
        st.lists(entities, min_size=1, max_size=5, unique=repeated == 1),
    )


OPTIONS: dict[str, Strategy] = {
    "keys and moments that are all told apart": _cases(),
    "keys (1, 11) and (11, 1)": _cases(keys=((1, 11), (11, 1))),
    "keys that are missing": _cases(keys=((1, 11), (1, None), (None, 11))),
    "unknown customers": _cases(keys=((1, 11), (3, 33))),
    "a microsecond either side of a time to live": _cases(
        steps=(timedelta(0), MICROSECOND, -MICROSECOND)
    ),
    "rows of one moment, told apart by their creation": _cases(
        steps=(timedelta(0), timedelta(hours=1)), created=True
    ),
    "the same, some without": _cases(
        steps=(timedelta(0), timedelta(hours=1)), created=True, uncreated=True
    ),
    "what was created later, left out on request": _cases(
        steps=(timedelta(0), timedelta(hours=1)), created=True, by_then=True
    ),
    "entity rows that repeat others": _cases(repeated=2),
    "entity rows without a moment": _cases(timeless=True),
    "entity rows in Tokyo's time": _cases(form="pandas in Tokyo"),
    "entity rows as an Arrow table": _cases(form="arrow"),
    "entity rows as SQL": _cases(form="sql"),
    "the order of entity rows": _cases(form="in order"),
    "full names, and one view by two keys": _cases(full_names=True),
}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
