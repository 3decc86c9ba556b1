"""Feast's offline store over the DuckDB warehouse: point-in-time features where the tables lie."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from feast.data_source import DataSource
from feast.feature_logging import LoggingConfig, LoggingSource
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

from feature_repo.stores.by_bucket import by_bucket
from feature_repo.stores.duckdb_job import DuckDBRetrievalJob, HistoricalRetrievalJob, QueryAnswer
from feature_repo.stores.duckdb_source import DuckDBLoggingDestination, open_store
from feature_repo.stores.entities import EVENT_TIMESTAMP, bounds, read_entities
from feature_repo.stores.lookups import check_entities, lookup_of, warehouse_source
from feature_repo.stores.point_in_time import known_rows_sql, moment_sql
from feature_repo.stores.relations import Relation
from feature_repo.stores.retrieval import Retrieval
from feature_repo.stores.writing import append, append_log
from ml.workspace.errors import BadInput
from ml.workspace.sql import quoted


class DuckDBOfflineStoreConfig(FeastConfigBaseModel):
    """The offline store's settings.

    `database`, the warehouse, starts in the workspace. `memory_limit` is what DuckDB may hold
    beside the answer itself; what is more goes to the disk.
    """

    type: Literal["feature_repo.stores.duckdb_offline.DuckDBOfflineStore"] = (
        "feature_repo.stores.duckdb_offline.DuckDBOfflineStore"
    )
    database: str = "warehouse.duckdb"
    memory_limit: str = "1GB"


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
        with open_store(config) as connection:
            lookups = [
                lookup_of(connection, view, names, full_feature_names, filter_by_created_timestamp)
                for view, names in wanted.items()
            ]
            if entity_df is None:
                first, last = compute_non_entity_date_range([*wanted], start_date, end_date)
                entity_df = known_rows_sql(lookups, to_naive_utc(first), to_naive_utc(last))
            entities = read_entities(entity_df, connection)
            check_entities(connection, entities, lookups)
            asked = by_bucket(connection, Retrieval(entities, tuple(lookups)))
        metadata = _metadata(feature_refs, entities)
        return HistoricalRetrievalJob(config, asked, full_feature_names, on_demand, metadata)

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
        """Append `table` to the view's relation, columns by name: all rows or none.

        Raises:
            AlmanacError: the source is no table, or columns or types differ from the table's.
        """
        source = warehouse_source(feature_view.batch_source)
        if source.query:
            raise BadInput(
                f"{source.name} is a query, and rows are appended to tables only.",
                "Write to the tables that it reads.",
            )
        with open_store(config, read_only=False) as connection:
            append(connection, source.relation, table)
        if progress:
            progress(table.num_rows)

    @staticmethod
    def write_logged_features(
        config: RepoConfig,
        data: pa.Table | Path,
        source: LoggingSource,
        logging_config: LoggingConfig,
        registry: BaseRegistry,
    ) -> None:
        """Append what was served, a table or a folder of Parquet files, to the log's table.

        The table is made at the first call, with the columns that `source` states.

        Raises:
            AlmanacError: the destination is no table of the warehouse, or columns or types differ.
        """
        destination = logging_config.destination
        if not isinstance(destination, DuckDBLoggingDestination):
            raise BadInput(
                f"{type(destination).__name__} is not in the warehouse.",
                "Log to DuckDBLoggingDestination(relation='schema.table').",
            )
        rows = pq.read_table(data) if isinstance(data, Path) else data
        with open_store(config, read_only=False) as connection:
            append_log(connection, destination.relation, source.get_schema(registry), rows)


def _metadata(feature_refs: list[str], entities: pa.Table) -> RetrievalMetadata:
    limits = bounds(entities)
    return RetrievalMetadata(
        features=feature_refs,
        keys=[name for name in entities.column_names if name != EVENT_TIMESTAMP],
        min_event_timestamp=limits.first and limits.first.replace(tzinfo=UTC),
        max_event_timestamp=limits.last and limits.last.replace(tzinfo=UTC),
    )


def _between(column: str, start: datetime | None, end: datetime | None) -> str:
    limits = [
        f"{quoted(column)}::timestamp {comparison} {moment_sql(to_naive_utc(limit))}"
        for comparison, limit in ((">=", start), ("<=", end))
        if limit
    ]
    return " and ".join(limits) or "true"


def _newest_of(keys: Sequence[str], times: Sequence[str]) -> str:
    same = f"partition by {', '.join(map(quoted, keys))} " if keys else ""
    newest = ", ".join(f"{quoted(time)} desc nulls last" for time in times)
    return f"qualify row_number() over ({same}order by {newest}) = 1"


def _pull(
    config: RepoConfig, source: DataSource, columns: Sequence[str], where: str
) -> RetrievalJob:
    with open_store(config) as connection:
        relation = warehouse_source(source).read(connection)
    sql = _rows_sql(relation, [relation.require(name) for name in dict.fromkeys(columns)], where)
    return DuckDBRetrievalJob(config, QueryAnswer(sql))


def _rows_sql(relation: Relation, columns: Sequence[str], where: str) -> str:
    if not relation.has_rowid:
        return f"select {', '.join(map(quoted, columns))} from {relation.sql} where {where}"
    # The window sees row numbers only: hundreds of columns do not go through its sort.
    selected = ", ".join(f"{relation.value(column, 't')} as {quoted(column)}" for column in columns)
    return (
        f"select {selected} from {relation.rows} t where t.rowid in"
        f" (select rowid from {relation.rows} where {where})"
    )
