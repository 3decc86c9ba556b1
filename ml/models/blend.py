"""A blend: the mean of several models' log-odds."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ml.matrix import Matrix, Vector
from ml.models.family import Format, Model
from ml.models.sealed import pack, unpack

_ABOUT = "blend.json"


@dataclass(frozen=True)
class Blend(Model):
    """Several calibrated models over the same columns."""

    members: tuple[Model, ...]
    family: ClassVar[str] = "blend"

    @property
    def exact(self) -> bool:
        """Whether all members are."""
        return all(each.exact for each in self.members)

    def margin(self, matrix: Matrix) -> Vector:
        """Return the mean of the members' log-odds."""
        return np.asarray(np.mean([each.log_odds(matrix) for each in self.members], axis=0))

    def margin_parts(self, matrix: Matrix) -> NDArray[np.float64]:
        """Return the mean of the members' contributions."""
        return np.asarray(np.mean([each.contributions(matrix) for each in self.members], axis=0))

    def content(self) -> bytes:
        """Return an archive of the members' files and of their calibrations."""
        about = [
            {"family": each.family, "slope": each.slope, "intercept": each.intercept}
            for each in self.members
        ]
        files = {str(number): each.content() for number, each in enumerate(self.members)}
        return pack({_ABOUT: json.dumps(about).encode(), **files})


def blend_format(formats: Mapping[str, Format]) -> Format:
    """Return how blends of models in these formats lie on disk."""

    def member(about: Mapping[str, Any], content: bytes) -> Model:
        model = formats[about["family"]].parse(content)
        return model.calibrated(about["slope"], about["intercept"])

    def parse(content: bytes) -> Blend:
        files = unpack(content)
        about = json.loads(files[_ABOUT])
        return Blend(tuple(member(each, files[str(i)]) for i, each in enumerate(about)))

    return Format(Blend.family, "model.zip", parse)
