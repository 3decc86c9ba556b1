"""The monitoring marts of the warehouse, opened where they are built."""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from ml.workspace.errors import NotBuilt
from ml.workspace.monitoring import monitoring_settings
from ml.workspace.settings import Workspace
from ml.workspace.warehouse import open_warehouse

MARTS = (
    "mart_monitoring_sources",
    "mart_monitoring_features",
    "mart_monitoring_scores",
    "mart_monitoring_attribution",
    "mart_monitoring_outcomes",
    "mart_monitoring_calibration",
)


@contextmanager
def open_marts(ws: Workspace) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection to the warehouse whose schema `marts` has all of MARTS.

    Raises:
        AlmanacError: there is no warehouse, it has no such marts, or workspace.yml has a wrong
            section `monitoring`.
    """
    # The next build would refuse a wrong section; whoever reads should know at once.
    monitoring_settings(ws)
    with open_warehouse(ws.warehouse) as connection:
        found = connection.execute(
            "select table_name from information_schema.tables where table_schema = 'marts'"
        ).fetchall()
        if missing := set(MARTS) - {name for (name,) in found}:
            build = "dbt build --select tag:monitoring" if "lake" in ws.settings else "dbt build"
            raise NotBuilt(f"{ws.warehouse} has no marts.{min(missing)}.", f"Build it: {build}")
        yield connection
