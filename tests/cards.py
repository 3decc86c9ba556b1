"""A complete model card and a target, for tests that need one."""

from typing import Any

from ml.registry.card import Card
from ml.workspace.targets import Target

PARTS: dict[str, Any] = {
    "target": "t",
    "model_id": "t-1",
    "family": "lightgbm",
    "features": [{"name": "a", "dtype": "double", "view": "v"}],
    "threshold": 0.5,
    "prevalence": 0.1,
    "training_rows": 10,
    "training_positives": 1,
    "metrics": {},
    "protocol": ["Judged on nothing."],
    "training_set_hash": "",
    "manifest_hash": "",
    "packages": {},
}


def card(**changes: Any) -> Card:
    """Return the card of a model `t-1` of target `t` with these fields changed."""
    return Card.model_validate(PARTS | changes)


def target(validation: str = "stratified") -> Target:
    """Return a target `t`, without time unless `temporal`."""
    return Target("t", "t", "binary", 1, "roc_auc", validation, (), None, "", 0, 0)
