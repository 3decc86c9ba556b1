"""A model input as training, cards and stores name it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Feature:
    """A model input: its name, its Arrow type and the feature view that holds it."""

    name: str
    dtype: str
    view: str
