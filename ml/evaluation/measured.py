"""Measured metrics, each beside that of a trivial answer."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A measure, the same measure of a trivial answer, and which answer that is.

    A value is None where it is undefined, as ROC-AUC is when a class is absent.
    """

    name: str
    value: float | None
    trivial: float | None
    trivial_is: str


@dataclass(frozen=True)
class Measured:
    """All metrics of one set of rows."""

    rows: int
    positives: int
    metrics: tuple[Metric, ...]

    def metric(self, name: str) -> Metric:
        """Return the metric called `name`."""
        return next(metric for metric in self.metrics if metric.name == name)

    def value(self, name: str) -> float | None:
        """Return the model's value of the metric called `name`."""
        return self.metric(name).value
