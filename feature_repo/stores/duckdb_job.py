"""Retrieval jobs: queries that open the warehouse, fetch their result and close it."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import duckdb
import pandas as pd
import pyarrow as pa
from feast.errors import SavedDatasetLocationAlreadyExists
from feast.infra.offline_stores.offline_store import RetrievalJob, RetrievalMetadata
from feast.on_demand_feature_view import OnDemandFeatureView
from feast.repo_config import RepoConfig
from feast.saved_dataset import SavedDatasetStorage

from feature_repo.stores.by_bucket import BucketRetrieval
from feature_repo.stores.duckdb_source import SavedDatasetDuckDBStorage, open_store
from feature_repo.stores.relations import exists, split_name
from feature_repo.stores.retrieval import Call, FeatureMatrix, Retrieval
from ml.data.mapped import MatrixMaker, in_memory
from ml.workspace.errors import BadInput
from ml.workspace.sql import quoted

ROWS_PER_BATCH = 100_000


class Answer(Protocol):
    """The result of a job: its SQL, and its rows as one table or in parts."""

    def sql(self, connection: duckdb.DuckDBPyConnection) -> str:
        """Return the statements that are run, in order."""

    def table(self, connection: duckdb.DuckDBPyConnection) -> pa.Table:
        """Return all rows."""

    def parts(self, connection: duckdb.DuckDBPyConnection, rows: int) -> Iterator[pa.Table]:
        """Return the same rows in parts, at least one, of at most `rows`."""


@dataclass(frozen=True)
class QueryAnswer:
    """The result of a single query."""

    text: str

    def sql(self, connection: duckdb.DuckDBPyConnection) -> str:
        """Return the query."""
        return self.text

    def table(self, connection: duckdb.DuckDBPyConnection) -> pa.Table:
        """Return all rows."""
        return connection.sql(self.text).to_arrow_table()

    def parts(self, connection: duckdb.DuckDBPyConnection, rows: int) -> Iterator[pa.Table]:
        """Return the same rows in parts of at most `rows`; the last may be empty."""
        reader = connection.sql(self.text).to_arrow_reader(rows)
        yield from (pa.Table.from_batches([batch]) for batch in reader)
        yield reader.schema.empty_table()


class DuckDBRetrievalJob(RetrievalJob):
    """A query over the warehouse, run at every call; the file is open only during the call."""

    def __init__(
        self,
        config: RepoConfig,
        answer: Answer,
        full_feature_names: bool = False,
        on_demand_feature_views: Sequence[OnDemandFeatureView] = (),
        metadata: RetrievalMetadata | None = None,
    ) -> None:
        self._config = config
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
        with open_store(self._config) as connection:
            return self._answer.sql(connection)

    def to_arrow_batches(self, rows: int = ROWS_PER_BATCH) -> pa.RecordBatchReader:
        """Return the rows of `to_arrow`, in its order, as batches of at most `rows`.

        No more than a few batches are in memory at any time. The warehouse is held until the
        reader is read to its end or let go.

        Raises:
            AlmanacError: `rows` is less than 1.
        """
        if rows < 1:
            raise BadInput(f"A batch has at least one row, not {rows}.", "Ask for more.")
        rest = self._parts(rows)
        first = next(rest)
        parts = itertools.chain([first], rest)
        batches = (batch for part in parts for batch in _batches(part, first.schema))
        return pa.RecordBatchReader.from_batches(first.schema, batches)

    def persist(
        self,
        storage: SavedDatasetStorage,
        allow_overwrite: bool = False,
        timeout: int | None = None,
    ) -> None:
        """Write the answer to a table of the warehouse, batch by batch; all of it or nothing.

        Raises:
            SavedDatasetLocationAlreadyExists: the table is there and may not be overwritten.
            AlmanacError: the storage is not a table of the warehouse.
        """
        if not isinstance(storage, SavedDatasetDuckDBStorage):
            raise BadInput(
                f"{type(storage).__name__} is not in the warehouse.",
                "Give a SavedDatasetDuckDBStorage(relation='schema.table').",
            )
        with open_store(self._config, read_only=False) as connection:
            if exists(connection, storage.relation) and not allow_overwrite:
                raise SavedDatasetLocationAlreadyExists(storage.relation)
            _save(connection, self._parts_on(connection, ROWS_PER_BATCH), storage.relation)

    def _to_arrow_internal(self, timeout: int | None = None) -> pa.Table:
        with open_store(self._config) as connection:
            return self._answer.table(connection)

    def _to_df_internal(self, timeout: int | None = None) -> pd.DataFrame:
        frame: pd.DataFrame = self._to_arrow_internal(timeout).to_pandas()
        return frame

    def _parts(self, rows: int) -> Iterator[pa.Table]:
        with open_store(self._config) as connection:
            yield from self._parts_on(connection, rows)

    def _parts_on(self, connection: duckdb.DuckDBPyConnection, rows: int) -> Iterator[pa.Table]:
        for part in self._answer.parts(connection, rows):
            yield _Fetched(self, part).to_arrow()


class _Fetched(DuckDBRetrievalJob):
    """Part of a job's rows, for Feast to compute its on-demand features."""

    def __init__(self, job: DuckDBRetrievalJob, rows: pa.Table) -> None:
        self.__dict__ |= job.__dict__
        self._rows = rows

    def _to_arrow_internal(self, timeout: int | None = None) -> pa.Table:
        return self._rows


