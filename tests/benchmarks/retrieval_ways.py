"""One way to retrieve the benchmark's rows: arrow|matrix|batches|polars|stock FOLDER ROWS VIEWS.

Writes took.json, the seconds from the entity rows in memory to the answer in memory, on the clock
and of the processors, and digests.npy, a number a row. `stock` runs where nothing of this project
is installed.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

VIEWS = 5
FEATURES = 100
TTL = timedelta(days=32)
Digests = NDArray[np.uint64]
# On the clock, and of the processors.
Seconds = list[float]


def main(way: str, folder: Path, rows: int, views: int) -> None:
    """Retrieve the rows and write the two files."""
    entities = folder / f"entities_{rows}.parquet"
    took, digests = {
        "arrow": lambda: _timed(ours(folder, entities, views), "to_arrow"),
        "matrix": lambda: _timed(ours(folder, entities, views), "to_matrix"),
        "batches": lambda: _batches(ours(folder, entities, views)),
        "polars": lambda: _timed(lambda: polars(folder, entities, views), "to_arrow"),
        "stock": lambda: _timed(stock(folder, entities, views), "to_arrow"),
    }[way]()
    (folder / "took.json").write_text(json.dumps(took), encoding="utf-8")
    np.save(folder / "digests.npy", digests)


def names(view: int) -> list[str]:
    """Return the features of a view."""
    return [f"f{view}_{i}" for i in range(FEATURES)]


def ours(folder: Path, entities: Path, views: int) -> Callable[[], Any]:
    """Return what makes the job of our offline store."""
    from feature_repo.stores.duckdb_source import DuckDBSource

    sources = [
        DuckDBSource(relation=f"features.f{view}", timestamp_field="event_timestamp")
        for view in range(views)
    ]
    store = "feature_repo.stores.duckdb_offline.DuckDBOfflineStore"
    settings = {"type": store, "database": str(folder / "warehouse.duckdb")}
    return _job(folder, settings, sources, pd.read_parquet(entities))


def stock(folder: Path, entities: Path, views: int) -> Callable[[], Any]:
    """Return what makes the job of Feast's own DuckDB store over the Parquet files."""
    from feast import FileSource

    sources = [
        FileSource(path=str(folder / f"f{view}.parquet"), timestamp_field="event_timestamp")
        for view in range(views)
    ]
    return _job(folder, {"type": "duckdb"}, sources, pd.read_parquet(entities))


def _job(
    folder: Path, settings: dict[str, str], sources: Sequence[Any], frame: Any
) -> Callable[[], Any]:
    from feast import Entity, FeatureStore, FeatureView, Field, RepoConfig, ValueType
    from feast.types import Float32

    customer = Entity(name="customer", join_keys=["customer_id"], value_type=ValueType.STRING)
    chosen = [
        FeatureView(
            name=f"f{view}",
            entities=[customer],
            ttl=TTL,
            schema=[Field(name=name, dtype=Float32) for name in names(view)],
            source=source,
        )
        for view, source in enumerate(sources)
    ]
    store = FeatureStore(
        config=RepoConfig(
            project="race",
            provider="local",
            registry=str(folder / f"{settings['type'].rsplit('.')[-1]}.db"),
            offline_store=settings,
            online_store={"type": "sqlite", "path": str(folder / "online.db")},
            entity_key_serialization_version=3,
        )
    )
    store.apply([customer, *chosen])
    features = [f"{view.name}:{field.name}" for view in chosen for field in view.features]
    return lambda: store.get_historical_features(entity_df=frame, features=features)


def polars(folder: Path, entities: Path, views: int) -> Any:
    """Return the rows by Polars' join_asof; the files are in the order of keys and time."""
    import polars as pl

    answer = pl.read_parquet(entities).sort("event_timestamp")
    for view in range(views):
        answer = answer.join_asof(
            pl.read_parquet(folder / f"f{view}.parquet"),
            on="event_timestamp",
            by="customer_id",
            tolerance=TTL,
            check_sortedness=False,
        )
    return answer.sort("row")


def _timed(make: Callable[[], Any], form: str) -> tuple[Seconds, Digests]:
    began = _clocks()
    answer = getattr(make(), form)()
    return _since(began), digests_of(answer)


def _batches(make: Callable[[], Any]) -> tuple[Seconds, Digests]:
    took, digests, began = np.zeros(2), [], _clocks()
    for batch in make().to_arrow_batches():
        took += _since(began)
        digests.append(digests_of(pa.Table.from_batches([batch])))
        began = _clocks()
    return list(took + _since(began)), np.concatenate(digests)


def _clocks() -> Seconds:
    return [time.perf_counter(), time.process_time()]


def _since(began: Seconds) -> Seconds:
    return [now - then for now, then in zip(_clocks(), began, strict=True)]


def digests_of(answer: Any) -> Digests:
    """Return a number a row, in the order of the entity rows: equal features, equal numbers."""
    digests = 0
    for values in _columns(answer):
        bits = np.where(np.isnan(values), np.float32("nan"), values).view(np.uint32)
        digests = digests * np.uint64(1_000_003) + bits
    rows = answer.rows if hasattr(answer, "rows") else answer
    return digests[np.argsort(rows["row"].to_numpy())]


def _columns(answer: Any) -> Iterator[NDArray[np.float32]]:
    if hasattr(answer, "rows"):
        yield from answer.values.T
        return
    for name in answer.column_names:
        if name not in {"row", "customer_id", "event_timestamp"}:
            yield answer[name].cast(pa.float32()).to_numpy()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
