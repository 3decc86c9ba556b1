"""What Feast stores about a table in the warehouse: the data source and the saved data set."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

from feast.data_source import DataSource
from feast.protos.feast.core.DataSource_pb2 import DataSource as DataSourceProto
from feast.protos.feast.core.SavedDataset_pb2 import SavedDatasetStorage as StorageProto
from feast.repo_config import RepoConfig
from feast.saved_dataset import SavedDatasetStorage
from feast.value_type import ValueType

from feature_repo.stores.duckdb_types import feast_type, is_moment
from feature_repo.stores.relations import Relation, quote, read_relation, split_name
from ml.config import AlmanacError, workspace
from ml.warehouse import open_warehouse


def warehouse_path(config: RepoConfig) -> Path:
    """Return the DuckDB file that `offline_store.database` names, relative to the workspace."""
    return workspace().home / str(config.offline_store.database)


class DuckDBSource(DataSource):
    """A table or view in the warehouse, read where it lies.

    Args:
        relation: `schema.table`.
        timestamp_field: the column that says when a row could be known; naive means UTC.
        name: unique in the project; the relation's name unless given.
        created_timestamp_column: breaks ties of key and timestamp, the newest row wins.
        field_mapping: column to feature names, where they differ.
        description: for people.
        tags: for people.
        owner: for people.
    """

    def __init__(  # noqa: PLR0913  # Feast passes all of them by name
        self,
        *,
        relation: str,
        timestamp_field: str,
        name: str = "",
        created_timestamp_column: str = "",
        field_mapping: dict[str, str] | None = None,
        description: str = "",
        tags: dict[str, str] | None = None,
        owner: str = "",
    ) -> None:
        self.relation = relation
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
        return hash((self.name, self.relation))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, DuckDBSource)
            and bool(super().__eq__(other))  # type: ignore[no-untyped-call]  # Feast's
            and self.relation == other.relation
        )

    def source_type(self) -> DataSourceProto.SourceType.ValueType:
        """Return Feast's mark for sources that it does not know itself."""
        return DataSourceProto.CUSTOM_SOURCE

    @staticmethod
    def from_proto(data_source: DataSourceProto) -> "DuckDBSource":
        """Return the source that `data_source`, taken from the registry, describes."""
        return DuckDBSource(
            relation=json.loads(data_source.custom_options.configuration)["relation"],
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
            custom_options=_options(self.relation),
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
        """Return the relation as SQL names it."""
        return ".".join(quote(part) for part in split_name(self.relation))

    def get_table_column_names_and_types(self, config: RepoConfig) -> Iterable[tuple[str, str]]:
        """Return the relation's columns with their DuckDB types, in order.

        Raises:
            AlmanacError: the warehouse or the relation is absent.
        """
        return list(self._read(config).columns.items())

    def validate(self, config: RepoConfig) -> None:
        """Check that the relation is there and that its timestamps are timestamps.

        Raises:
            AlmanacError: the warehouse, the relation or a timestamp column is missing or wrong.
        """
        relation = self._read(config)
        named = {value: key for key, value in self.field_mapping.items()}
        for field in filter(None, (self.timestamp_field, self.created_timestamp_column)):
            kind = relation.columns[relation.require(named.get(field, field))]
            if not is_moment(kind):
                raise AlmanacError(
                    f"{self.relation}: {field} must be a timestamp, but it is {kind}.\n"
                    "Cast it in the dbt model, then: dbt build"
                )

    def _read(self, config: RepoConfig) -> Relation:
        with open_warehouse(warehouse_path(config)) as connection:
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
        return self._custom_storage_proto(_options(self.relation))

    def to_data_source(self) -> DataSource:
        """Return the source that reads the saved rows back."""
        return DuckDBSource(relation=self.relation, timestamp_field="event_timestamp")


def _options(relation: str) -> DataSourceProto.CustomSourceOptions:
    return DataSourceProto.CustomSourceOptions(
        configuration=json.dumps({"relation": relation}).encode()
    )
