"""A Feast store over two tables and a family of vectors: composite keys, single keys, both."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, RepoConfig, ValueType
from feast.data_source import DataSource
from feast.types import Float32, Float64, Int64

TTL = timedelta(days=1)
START = datetime(2023, 1, 1)
TABLES = {
    "pairs": (
        "k1 bigint",
        "k2 bigint",
        '"at" timestamp',
        "made timestamp",
        "id bigint",
        "amt double",
    ),
    "singles": ("k1 bigint", '"at" timestamp', "size bigint"),
    "wide__vectors": ("k1 bigint", '"at" timestamp', "vector float[3]"),
    "given": ("k1 bigint", "k2 bigint", "event_timestamp timestamp", "place bigint"),
}
WIDE = 'select k1, "at", ' + ", ".join(
    f"nullif(vector[{place}], 'nan'::float) as w{place}" for place in (1, 2, 3)
)
VIEWS = f"""
create or replace view facts.pairs_view as from facts.pairs;
create or replace view facts.wide as {WIDE} from facts.wide__vectors;
"""
# The views of composite keys differ in where the same rows come from.
SOURCES = {
    "pair": {"relation": "facts.pairs"},
    "pair_view": {"relation": "facts.pairs_view"},
    "pair_query": {"query": "select * from facts.pairs -- all\n;", "name": "pairs queried"},
}


def repo_config(home: Path, offline: Mapping[str, str] | None = None) -> RepoConfig:
    ours = {
        "type": "feature_repo.stores.duckdb_offline.DuckDBOfflineStore",
        "database": str(home / "warehouse.duckdb"),
    }
    return RepoConfig(
        project="pairs",
        provider="local",
        registry=str(home / "registry.db"),
        offline_store=offline or ours,
        online_store={"type": "sqlite", "path": str(home / "online.db")},
        entity_key_serialization_version=3,
    )


def pair_store(home: Path) -> FeatureStore:
    """Return a store with the views below over a warehouse without rows."""
    from feature_repo.stores.duckdb_source import DuckDBSource

    def source(view: str, **options: Any) -> DataSource:
        place = SOURCES.get(view) or {"relation": "facts.singles" if view == "single" else view}
        return DuckDBSource(**place, timestamp_field="at", **options)

    write(home, {})
    store = FeatureStore(config=repo_config(home))
    store.apply(pair_objects(source, list(SOURCES)))
    return store


def pair_objects(source: Callable[..., DataSource], pairs: Sequence[str]) -> list[Any]:
    """Return views `pairs` (one time to live), `single` (none), `wide`, and the service `all`.

    The service has `single` twice: by the first key, and as `second` by the second.
    """
    first = Entity(name="first", join_keys=["k1"], value_type=ValueType.INT64)
    second = Entity(name="second", join_keys=["k2"], value_type=ValueType.INT64)
    views = [
        FeatureView(
            name=name,
            entities=[first, second],
            ttl=TTL,
            schema=[
                Field(name=f"{name}_id", dtype=Int64),
                Field(name=f"{name}_amount", dtype=Float64),
            ],
            source=source(
                name,
                created_timestamp_column="made",
                field_mapping={"id": f"{name}_id", "amt": f"{name}_amount"},
            ),
        )
        for name in pairs
    ]
    single = FeatureView(
        name="single",
        entities=[first],
        ttl=timedelta(0),
        schema=[Field(name="size", dtype=Int64)],
        source=source("single"),
    )
    wide = FeatureView(
        name="wide",
        entities=[first],
        ttl=TTL,
        schema=[Field(name=f"w{place}", dtype=Float32) for place in (1, 2, 3)],
        source=source("facts.wide"),
    )
    # Feast cannot compare a service that has one view with and without a name of its own.
    mapped = [
        single.with_name(name).with_join_key_map({"k1": key})
        for name, key in (("single", "k1"), ("second", "k2"))
    ]
    together = FeatureService(name="all", features=[*views, wide, *mapped])
    return [first, second, *views, single, wide, together]


def write(home: Path, rows: Mapping[str, Sequence[Sequence[Any]]]) -> None:
    """Make the warehouse hold `rows` by table, and nothing else."""
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute("begin; create schema if not exists facts")
        for name, columns in TABLES.items():
            connection.execute(f"create or replace table facts.{name} ({', '.join(columns)})")
            marks = ", ".join(f"({', '.join('?' * len(columns))})" for _ in rows.get(name, ()))
            if marks:
                values = [value for row in rows[name] for value in row]
                connection.execute(f"insert into facts.{name} values {marks}", values)
        connection.execute(f"{VIEWS}; commit")
