"""Landing: the raw files of every declared source as relations of schema `landed`.

Parquet files become views, delimited text becomes tables, absent sources become empty relations.
"""

from ml.landing.land import Warned, await_warehouse, land, land_workspace, not_landed
from ml.workspace.errors import AlmanacError

__all__ = ["AlmanacError", "Warned", "await_warehouse", "land", "land_workspace", "not_landed"]
