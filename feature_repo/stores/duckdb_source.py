"""What Feast stores about tables of the warehouse: sources, saved data sets, logs of serving."""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
from feast.data_source import DataSource
from feast.feature_logging import LOG_TIMESTAMP_FIELD, LoggingDestination
from feast.protos.feast.core.DataSource_pb2 import DataSource as DataSourceProto
from feast.protos.feast.core.FeatureService_pb2 import LoggingConfig as LoggingConfigProto
from feast.protos.feast.core.SavedDataset_pb2 import SavedDatasetStorage as StorageProto
from feast.repo_config import RepoConfig
from feast.saved_dataset import SavedDatasetStorage
from feast.value_type import ValueType

from feature_repo.stores.duckdb_kinds import is_moment
from feature_repo.stores.duckdb_types import feast_type
from feature_repo.stores.relations import (
    Relation,
    in_brackets,
    read_query,
    read_relation,
    split_name,
)
from ml.workspace.errors import BadInput
from ml.workspace.settings import workspace
from ml.workspace.sql import quoted
from ml.workspace.warehouse import open_warehouse


def warehouse_path(config: RepoConfig) -> Path:
    """Return the DuckDB file that `offline_store.database` names, relative to the workspace."""
    return workspace().home / str(config.offline_store.database)


@contextmanager
def open_store(
    config: RepoConfig, *, read_only: bool = True
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a UTC connection to the warehouse of `config`, held to its memory limit."""
    with open_warehouse(warehouse_path(config), read_only=read_only) as connection:
        connection.execute(f"set memory_limit = '{config.offline_store.memory_limit}'")
        yield connection


class DuckDBSource(DataSource):
    """A table, view or query of the warehouse, read where it lies.

    Args:
        timestamp_field: the column that says when a row could be known; naive means UTC.
        relation: `schema.table`; or else
        query: SQL over the warehouse, `select …`.
        name: unique in the project; the relation's name unless given. A query must have one.
        created_timestamp_column: breaks ties of key and timestamp, the newest row wins.
        field_mapping: column to feature names, where they differ.
        description: for people.
        tags: for people.
        owner: for people.
    """

    def __init__(  # noqa: PLR0913  # Feast passes all of them by name
        self,
        *,
        timestamp_field: str,
        relation: str = "",
        query: str = "",
        name: str = "",
        created_timestamp_column: str = "",
        field_mapping: dict[str, str] | None = None,
        description: str = "",
        tags: dict[str, str] | None = None,
        owner: str = "",
    ) -> None:
        if bool(relation) == bool(query):
            raise BadInput(
                f"The source {name or timestamp_field} has {'both' if query else 'neither'} "
                "relation= and query=.",
                "Give a DuckDBSource one of them.",
            )
        if not (name or relation):
            raise BadInput(f"The source of {query!r} has no name.", "Give it one: name=…")
        self.relation = relation
        self.query = query
        self.found: Relation | None = None
        super().__init__(
            name=name or relation,
            timestamp_field=timestamp_field,
            created_timestamp_column=created_timestamp_column,
            field_mapping=field_mapping,
            description=description,
            tags=tags,
            owner=owner,
        )

    def __hash__(self) -> int:
        return hash((self.name, self.relation, self.query))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, DuckDBSource)
            and bool(super().__eq__(other))  # type: ignore[no-untyped-call]  # Feast's
            and (self.relation, self.query) == (other.relation, other.query)
        )

    def source_type(self) -> DataSourceProto.SourceType.ValueType:
        """Return Feast's mark for sources that it does not know itself."""
        return DataSourceProto.CUSTOM_SOURCE

    @staticmethod
    def from_proto(data_source: DataSourceProto) -> "DuckDBSource":
        """Return the source that `data_source`, taken from the registry, describes."""
        return DuckDBSource(
            **json.loads(data_source.custom_options.configuration),
            timestamp_field=data_source.timestamp_field,
            name=data_source.name,
            created_timestamp_column=data_source.created_timestamp_column,
            field_mapping=dict(data_source.field_mapping),
            description=data_source.description,
            tags=dict(data_source.tags),
            owner=data_source.owner,
        )

    def _to_proto_impl(self) -> DataSourceProto:
        return DataSourceProto(
            name=self.name,
            type=DataSourceProto.CUSTOM_SOURCE,
            data_source_class_type=f"{DuckDBSource.__module__}.{DuckDBSource.__qualname__}",
            custom_options=_options(query=self.query)
            if self.query
            else _options(relation=self.relation),
            timestamp_field=self.timestamp_field,
            created_timestamp_column=self.created_timestamp_column,
            field_mapping=self.field_mapping,
            description=self.description,
            tags=self.tags,
            owner=self.owner,
        )

    @staticmethod
    def source_datatype_to_feast_value_type() -> Callable[[str], ValueType]:
        """Return the function from DuckDB's type names to Feast's types."""
        return feast_type

    def get_table_query_string(self) -> str:
        """Return the relation as SQL names it, or the query in brackets."""
        if self.query:
            return in_brackets(self.query)
        return ".".join(quoted(part) for part in split_name(self.relation))

    def get_table_column_names_and_types(self, config: RepoConfig) -> Iterable[tuple[str, str]]:
        """Return the relation's columns with their DuckDB types, in order.

        Raises:
            AlmanacError: the warehouse or the relation is absent, or the query fails.
        """
        return list(self._read(config).columns.items())

    def validate(self, config: RepoConfig) -> None:
        """Check that relation or query can be read and that its timestamps are timestamps.

        Raises:
            AlmanacError: the warehouse, the relation or a timestamp column is missing or wrong.
        """
        relation = self.found or self._read(config)
        named = {value: key for key, value in self.field_mapping.items()}
        for field in filter(None, (self.timestamp_field, self.created_timestamp_column)):
            kind = relation.columns[relation.require(named.get(field, field))]
            if not is_moment(kind):
                raise BadInput(
                    f"{self.name}: {field} must be a timestamp, but it is {kind}.",
                    "Cast it in the dbt model, then: dbt build",
                )

    def with_relation(self, found: Relation) -> "DuckDBSource":
        """Return the source, which `validate` then judges by `found`, as it was read just before.

        Feast validates each source by itself: opening the warehouse for each takes seconds.
        """
        self.found = found
        return self

    def _read(self, config: RepoConfig) -> Relation:
        with open_store(config) as connection:
            return self.read(connection)

    def read(self, connection: duckdb.DuckDBPyConnection) -> Relation:
        """Return the table, view or query with its columns as they are now.

        Raises:
            AlmanacError: the relation is absent, or the query fails.
        """
        if self.query:
            return read_query(connection, self.name, self.query)
        return read_relation(connection, self.relation)


class SavedDatasetDuckDBStorage(SavedDatasetStorage):
    """A table of the warehouse that keeps a retrieved data set; `relation` is `schema.table`."""

    _proto_attr_name = "custom_storage"

    def __init__(self, relation: str) -> None:
        self.relation = relation

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SavedDatasetDuckDBStorage) and self.relation == other.relation

    def __hash__(self) -> int:
        return hash(self.relation)

    @staticmethod
    def from_proto(storage_proto: StorageProto) -> "SavedDatasetDuckDBStorage":
        """Return the storage that `storage_proto`, taken from the registry, describes."""
        options = json.loads(storage_proto.custom_storage.configuration)
        return SavedDatasetDuckDBStorage(options["relation"])

    def to_proto(self) -> StorageProto:
        """Return what the registry keeps of this storage."""
        return self._custom_storage_proto(_options(relation=self.relation))

    def to_data_source(self) -> DataSource:
        """Return the source that reads the saved rows back."""
        return DuckDBSource(relation=self.relation, timestamp_field="event_timestamp")


class DuckDBLoggingDestination(LoggingDestination):
    """A table of the warehouse to which served features are logged; `relation`: `schema.table`."""

    _proto_kind = "duckdb"

    def __init__(self, relation: str) -> None:
        self.relation = relation

    @classmethod
    def from_proto(cls, config_proto: LoggingConfigProto) -> "DuckDBLoggingDestination":
        """Return the destination that `config_proto`, taken from the registry, describes."""
        return cls(config_proto.custom_destination.config["relation"])

    def to_proto(self) -> LoggingConfigProto:
        """Return what the registry keeps of this destination."""
        kept = {"relation": self.relation}
        custom = LoggingConfigProto.CustomDestination(kind=self._proto_kind, config=kept)
        return LoggingConfigProto(custom_destination=custom)

    def to_data_source(self) -> DataSource:
        """Return the source that reads the log back."""
        return DuckDBSource(relation=self.relation, timestamp_field=LOG_TIMESTAMP_FIELD)


def _options(**options: str) -> DataSourceProto.CustomSourceOptions:
    return DataSourceProto.CustomSourceOptions(configuration=json.dumps(options).encode())
