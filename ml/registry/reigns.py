"""Which model scores which target, told to the warehouse, so that monitoring knows it."""

import json
from datetime import UTC, date, datetime

import duckdb

from ml.registry.artifact import DATASET, Artifact
from ml.registry.card import Card

TABLE = "monitoring.champions"
COLUMNS = (
    "target, model_id, since, families, first_month, last_month, threshold, prevalence, roc_auc, "
    "roc_auc_low, roc_auc_high, pr_auc, brier"
)


def record_reign(connection: duckdb.DuckDBPyConnection, champion: Artifact) -> None:
    """Add the champion to `monitoring.champions`, unless it is its target's last one there.

    A warehouse that was built by an earlier version has no such table, and an artifact of an
    earlier version says not which months it learnt from: then nothing is added.
    """
    target, model_id = champion.card.target, champion.model_id
    if _last(connection, target) in (None, model_id) or (learnt := _learnt(champion)) is None:
        return
    families, first, last = learnt
    promised = _promised(champion.card)
    values = [target, model_id, datetime.now(UTC).replace(tzinfo=None), families, first, last]
    values += [champion.card.threshold, champion.card.prevalence, *promised]
    marks = ", ".join("?" for _ in values)
    connection.execute(f"insert into {TABLE} ({COLUMNS}) values ({marks})", values)


def _last(connection: duckdb.DuckDBPyConnection, target: str) -> str | None:
    """Return the target's last model, `""` where there is none; None without the table."""
    try:
        found = connection.execute(
            f"select model_id from {TABLE} where target = ? "
            "order by since desc, rowid desc limit 1",
            [target],
        ).fetchall()
    except duckdb.CatalogException:
        return None
    return str(found[0][0]) if found else ""


def _learnt(champion: Artifact) -> tuple[list[str], date, date] | None:
    """Return the families of the training set, and the first and last month of their features."""
    path = champion.folder / DATASET
    if not path.exists():
        return None
    made = json.loads(path.read_text(encoding="utf-8"))
    labels = made["snapshot"]["relations"].get(made["target"]["relation"])
    if not labels:
        return None
    families = sorted({feature["view"] for feature in made["features"]})
    months = sorted(labels)
    window = (*champion.card.plan.get("windows", ()), "")[0]
    first = months[-int(window) :][0] if window.isdecimal() else months[0]
    return families, _month_before(first), _month_before(months[-1])


def _month_before(month: str) -> date:
    """Return the month before `2022-12`: labels of a month are of features up to its beginning."""
    year, number = map(int, month.split("-"))
    return date(year - (number == 1), (number - 2) % 12 + 1, 1)


def _promised(card: Card) -> tuple[float | None, ...]:
    """Return what the card promises: ROC-AUC with its interval, PR-AUC and Brier score."""
    measured = card.metrics.get(card.held_out)
    chosen = next((entry for entry in card.comparison if entry.chosen), None)
    interval = (chosen.roc_auc_interval if chosen else None) or (None, None)
    values = {metric.name: metric.value for metric in measured.metrics} if measured else {}
    return values.get("roc_auc"), *interval, values.get("pr_auc"), values.get("brier")
