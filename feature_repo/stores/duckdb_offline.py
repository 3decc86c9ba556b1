"""Feast's offline store over the DuckDB warehouse: point-in-time features where the tables lie."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import duckdb
import pandas as pd
import pyarrow as pa
from feast.data_source import DataSource
from feast.feature_view import FeatureView
from feast.infra.offline_stores.offline_store import OfflineStore, RetrievalJob, RetrievalMetadata
from feast.infra.registry.base_registry import BaseRegistry
from feast.on_demand_feature_view import OnDemandFeatureView
from feast.repo_config import FeastConfigBaseModel, RepoConfig
from feast.utils import (
    _get_requested_feature_views_to_features_dict,
    compute_non_entity_date_range,
    to_naive_utc,
)

from feature_repo.stores.duckdb_job import Answer, DuckDBRetrievalJob
from feature_repo.stores.duckdb_source import DuckDBSource, warehouse_path
from feature_repo.stores.duckdb_types import comparable
from feature_repo.stores.entities import (
    EVENT_TIMESTAMP,
    bounds,
    join_rows,
    read_entities,
    require_columns,
)
from feature_repo.stores.point_in_time import (
    ENTITIES,
    Lookup,
    known_rows_sql,
    literal,
    lookup_sql,
)
from feature_repo.stores.relations import Relation, quote, read_relation
from ml.config import AlmanacError
from ml.warehouse import open_warehouse


class DuckDBOfflineStoreConfig(FeastConfigBaseModel):
    """The offline store's settings: `database`, the warehouse, starts in the workspace."""

    type: Literal["feature_repo.stores.duckdb_offline.DuckDBOfflineStore"] = (
        "feature_repo.stores.duckdb_offline.DuckDBOfflineStore"
    )
    database: str = "warehouse.duckdb"


class DuckDBOfflineStore(OfflineStore):
    """Reads features from the warehouse, joined point in time by ASOF."""

    supports_filter_by_created_timestamp = True

    @staticmethod
    def get_historical_features(  # noqa: PLR0913, PLR0917  # the signature is Feast's
        config: RepoConfig,
        feature_views: list[FeatureView],
        feature_refs: list[str],
        entity_df: pd.DataFrame | pa.Table | str | None,
        registry: BaseRegistry,
        project: str,
        full_feature_names: bool = False,
        filter_by_created_timestamp: bool = False,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        **_: object,
    ) -> RetrievalJob:
        """Return the entity rows, every one once and in order, with the features of their moment.

        `entity_df` is a pandas or Arrow table, or SQL over the warehouse, with a column
        `event_timestamp` (naive means UTC) and every key; its columns come back unchanged.
        A row without a valid feature row has nulls.

        Without `entity_df` the entity rows are every key and moment of a feature row from
        `start_date` to `end_date`, both included, ordered by keys and moment; Feast's own rule
        fills in what is not given (until now, as far back as the longest time to live).

        Raises:
            AlmanacError: a column, a relation or the warehouse is missing, types do not meet, or
                there are no entity rows and the views differ in their keys.
        """
        on_demand = OnDemandFeatureView.get_requested_odfvs(feature_refs, project, registry)
        wanted, _on_demand = _get_requested_feature_views_to_features_dict(
            feature_refs, feature_views, on_demand
        )
        with open_warehouse(warehouse_path(config)) as connection:
            lookups = [
                _lookup(connection, view, names, full_feature_names, filter_by_created_timestamp)
                for view, names in wanted.items()
            ]
            if entity_df is None:
                first, last = compute_non_entity_date_range([*wanted], start_date, end_date)
                entity_df = known_rows_sql(lookups, to_naive_utc(first), to_naive_utc(last))
            entities = read_entities(entity_df, connection)
            _check(connection, entities, lookups)
        answer = _historical(config, entities, lookups)
        metadata = _metadata(feature_refs, entities)
        return DuckDBRetrievalJob(answer, full_feature_names, on_demand, metadata)

    @staticmethod
    def pull_latest_from_table_or_query(  # noqa: PLR0913, PLR0917  # the signature is Feast's
        config: RepoConfig,
        data_source: DataSource,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None,
        start_date: datetime,
        end_date: datetime,
    ) -> RetrievalJob:
        """Return the newest row of every key from `start_date` to `end_date`, both included."""
        times = [timestamp_field, *filter(None, [created_timestamp_column])]
        within = _between(timestamp_field, start_date, end_date)
        where = f"{within} {_newest_of(join_key_columns, times)}"
        columns = [*join_key_columns, *feature_name_columns, *times]
        return _pull(config, data_source, columns, where)

    @staticmethod
    def pull_all_from_table_or_query(  # noqa: PLR0913, PLR0917  # the signature is Feast's
        config: RepoConfig,
        data_source: DataSource,
        join_key_columns: list[str],
        feature_name_columns: list[str],
        timestamp_field: str,
        created_timestamp_column: str | None = None,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
    ) -> RetrievalJob:
        """Return all rows from `start_date` to `end_date`, both included: keys, features, times."""
        times = [timestamp_field, *filter(None, [created_timestamp_column])]
        columns = [*join_key_columns, *feature_name_columns, *times]
        return _pull(config, data_source, columns, _between(timestamp_field, start_date, end_date))

    @staticmethod
    def offline_write_batch(
        config: RepoConfig,
        feature_view: FeatureView,
        table: pa.Table,
        progress: Callable[[int], Any] | None,
    ) -> None:
        """Append `table` to the view's relation, columns by name."""
        with open_warehouse(warehouse_path(config), read_only=False) as connection:
            relation = read_relation(connection, _source(feature_view.batch_source).relation)
            connection.register("new_rows", table)
            connection.execute(f"insert into {relation.sql} by name select * from new_rows")
        if progress:
            progress(table.num_rows)


