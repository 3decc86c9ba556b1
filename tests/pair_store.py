"""A Feast store over a warehouse with one table of composite keys and one of single keys."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from feast import Entity, FeatureStore, FeatureView, Field, RepoConfig, ValueType
from feast.types import Float64, Int64

from feature_repo.stores.duckdb_source import DuckDBSource

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
    "given": ("k1 bigint", "k2 bigint", "event_timestamp timestamp", "place bigint"),
}


def repo_config(home: Path) -> RepoConfig:
    return RepoConfig(
        project="pairs",
        provider="local",
        registry=str(home / "registry.db"),
        offline_store={
            "type": "feature_repo.stores.duckdb_offline.DuckDBOfflineStore",
            "database": str(home / "warehouse.duckdb"),
        },
        online_store={"type": "sqlite", "path": str(home / "online.db")},
        entity_key_serialization_version=3,
    )


def pair_store(home: Path) -> FeatureStore:
    """Return a store with views `pair` and `pair_view` (one time to live) and `single` (none)."""
    write(home, {})
    first = Entity(name="first", join_keys=["k1"], value_type=ValueType.INT64)
    second = Entity(name="second", join_keys=["k2"], value_type=ValueType.INT64)
    pairs = [
        FeatureView(
            name=name,
            entities=[first, second],
            ttl=TTL,
            schema=[
                Field(name=f"{name}_id", dtype=Int64),
                Field(name=f"{name}_amount", dtype=Float64),
            ],
            source=DuckDBSource(
                relation=f"facts.{relation}",
                timestamp_field="at",
                created_timestamp_column="made",
                field_mapping={"id": f"{name}_id", "amt": f"{name}_amount"},
            ),
        )
        for name, relation in (("pair", "pairs"), ("pair_view", "pairs_view"))
    ]
    single = FeatureView(
        name="single",
        entities=[first],
        ttl=timedelta(0),
        schema=[Field(name="size", dtype=Int64)],
        source=DuckDBSource(relation="facts.singles", timestamp_field="at"),
    )
    store = FeatureStore(config=repo_config(home))
    store.apply([first, second, *pairs, single])
    return store


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
        connection.execute("create or replace view facts.pairs_view as from facts.pairs; commit")
