"""What needs a look in a month: sources, features, scores and outcomes that are not as usual."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb

from ml.monitoring.inputs import alarmed_inputs
from ml.monitoring.marts import open_marts
from ml.monitoring.served import ServedInputs, served_inputs
from ml.workspace.errors import BadInput
from ml.workspace.settings import Workspace

ALARMED, WARNED = "alarmed", "warned"
# Of features with one cause so many are named in a line.
NAMED = 3
# A month's events are the features' that the first instant of the next month is scored with, and
# the labels' of what was scored at its own first instant.
_SOURCES = """
    select status, source || '.' || table_name, finding, [source || '.' || table_name]
    from marts.mart_monitoring_sources
    where feature_month = $month and kind is not null and status in ('alarmed', 'warned')
    qualify row_number() over (partition by finding order by value) = 1
    order by status, column_name <> '', strength desc, finding
"""
_FEATURES = """
    select status, family, cause, list(name order by psi desc, name)
    from marts.mart_monitoring_features
    where feature_month = $month and status in ('alarmed', 'warned')
    group by status, family, cause
    order by status, len(list(name)) desc, family
"""
_SCORES = """
    select status, target, segment, model_id, psi, drivers
    from marts.mart_monitoring_scores
    where score_month = $month + interval 1 month and status in ('alarmed', 'warned')
    order by status, target, segment
"""
_OUTCOMES = """
    select status, target, model_id, roc_auc, roc_auc_low, roc_auc_high, promised_roc_auc,
        positives, expected_of_labelled
    from marts.mart_monitoring_outcomes
    where score_month = $month and status in ('alarmed', 'warned')
    order by status, target
"""


@dataclass(frozen=True)
class Finding:
    """One thing that is not as usual.

    `kind` is source, feature, score, outcome or served (answers of the service beside the
    warehouse); `what` names it; `text` says what it is, `cause`
    why as far as that is known; `names` are all that it is of: features, or a target and its model.
    """

    status: str
    kind: str
    what: str
    text: str
    cause: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Month:
    """A month and what needs a look in it, alarms first; `monitored` counts what was looked at."""

    month: date
    findings: tuple[Finding, ...]
    monitored: dict[str, int]

    @property
    def status(self) -> str:
        """`alarmed`, `warned` or `fine`: that of its worst finding."""
        found = {finding.status for finding in self.findings}
        return ALARMED if ALARMED in found else WARNED if WARNED in found else "fine"


def read_month(ws: Workspace, month: date | None = None) -> Month:
    """Return what needs a look in `month`, by default the newest complete one.

    Raises:
        AlmanacError: the marts are not built, or hold no such month.
    """
    with open_marts(ws) as connection:
        months = monitored_months(connection)
        if not months:
            raise BadInput(
                "No month is monitored yet: no source has a complete month of events.",
                "See what was read: ml rejects",
            )
        chosen = month or months[-1]
        if chosen not in months:
            raise BadInput(
                f"{chosen:%Y-%m} is not monitored; {months[0]:%Y-%m} to {months[-1]:%Y-%m} are.",
                f"The newest: ml monitor --month {months[-1]:%Y-%m}",
            )
        found = [*_sources(connection, chosen), *_features(connection, chosen)]
        found += [*_scores(connection, chosen), *_outcomes(ws, connection, chosen, found)]
        counted = _monitored(connection, chosen)
    compared = served_inputs(ws, chosen)
    found += [_served(each) for each in compared if each.differs]
    counted["served answers"] = sum(each.rows for each in compared)
    return Month(chosen, tuple(sorted(found, key=lambda each: each.status != ALARMED)), counted)


def monitored_months(connection: duckdb.DuckDBPyConnection) -> list[date]:
    """Return the months of which sources or features are monitored, in order."""
    rows = connection.execute(
        "select feature_month from marts.mart_monitoring_sources "
        "union select feature_month from marts.mart_monitoring_features order by 1"
    ).fetchall()
    return [month for (month,) in rows]


def alarmed_causes(findings: Iterable[Finding]) -> dict[str, str]:
    """Return the cause of each feature that is alarmed, by its name."""
    return {
        name: finding.cause
        for finding in findings
        if (finding.kind, finding.status) == ("feature", ALARMED)
        for name in finding.names
    }


def _sources(connection: duckdb.DuckDBPyConnection, month: date) -> Iterator[Finding]:
    for status, table, finding, names in _rows(connection, _SOURCES, month):
        yield Finding(status, "source", table, finding, "", tuple(names))


def _features(connection: duckdb.DuckDBPyConnection, month: date) -> Iterator[Finding]:
    for status, family, cause, names in _rows(connection, _FEATURES, month):
        named = ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")
        count = "1 feature" if len(names) == 1 else f"{len(names)} features"
        yield Finding(status, "feature", family, f"{count}: {named}", cause, tuple(names))


def _scores(connection: duckdb.DuckDBPyConnection, month: date) -> Iterator[Finding]:
    for status, target, segment, model_id, psi, drivers in _rows(connection, _SCORES, month):
        text = f"scores of {segment} moved: population stability index {psi:.2f}"
        yield Finding(status, "score", target, text, "; ".join(drivers or ()), (target, model_id))


def _outcomes(
    ws: Workspace, connection: duckdb.DuckDBPyConnection, month: date, found: list[Finding]
) -> Iterator[Finding]:
    causes = alarmed_causes(found)
    for row in _rows(connection, _OUTCOMES, month):
        status, target, model_id, auc, low, high, promised, positives, expected = row
        inputs = alarmed_inputs(ws.models / target / model_id, causes)
        if inputs is None:
            cause = "none of its inputs is alarmed: what leads to the label may have changed"
        elif inputs.tells:
            cause = inputs.cause
        else:
            cause = (
                f"its alarmed inputs carry {inputs.share:.1%} of its importance, too little to "
                "explain it: what leads to the label may have changed"
            )
        text = (
            f"ROC-AUC {_interval(auc, low, high)}, promised {_number(promised)}; "
            f"{positives:,} positives, {expected:,.0f} expected"
        )
        yield Finding(status, "outcome", target, text, cause, (target, model_id))


def _interval(value: float | None, low: float | None, high: float | None) -> str:
    return _number(value) if None in (low, high) else f"{value:.3f} ({low:.3f} to {high:.3f})"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


def _served(found: ServedInputs) -> Finding:
    text = (
        f"of {found.rows:,} sampled answers as of {found.as_of:%Y-%m-%d} inputs differ from the "
        f"warehouse's: {found.missing:,} values missing, {found.extra:,} extra, "
        f"{found.mismatched:,} mismatched; {found.feature} most often"
    )
    cause = "the warehouse was built again after the input was materialized: ml materialize"
    return Finding(ALARMED, "served", found.target, text, cause, (found.target, found.model_id))


def _monitored(connection: duckdb.DuckDBPyConnection, month: date) -> dict[str, int]:
    queries = {
        "sources": "count(distinct source || table_name) from marts.mart_monitoring_sources "
        "where feature_month = $month",
        "features": "count(*) from marts.mart_monitoring_features where feature_month = $month",
        "scores": "count(*) from marts.mart_monitoring_scores "
        "where score_month = $month + interval 1 month and segment = 'everyone'",
        "outcomes": "count(*) from marts.mart_monitoring_outcomes "
        "where score_month = $month and labelled > 0",
    }
    return {
        name: int(_rows(connection, f"select {query}", month)[0][0])
        for name, query in queries.items()
    }


def _rows(connection: duckdb.DuckDBPyConnection, query: str, month: date) -> list[Any]:
    return connection.execute(query, {"month": month}).fetchall()
