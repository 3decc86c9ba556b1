"""dbt-duckdb plugin: before dbt runs, the raw files of every declared source lie in schema landed.

dbt finds it by `profiles.yml`; the work is done by `ml.landing.land`.
"""

import logging
import sys
from pathlib import Path
from typing import Any

import duckdb
from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt.adapters.events.logging import AdapterLogger
from dbt_common.exceptions import DbtRuntimeError
from tqdm import tqdm

from ml.landing.land import Warned, await_warehouse, land_workspace
from ml.workspace.errors import AlmanacError

LOGGER = AdapterLogger("Almanac")
# On a full disk, each line that dbt's log does not take would print a traceback.
logging.raiseExceptions = False


class Plugin(BasePlugin):
    """Lands the workspace's raw files whenever dbt opens the warehouse."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Take `home`, `raw` and `project`; relative ones start at the current folder."""
        self._home = str(plugin_config.get("home") or "data")
        self._raw = str(plugin_config.get("raw") or "")
        self._project = str(plugin_config.get("project") or "dbt_project")
        self._told: set[str] = set()

    def update_connection_config(self, creds: DuckDBCredentials, config: dict[str, Any]) -> None:
        """Wait for whoever holds the warehouse, and say so: dbt's own retries are silent."""
        try:
            await_warehouse(Path(creds.path))
        except AlmanacError as error:
            raise DbtRuntimeError(str(error)) from error

    def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Bring schema `landed` up to date, or stop dbt with one message."""
        try:
            notes = land_workspace(conn, self._home, self._raw, self._project)
        except (AlmanacError, OSError) as error:
            raise DbtRuntimeError(str(error)) from error
        for note in notes:
            # dbt opens the warehouse several times a command.
            if note not in self._told:
                if isinstance(note, Warned):
                    tqdm.write(f"Warning: {note}", file=sys.stderr)
                else:
                    LOGGER.info(note)
                self._told.add(note)
