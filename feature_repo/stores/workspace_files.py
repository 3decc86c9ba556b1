"""Feast's stock registry file and stock SQLite online store, kept in the workspace.

Feast reads relative paths from the folder of `feature_store.yaml`, and knows no default for an
environment variable that is not set; these read them from the workspace's folder. The registry is
also written in one step, and emptied whole. Nothing else differs from the stock stores.
"""

from pathlib import Path

from feast.infra.online_stores.sqlite import SqliteOnlineStore, SqliteOnlineStoreConfig
from feast.infra.registry.file import FileRegistryStore
from feast.protos.feast.core.Registry_pb2 import Registry as RegistryProto
from feast.repo_config import RegistryConfig
from pydantic import field_validator

from ml.workspace.files import fresh_file
from ml.workspace.settings import workspace


class WorkspaceRegistryStore(FileRegistryStore):
    """Feast's registry in one file; a relative `path` starts in the workspace."""

    def __init__(self, registry_config: RegistryConfig, repo_path: Path) -> None:
        super().__init__(registry_config, workspace().home)

    def update_registry_proto(self, registry_proto: RegistryProto) -> None:
        """Write the registry; one without a project has no tables of an online store either."""
        if not registry_proto.projects:
            # `feast teardown` leaves them listed, so that no later `feast apply` would make them.
            registry_proto.ClearField("infra")
        super().update_registry_proto(registry_proto)

    def _write_registry(self, registry_proto: RegistryProto) -> None:
        """Write the registry beside its place, then put it there: a kill leaves it whole."""
        place = self._filepath
        try:
            with fresh_file(place) as self._filepath:
                super()._write_registry(registry_proto)
        finally:
            self._filepath = place


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
