"""What a family of models is, and what every fitted model can do."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from math import inf
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from ml.data.elsewhere import Elsewhere, FitSample
from ml.data.mapped import blocks
from ml.data.training_set import Labels, Matrix, Rows, Vector
from ml.workspace import extras
from ml.workspace.errors import AlmanacError, BadInput
from ml.workspace.memory import amount_of

Parameters = Mapping[str, Any]
Option = str | float
Columns = Sequence[int]


@dataclass(frozen=True)
class Range:
    """The numbers from `low` to `high`: whole ones, or even on the scale of logarithms."""

    low: float
    high: float
    default: float
    log: bool = False
    whole: bool = False


@dataclass(frozen=True)
class Choice:
    """One of `options`, the first by default."""

    options: tuple[Option, ...]

    @property
    def default(self) -> Option:
        """The first option."""
        return self.options[0]


Space = Mapping[str, Range | Choice]


@dataclass(frozen=True)
class Model(ABC):
    """A fitted model: a margin for each row, and the line that makes log-odds of margins."""

    family: ClassVar[str]
    slope: float = field(default=1.0, kw_only=True)
    intercept: float = field(default=0.0, kw_only=True)

    @abstractmethod
    def margin(self, matrix: Matrix) -> Vector:
        """Return a number a row, larger where label 1 is likelier, as the fit left it."""

    @abstractmethod
    def margin_parts(self, matrix: Matrix, asked: Columns | None = None) -> NDArray[np.float64]:
        """Return what each value adds to its row's margin, in the matrix's shape."""

    @abstractmethod
    def content(self) -> bytes:
        """Return the model's file: the same bytes for the same model, whenever it was fitted."""

    @property
    def exact(self) -> bool:
        """Whether contributions add up to the log-odds, but for a constant."""
        return True

    def log_odds(self, matrix: Matrix) -> Vector:
        """Return each row's calibrated log-odds of label 1."""
        if not len(matrix):
            return np.empty(0)
        return self.slope * self.margin(matrix) + self.intercept

    def log_odds_at(self, matrix: Matrix, rows: Rows, columns: Rows) -> Vector:
        """Return the log-odds of these rows by these columns, a block of rows copied at a time."""
        parts = [rows[block] for block in blocks(len(rows))]
        return np.concatenate([self.log_odds(matrix[part[:, None], columns]) for part in parts])

    def predict(self, matrix: Matrix) -> Vector:
        """Return each row's probability of label 1."""
        return np.asarray(expit(self.log_odds(matrix)), dtype=np.float64)

    def contributions(self, matrix: Matrix, asked: Columns | None = None) -> NDArray[np.float64]:
        """Return what each value adds to its row's log-odds, in the matrix's shape.

        Where that is not exact, each column costs a prediction of all rows: then only those at the
        positions `asked`, by default all, are asked about, and the others' values are 0.
        """
        if not len(matrix):
            return np.zeros(matrix.shape)
        return self.slope * self.margin_parts(matrix, asked)

    def calibrated(self, slope: float = 1.0, intercept: float = 0.0) -> Self:
        """Return the model whose log-odds are `slope` times these, plus `intercept`."""
        return replace(self, slope=slope * self.slope, intercept=slope * self.intercept + intercept)

    def save(self, path: Path) -> None:
        """Write `content` in a format that runs no code when read; the line is not part of it."""
        path.write_bytes(self.content())


@dataclass(frozen=True)
class Format:
    """How models of one name lie on disk."""

    name: str
    file: str
    parse: Callable[[bytes], Model]

    def load(self, path: Path) -> Model:
        """Return the model whose `content` is in the file, uncalibrated."""
        return self.parse(path.read_bytes())


@dataclass(frozen=True)
class Family(Format):
    """A family: how its models are fitted, what can be searched, and what it asks for.

    `defaults_for` gives defaults that follow from the labels, before those of the space; `variants`
    are other places to start a search from, simpler ones for rows that tell little. A family
    without `weighted` ignores weights. Fits of more than `most_parallel_values` values (rows times
    columns) are made one at a time; beyond `most_rows` rows they would take too long. `package` is
    what must be installed. A fit takes about `copies` times the memory of its rows;
    `learn_elsewhere` fits what this process's memory does not hold.
    """

    learn: Callable[[Matrix, Labels, Vector, Parameters, int], Model]
    space: Space
    defaults_for: Callable[[Labels], Parameters] = lambda _: {}
    variants: tuple[Parameters, ...] = ()
    weighted: bool = True
    most_parallel_values: float = inf
    most_rows: int | None = None
    package: str | None = None
    copies: int = 2
    learn_elsewhere: Callable[[Elsewhere, FitSample, Parameters, int], Model] | None = None

    def defaults(self, labels: Labels) -> dict[str, Any]:
        """Return a value for every parameter of the space."""
        return {name: each.default for name, each in self.space.items()} | {
            **self.defaults_for(labels)
        }

    def fit(
        self,
        matrix: Matrix,
        labels: Labels,
        weights: Vector,
        seed: int,
        parameters: Parameters | None = None,
    ) -> Model:
        """Return a model fitted to these rows, each counting as much as its weight.

        Raises:
            AlmanacError: the family's package is not installed.
        """
        return self.learn(matrix, labels, weights, self._settings(labels, parameters), seed)

    def fit_elsewhere(
        self,
        elsewhere: Elsewhere,
        sample: FitSample,
        seed: int,
        parameters: Parameters | None = None,
    ) -> Model:
        """Return a model fitted to the sample, which memory does not hold.

        Raises:
            AlmanacError: the family can be fitted in this process alone, or is not installed.
        """
        self.check_elsewhere(elsewhere, sample)
        assert self.learn_elsewhere is not None
        settings = self._settings(sample.labels, parameters)
        return self.learn_elsewhere(elsewhere, sample, settings, seed)

    def is_beyond(self, elsewhere: Elsewhere, sample: FitSample) -> bool:
        """Return whether a fit to the sample takes more memory than it may in this process."""
        return sample.bytes * self.copies > elsewhere.most_bytes

    def check_elsewhere(self, elsewhere: Elsewhere, sample: FitSample) -> None:
        """Raise AlmanacError if the sample is beyond memory, and only memory will do."""
        if self.learn_elsewhere is None and self.is_beyond(elsewhere, sample):
            rows, columns = len(sample.rows), len(sample.columns)
            raise BadInput(
                f"{self.name} is fitted in memory, and a fit to {rows:,} rows of {columns:,} "
                f"features takes {amount_of(sample.bytes * self.copies)}, more than "
                f"training_memory ({amount_of(elsewhere.most_bytes)}).",
                "Let Spark's executors fit xgboost: `engine: spark` in workspace.yml, and "
                "--model xgboost. Or take some of the customers: --customers 0.1 "
                "(docs/scaling.md)",
            )

    def _settings(self, labels: Labels, parameters: Parameters | None) -> dict[str, Any]:
        if not self.installed:
            raise AlmanacError(f"{self.name} is not installed.", extras.advice(self.name))
        return {**self.defaults(labels), **(parameters or {})}

    def most_threads(self, parameters: Parameters, values: int) -> int | None:
        """Return how many fits of so many values may run side by side, None for any number.

        Scikit-learn's `Parallel`, through which forests and encoders of columns run, takes away the
        warning filters of the whole process and puts them back: two of them lose them.
        """
        alone = values > self.most_parallel_values or parameters.get("encode", "none") != "none"
        return 1 if alone else None

    @property
    def installed(self) -> bool:
        """Whether what the family needs is there."""
        return self.package is None or find_spec(self.package) is not None
