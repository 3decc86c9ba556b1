"""What `feast apply` registers: everything that the dbt manifest and the warehouse declare."""

from feature_repo.build import feast_objects
from ml.config import AlmanacError, workspace

try:
    _objects = feast_objects(workspace())
except AlmanacError as error:
    # Feast shows what an import raises with its whole traceback; the message says enough.
    raise SystemExit(str(error)) from error

# Feast collects the module's attributes.
globals().update({f"{type(item).__name__}_{item.name}": item for item in _objects})
