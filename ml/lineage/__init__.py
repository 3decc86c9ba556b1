"""What commands read and write, told to OpenLineage where that is configured.

`run` is the way in for every command's body. Nothing of OpenLineage is imported where it is not
configured or not installed.
"""

from ml.lineage.builds import tell_build
from ml.lineage.described import (
    JobRun,
    NamedDataset,
    feature_tables,
    folder,
    online_view,
    published,
    table,
)
from ml.lineage.job_run import run

__all__ = [
    "JobRun",
    "NamedDataset",
    "feature_tables",
    "folder",
    "online_view",
    "published",
    "run",
    "table",
    "tell_build",
]