def _lookup(
    connection: duckdb.DuckDBPyConnection,
    view: FeatureView,
    features: Sequence[str],
    full_names: bool,
    by_then: bool,
) -> Lookup:
    source = _source(view.batch_source)
    relation = read_relation(connection, source.relation)
    column_of = {value: key for key, value in source.field_mapping.items()}

    def column(name: str) -> str:
        return relation.require(column_of.get(name, name))

    entity_of = view.projection.join_key_map
    alias = view.projection.name_to_use()  # type: ignore[no-untyped-call]  # Feast's
    prefix = f"{alias}__" if full_names else ""
    return Lookup(
        relation=relation,
        keys=tuple((column(e.name), entity_of.get(e.name, e.name)) for e in view.entity_columns),
        features=tuple((column(name), prefix + name) for name in dict.fromkeys(features)),
        timestamp=column(source.timestamp_field),
        created=column(source.created_timestamp_column) if source.created_timestamp_column else "",
        ttl=view.ttl,
        by_then=by_then,
    )


def _source(source: DataSource | None) -> DuckDBSource:
    if isinstance(source, DuckDBSource):
        return source
    raise AlmanacError(
        f"{getattr(source, 'name', source)} is a {type(source).__name__}, not in the warehouse.\n"
        "Declare it as a DuckDBSource, then: feast apply"
    )


def _check(
    connection: duckdb.DuckDBPyConnection, entities: pa.Table, lookups: Sequence[Lookup]
) -> None:
    require_columns(entities, [key for lookup in lookups for _, key in lookup.keys])
    connection.register("given", entities)
    types = {row[0]: row[1] for row in connection.execute("describe given").fetchall()}
    for lookup in lookups:
        _check_types(types, lookup)
    taken = set(entities.column_names)
    clash = sorted(taken & {name for lookup in lookups for _, name in lookup.features})
    if clash:
        raise AlmanacError(
            f"The entity rows already have columns named as features: {', '.join(clash)}.\n"
            "Rename or drop them, or ask with full_feature_names=True."
        )


def _check_types(types: Mapping[str, str], lookup: Lookup) -> None:
    for column, key in lookup.keys:
        if not comparable(types[key], lookup.relation.columns[column]):
            raise AlmanacError(
                f"{key} is {types[key]} in the entity rows, but {column} is "
                f"{lookup.relation.columns[column]} in {lookup.relation.name}.\n"
                "Cast the key in the entity rows, then ask again."
            )


def _historical(config: RepoConfig, entities: pa.Table, lookups: Sequence[Lookup]) -> Answer:
    first, last = bounds(entities)
    queries = [lookup_sql(lookup, first, last) for lookup in lookups]
    rows = join_rows(entities, [key for lookup in lookups for _, key in lookup.keys])

    def run(connection: duckdb.DuckDBPyConnection) -> pa.Table:
        connection.register(ENTITIES, rows)
        parts = [entities, *(connection.sql(query).to_arrow_table() for query in queries)]
        return _side_by_side(parts)

    return Answer(warehouse_path(config), ";\n".join(queries), run)


def _side_by_side(parts: Sequence[pa.Table]) -> pa.Table:
    names = [name for part in parts for name in part.column_names]
    return pa.table([column for part in parts for column in part.columns], names=names)


def _metadata(feature_refs: list[str], entities: pa.Table) -> RetrievalMetadata:
    first, last = bounds(entities)
    return RetrievalMetadata(
        features=feature_refs,
        keys=[name for name in entities.column_names if name != EVENT_TIMESTAMP],
        min_event_timestamp=first and first.replace(tzinfo=UTC),
        max_event_timestamp=last and last.replace(tzinfo=UTC),
    )


def _between(column: str, start: datetime | None, end: datetime | None) -> str:
    limits = [
        f"{quote(column)}::timestamp {comparison} {literal(to_naive_utc(limit))}"
        for comparison, limit in ((">=", start), ("<=", end))
        if limit
    ]
    return " and ".join(limits) or "true"


def _newest_of(keys: Sequence[str], times: Sequence[str]) -> str:
    same = f"partition by {', '.join(map(quote, keys))} " if keys else ""
    newest = ", ".join(f"{quote(time)} desc nulls last" for time in times)
    return f"qualify row_number() over ({same}order by {newest}) = 1"


def _pull(
    config: RepoConfig, source: DataSource, columns: Sequence[str], where: str
) -> RetrievalJob:
    path = warehouse_path(config)
    with open_warehouse(path) as connection:
        relation = read_relation(connection, _source(source).relation)
    sql = _rows_sql(relation, [relation.require(name) for name in dict.fromkeys(columns)], where)
    return DuckDBRetrievalJob(Answer(path, sql, lambda c: c.sql(sql).to_arrow_table()))


def _rows_sql(relation: Relation, columns: Sequence[str], where: str) -> str:
    if not relation.has_rowid:
        return f"select {', '.join(map(quote, columns))} from {relation.sql} where {where}"
    # The window sees row numbers only: hundreds of columns do not go through its sort.
    selected = ", ".join(f"{relation.value(column, 't')} as {quote(column)}" for column in columns)
    return (
        f"select {selected} from {relation.rows} t where t.rowid in"
        f" (select rowid from {relation.rows} where {where})"
    )
