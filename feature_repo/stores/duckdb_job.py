"""Retrieval jobs: queries that open the warehouse, take their answer away and close it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
from feast.errors import SavedDatasetLocationAlreadyExists
from feast.infra.offline_stores.offline_store import RetrievalJob, RetrievalMetadata
from feast.on_demand_feature_view import OnDemandFeatureView
from feast.saved_dataset import SavedDatasetStorage

from feature_repo.stores.duckdb_source import SavedDatasetDuckDBStorage
from feature_repo.stores.relations import quote, split_name
from ml.config import AlmanacError
from ml.warehouse import open_warehouse


@dataclass(frozen=True)
class Answer:
    """How a job answers: from which warehouse, by what SQL, put together how."""

    warehouse: Path
    sql: str
    run: Callable[[duckdb.DuckDBPyConnection], pa.Table]


class DuckDBRetrievalJob(RetrievalJob):
    """A query over the warehouse, run anew at every call; the file is held only meanwhile."""

    def __init__(
        self,
        answer: Answer,
        full_feature_names: bool = False,
        on_demand_feature_views: Sequence[OnDemandFeatureView] = (),
        metadata: RetrievalMetadata | None = None,
    ) -> None:
        self._answer = answer
        self._full_feature_names = full_feature_names
        self._on_demand_feature_views = list(on_demand_feature_views)
        self._metadata = metadata

    @property
    def full_feature_names(self) -> bool:
        """Whether feature columns carry their view's name: `view__feature`."""
        return self._full_feature_names

    @property
    def on_demand_feature_views(self) -> list[OnDemandFeatureView]:
        """The on-demand views that Feast computes from the answer."""
        return self._on_demand_feature_views

    @property
    def metadata(self) -> RetrievalMetadata | None:
        """The features, keys and first and last moments asked for; None for pulled rows."""
        return self._metadata

    def to_sql(self) -> str:
        """Return the statements that the job runs, in order."""
        return self._answer.sql

    def _to_arrow_internal(self, timeout: int | None = None) -> pa.Table:
        with open_warehouse(self._answer.warehouse) as connection:
            return self._answer.run(connection)

    def _to_df_internal(self, timeout: int | None = None) -> pd.DataFrame:
        frame: pd.DataFrame = self._to_arrow_internal(timeout).to_pandas()
        return frame

    def persist(
        self,
        storage: SavedDatasetStorage,
        allow_overwrite: bool = False,
        timeout: int | None = None,
    ) -> None:
        """Write the answer to a table of the warehouse.

        Raises:
            SavedDatasetLocationAlreadyExists: the table is there and may not be overwritten.
            AlmanacError: the storage is not a table of the warehouse.
        """
        if not isinstance(storage, SavedDatasetDuckDBStorage):
            raise AlmanacError(
                f"{type(storage).__name__} is not in the warehouse.\n"
                "Give a SavedDatasetDuckDBStorage(relation='schema.table')."
            )
        rows = self.to_arrow(timeout=timeout)
        with open_warehouse(self._answer.warehouse, read_only=False) as connection:
            _save(connection, rows, storage.relation, allow_overwrite)


def _save(
    connection: duckdb.DuckDBPyConnection, rows: pa.Table, relation: str, overwrite: bool
) -> None:
    schema, table = (quote(part) for part in split_name(relation))
    connection.execute(f"create schema if not exists {schema}")
    connection.register("saved_rows", rows)
    try:
        connection.execute(
            f"create {'or replace ' if overwrite else ''}table {schema}.{table}"
            " as select * from saved_rows"
        )
    except duckdb.CatalogException as error:
        raise SavedDatasetLocationAlreadyExists(relation) from error
