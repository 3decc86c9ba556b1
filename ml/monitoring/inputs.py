"""How much of a model's importance lies in features that are alarmed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ml.registry.artifact import IMPORTANCE

# From this share on, alarmed inputs explain a model's outcome and make it due for training.
TELLING_SHARE = 0.1


@dataclass(frozen=True)
class AlarmedInputs:
    """A model's alarmed inputs: how many, their share of its importance (0 to 1), the strongest.

    `cause` is why the strongest is alarmed.
    """

    count: int
    share: float
    strongest: str
    cause: str

    @property
    def tells(self) -> bool:
        """Whether they carry enough of the model to explain what became of it."""
        return self.share >= TELLING_SHARE


def alarmed_inputs(model: Path, causes: Mapping[str, str]) -> AlarmedInputs | None:
    """Return the alarmed inputs of the model in this folder; None where it has none, or is gone.

    `causes` are those of all alarmed features, by name.
    """
    shares = importance_of(model)
    alarmed = [name for name in causes if name in shares]
    if not alarmed:
        return None
    strongest = max(alarmed, key=lambda name: (shares[name], name))
    share = sum(shares[name] for name in alarmed)
    return AlarmedInputs(len(alarmed), share, strongest, causes[strongest])


def importance_of(model: Path) -> dict[str, float]:
    """Return each feature's share of the importance; empty where the model's folder is gone."""
    try:
        entries = json.loads((model / IMPORTANCE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(entry["feature"]): float(entry["importance"]) for entry in entries}
