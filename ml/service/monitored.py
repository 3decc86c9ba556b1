"""What the published monitoring marts say of their newest month, as figures for Prometheus."""

from collections.abc import Iterator
from math import nan

import duckdb

from ml.service.metrics import Metrics
from ml.workspace.settings import Workspace

# Labels of each figure, then its value; older published files lack these marts.
_FINDINGS = """
    select 'feature', status, count(*) from marts.mart_monitoring_features
    where feature_month = (select max(feature_month) from marts.mart_monitoring_features)
    group by status
    union all
    select 'source', status, count(*) from marts.mart_monitoring_sources
    where feature_month = (select max(feature_month) from marts.mart_monitoring_sources)
    group by status
"""
_PSI = """
    select target, arg_max(psi, score_month) from marts.mart_monitoring_scores
    where segment = 'everyone' group by target
"""
_ROC_AUC = """
    select target, arg_max(roc_auc, score_month) from marts.mart_monitoring_outcomes
    where roc_auc is not null group by target
"""


class Monitored:
    """Sets the figures of monitoring whenever another published file takes the last one's place."""

    def __init__(self, ws: Workspace, metrics: Metrics) -> None:
        self._path = ws.published
        self._figures = {
            _FINDINGS: metrics.monitored,
            _PSI: metrics.score_psi,
            _ROC_AUC: metrics.outcome_roc_auc,
        }
        self._told: dict[str, dict[tuple[str, ...], float]] = {query: {} for query in self._figures}
        self._seen: tuple[int, int] | None = None

    def refresh(self) -> None:
        """Read the published file if it is another one; without one, all stays as it is."""
        try:
            status = self._path.stat()
        except OSError:
            return
        seen = (status.st_ino, status.st_mtime_ns)
        if seen == self._seen:
            return
        self._seen = seen
        try:
            with duckdb.connect(self._path, read_only=True, config={"threads": 1}) as connection:
                found = {query: list(_rows(connection, query)) for query in self._figures}
        except duckdb.Error:
            # A file of before has no such marts; one that is damaged is told of where it is asked.
            return
        for query, gauge in self._figures.items():
            # What several processes share cannot be removed: what is gone is no number.
            gone = dict.fromkeys(self._told[query], nan)
            self._told[query] = dict(found[query])
            for labels, value in {**gone, **self._told[query]}.items():
                gauge.labels(*labels).set(value)


def _rows(
    connection: duckdb.DuckDBPyConnection, query: str
) -> Iterator[tuple[tuple[str, ...], float]]:
    for *labels, value in connection.execute(query).fetchall():
        yield tuple(labels), float(value)
