"""Figures of the service for Prometheus, of all workers together."""

from pathlib import Path

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)


class Metrics:
    """The service's figures; `folder` is where the workers of one service share theirs."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._own = CollectorRegistry()
        self.requests = Counter(
            "almanac_requests", "Requests.", ["path", "method", "status"], registry=self._own
        )
        self.seconds = Histogram(
            "almanac_request_seconds",
            "Seconds from a request to its answer.",
            ["path"],
            buckets=_SECONDS,
            registry=self._own,
        )
        self.scores = Counter(
            "almanac_scores",
            "Customers scored by id, and records predicted, by what came of each.",
            ["target", "status"],
            registry=self._own,
        )
        self.turned_away = Counter(
            "almanac_turned_away",
            "Requests answered 503 at once, for the worker had enough to do.",
            registry=self._own,
        )
        self.logged = Gauge(
            "almanac_answers_written",
            "Answers in the log's files.",
            registry=self._own,
            multiprocess_mode="livesum",
        )
        self.lost = Gauge(
            "almanac_answers_lost",
            "Answers that the log had no room for, or could not write.",
            registry=self._own,
            multiprocess_mode="livesum",
        )
        self.as_of = Gauge(
            "almanac_published_timestamp_seconds",
            "The moment that a target's materialized input is as of.",
            ["target"],
            registry=self._own,
            multiprocess_mode="livemostrecent",
        )
        self.problems = Gauge(
            "almanac_problems",
            "What could not be taken over, and champions that do not score customers by id.",
            registry=self._own,
            multiprocess_mode="livemax",
        )

        self._add_monitoring()

    def _add_monitoring(self) -> None:
        self.monitored = Gauge(
            "almanac_monitored",
            "Features and codes of sources by what monitoring says of their newest month.",
            ["kind", "status"],
            registry=self._own,
            multiprocess_mode="livemostrecent",
        )
        self.score_psi = Gauge(
            "almanac_score_psi",
            "Population stability index of a target's newest scores against its model's first.",
            ["target"],
            registry=self._own,
            multiprocess_mode="livemostrecent",
        )
        self.outcome_roc_auc = Gauge(
            "almanac_outcome_roc_auc",
            "ROC-AUC of a target's scores of the newest month whose labels are known.",
            ["target"],
            registry=self._own,
            multiprocess_mode="livemostrecent",
        )

    def page(self) -> tuple[bytes, str]:
        """Return the figures in Prometheus's text format, and its media type."""
        registry = self._own
        if self._folder is not None:
            registry = CollectorRegistry()
            MultiProcessCollector(registry, str(self._folder))  # type: ignore[no-untyped-call]
        return generate_latest(registry), CONTENT_TYPE_LATEST
