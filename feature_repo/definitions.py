"""What `feast apply` registers: everything that the dbt manifest and the warehouse declare."""

import warnings

from feature_repo.build import feast_objects
from ml.workspace.errors import AlmanacError
from ml.workspace.settings import workspace

# Whoever applies did not choose them: that they are experimental is not news at every apply.
warnings.filterwarnings("ignore", "On demand feature view is an experimental", RuntimeWarning)

try:
    _objects = feast_objects(workspace())
except AlmanacError as error:
    # Feast shows what an import raises with its whole traceback; the message says enough.
    raise SystemExit(str(error)) from error

# Feast collects the module's attributes.
globals().update({f"{type(item).__name__}_{item.name}": item for item in _objects})
