"""Several models together: the mean of their log-odds, or a weighted sum of them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ml.data.training_set import Matrix, Vector
from ml.models.family import Columns, Format, Model
from ml.models.sealed import pack, unpack

_ABOUT = "blend.json"


@dataclass(frozen=True)
class Blend(Model):
    """Several calibrated models over the same columns, each as good as another."""

    members: tuple[Model, ...]
    family: ClassVar[str] = "blend"

    @property
    def exact(self) -> bool:
        """Whether all members are."""
        return all(each.exact for each in self.members)

    @property
    def shares(self) -> tuple[float, ...]:
        """How much each member's log-odds count."""
        return (1 / len(self.members),) * len(self.members)

    def margin(self, matrix: Matrix) -> Vector:
        """Return the members' log-odds together."""
        return self._together([each.log_odds(matrix) for each in self.members])

    def margin_parts(self, matrix: Matrix, asked: Columns | None = None) -> NDArray[np.float64]:
        """Return the members' contributions together."""
        return self._together([each.contributions(matrix, asked) for each in self.members])

    def content(self) -> bytes:
        """Return an archive of the members' files and of what is known of each."""
        files = {str(number): each.content() for number, each in enumerate(self.members)}
        return pack({_ABOUT: json.dumps(self._about()).encode(), **files})

    def _together(self, values: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        return np.asarray(np.mean(values, axis=0))

    def _about(self) -> list[dict[str, Any]]:
        return [
            {"family": each.family, "slope": each.slope, "intercept": each.intercept}
            for each in self.members
        ]


@dataclass(frozen=True)
class Stack(Blend):
    """Several calibrated models over the same columns, each counting as much as its weight."""

    weights: tuple[float, ...]
    family: ClassVar[str] = "stack"

    @property
    def shares(self) -> tuple[float, ...]:
        """The weights."""
        return self.weights

    def _together(self, values: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        # In the members' order, whatever the number of rows.
        return np.asarray(sum(w * each for w, each in zip(self.weights, values, strict=True)))

    def _about(self) -> list[dict[str, Any]]:
        weighed = zip(super()._about(), self.weights, strict=True)
        return [{**each, "weight": weight} for each, weight in weighed]


def mixtures(formats: Mapping[str, Format]) -> dict[str, Format]:
    """Return how blends and stacks of models in these formats lie on disk."""

    def member(about: Mapping[str, Any], content: bytes) -> Model:
        model = formats[about["family"]].parse(content)
        return model.calibrated(about["slope"], about["intercept"])

    def read(content: bytes) -> tuple[list[dict[str, Any]], tuple[Model, ...]]:
        files = unpack(content)
        about = json.loads(files[_ABOUT])
        return about, tuple(member(each, files[str(i)]) for i, each in enumerate(about))

    def blend(content: bytes) -> Blend:
        return Blend(read(content)[1])

    def stack(content: bytes) -> Stack:
        about, members = read(content)
        return Stack(members, tuple(each["weight"] for each in about))

    return {
        Blend.family: Format(Blend.family, "model.zip", blend),
        Stack.family: Format(Stack.family, "model.zip", stack),
    }
