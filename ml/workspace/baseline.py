"""The one feature that a target's model should beat."""

from dataclasses import dataclass

from pydantic import ConfigDict


@dataclass(frozen=True)
class Baseline:
    """A ranking by one feature, which a model should beat."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    feature: str
    descending: bool = True
