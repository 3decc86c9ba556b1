"""Feast's stock registry file and stock SQLite online store, kept in the workspace.

Feast reads relative paths from the folder of `feature_store.yaml`, and knows no default for an
environment variable that is not set; these read them from the workspace's folder. The registry is
also written in one step, and emptied whole. Nothing else differs from the stock stores.
"""

import uuid
from datetime import UTC, datetime
from pathlib import Path

from feast.infra.online_stores.sqlite import SqliteOnlineStore, SqliteOnlineStoreConfig
from feast.infra.registry.file import FileRegistryStore
from feast.protos.feast.core.Registry_pb2 import Registry as RegistryProto
from feast.protos.feast.core.SqliteTable_pb2 import SqliteTable
from feast.repo_config import RegistryConfig
from google.protobuf.message import DecodeError
from pydantic import field_validator

from ml.workspace.errors import NotBuilt
from ml.workspace.files import fresh_file
from ml.workspace.settings import workspace


class WorkspaceRegistryStore(FileRegistryStore):
    """Feast's registry in one file; a relative `path` starts in the workspace."""

    def __init__(self, registry_config: RegistryConfig, repo_path: Path) -> None:
        super().__init__(registry_config, workspace().home)

    def get_registry_proto(self) -> RegistryProto:
        """Read the registry.

        Raises:
            AlmanacError: the file is not one that Feast wrote.
        """
        try:
            read = super().get_registry_proto()  # type: ignore[no-untyped-call]  # Feast's
            return _in_home(read, workspace().home)
        except DecodeError as error:
            raise NotBuilt(
                f"Feast's registry {self._filepath} is damaged: {error}.",
                "All that it holds is in dbt's models. Remove it, then register anew: "
                f"rm {self._filepath} && feast apply",
            ) from error

    def update_registry_proto(self, registry_proto: RegistryProto) -> None:
        """Write the registry; one without a project has no tables of an online store either."""
        if not registry_proto.projects:
            # `feast teardown` leaves them listed, so that no later `feast apply` would make them.
            registry_proto.ClearField("infra")
        super().update_registry_proto(registry_proto)

    def _write_registry(self, registry_proto: RegistryProto) -> None:
        """Write the registry whole or not at all; Feast's own code takes half of it for done."""
        registry_proto.version_id = str(uuid.uuid4())
        registry_proto.last_updated.FromDatetime(datetime.now(UTC))
        with fresh_file(self._filepath) as fresh:
            fresh.write_bytes(_below_home(registry_proto, workspace().home).SerializeToString())


def _below_home(registry: RegistryProto, home: Path) -> RegistryProto:
    """Return a copy that names the online store's file as seen from the workspace.

    A copied workspace would else drop tables from the store of the one that it was copied from.
    """
    copied = RegistryProto()
    copied.CopyFrom(registry)
    for table in _sqlite_tables(copied):
        if Path(table.path).is_relative_to(home):
            table.path = str(Path(table.path).relative_to(home))
    return copied


def _in_home(registry: RegistryProto, home: Path) -> RegistryProto:
    """Name the online store's file in full, wherever the workspace now lies."""
    for table in _sqlite_tables(registry):
        table.path = str(home / table.path)
    return registry


def _sqlite_tables(registry: RegistryProto) -> list[SqliteTable]:
    found = registry.infra.infra_objects
    return [each.sqlite_table for each in found if each.HasField("sqlite_table")]


class WorkspaceSqliteOnlineStoreConfig(SqliteOnlineStoreConfig):
    """Feast's SQLite settings; a relative `path` starts in the workspace."""

    @field_validator("type", mode="before")
    @classmethod
    def _stock(cls, _: str) -> str:
        # By this name Feast knows the stores whose changes `feast apply` can show beforehand.
        return "sqlite"

    @field_validator("path")
    @classmethod
    def _in_workspace(cls, path: str) -> str:
        return str(workspace().home / path)


# Feast finds the store by its settings' module and name.
WorkspaceSqliteOnlineStore = SqliteOnlineStore