class HistoricalRetrievalJob(DuckDBRetrievalJob):
    """The entity rows with the features of their moments."""

    _answer: Retrieval | BucketRetrieval

    def to_matrix(self, make: MatrixMaker = in_memory) -> FeatureMatrix:
        """Return the entity rows with all features as one float32 matrix, rows as in `to_arrow`.

        Vectors go there without a column in between. A feature that is null is NaN. `make` says
        where the matrix lies.

        Raises:
            AlmanacError: a feature is no number, or is computed on demand.
        """
        self._require_matrix()
        with open_store(self._config) as connection:
            return self._answer.matrix(connection, make)

    def to_matrices(self, rows: int) -> Iterator[FeatureMatrix]:
        """Return the same in parts of at most `rows` rows; one part is in memory at a time.

        The warehouse is held until the last part is taken.

        Raises:
            AlmanacError: as `to_matrix`.
        """
        self._require_matrix()
        with open_store(self._config) as connection:
            yield from self._answer.matrices(connection, rows)

    def apply(self, rows: int, call: Call) -> Iterator[pa.Table]:
        """Yield what `call` makes of `to_matrices`, by bucket and in no order where a lake has it.

        Raises:
            AlmanacError: as `to_matrix`, or `call` raised it.
        """
        self._require_matrix()
        with open_store(self._config) as connection:
            yield from self._answer.apply(connection, rows, call)

    def _require_matrix(self) -> None:
        if self.on_demand_feature_views:
            names = ", ".join(view.name for view in self.on_demand_feature_views)
            raise BadInput(
                f"On-demand features come as columns only, and {names} is on demand.",
                "Use to_arrow or to_df, or ask without it.",
            )
        self._answer.require_numbers()


def _batches(part: pa.Table, schema: pa.Schema) -> list[pa.RecordBatch]:
    # pandas may have given a part's on-demand column another type, such as null.
    return list(part.cast(schema).combine_chunks().to_batches())


def _save(connection: duckdb.DuckDBPyConnection, parts: Iterable[pa.Table], relation: str) -> None:
    schema, table = (quoted(part) for part in split_name(relation))
    # A separate cursor: the connection itself is still reading the parts.
    writer = connection.cursor()
    writer.execute(f"begin; create schema if not exists {schema}")
    for number, part in enumerate(parts):
        writer.register("saved_rows", part)
        if not number:
            described = writer.execute("describe saved_rows").fetchall()
            columns = ", ".join(f"{quoted(row[0])} {row[1]}" for row in described)
            writer.execute(f"create or replace table {schema}.{table} ({columns})")
        writer.execute(f"insert into {schema}.{table} from saved_rows")
        writer.unregister("saved_rows")
    writer.execute("commit")
