"""What `feast apply` registers: everything that the dbt manifest and the warehouse declare."""

import warnings

from feature_repo.build import feast_objects
from ml.workspace.errors import AlmanacError
from ml.workspace.settings import workspace

# The user did not choose on-demand views; the warning at every apply would not help.
warnings.filterwarnings("ignore", "On demand feature view is an experimental", RuntimeWarning)

try:
    _objects = feast_objects(workspace())
except AlmanacError as error:
    # Feast prints the traceback of an error raised at import; the message alone is enough.
    raise SystemExit(str(error)) from error

# Feast collects the module's attributes.
globals().update({f"{type(item).__name__}_{item.name}": item for item in _objects})
