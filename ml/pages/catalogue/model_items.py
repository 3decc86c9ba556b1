"""Trained models and targets: how good each is, what it reads, when it was champion."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import duckdb

from ml.pages.catalogue.items import Item, Items
from ml.registry import history
from ml.registry.artifact import read_importance
from ml.registry.listing import Entry, entries
from ml.workspace.errors import AlmanacError
from ml.workspace.manifest import Node, compiled
from ml.workspace.settings import Workspace
from ml.workspace.targets import Target, targets

# So many of a model's features are listed, the most important first.
MOST_FEATURES = 50
_POSITIVES = """
    select strftime(event_timestamp, '%Y-%m') as month, count(*), sum(label)
    from ({labels}) group by month order by month
"""


class Use(NamedTuple):
    """A champion that reads a feature: how important it is to it, 0 to 1, and which way it works.

    `importance` is None where the model's record of it cannot be read.
    """

    target: str
    model: str
    importance: float | None
    direction: str


class Trained(NamedTuple):
    """A model of the registry, with its features by importance."""

    entry: Entry
    importance: Sequence[Mapping[str, Any]]


def trained_models(ws: Workspace) -> list[Trained]:
    """Return every model whose card can be read, by target, the newest first."""
    found, _ = entries(ws)
    return [Trained(entry, _importance(ws, entry)) for entry in found]


def uses(models: Iterable[Trained]) -> dict[str, list[Use]]:
    """Return the champions that read each feature, by feature, the one it matters most to first."""
    found: dict[str, list[Use]] = defaultdict(list)
    for model in models:
        if not model.entry.is_champion:
            continue
        card = model.entry.card
        shares = {str(each["feature"]): each for each in model.importance}
        for feature in card.features:
            share = shares.get(feature.name, {})
            use = Use(
                card.target,
                card.model_id,
                share.get("importance", 0.0) if shares else None,
                str(share.get("direction", "")),
            )
            found[feature.name].append(use)
    return {
        name: sorted(read, key=lambda use: -(use.importance or 0)) for name, read in found.items()
    }


def targets_of_families(ws: Workspace, families: Iterable[str]) -> dict[str, list[str]]:
    """Return the targets that may use each family, by family."""
    known = targets(ws)
    return {
        family: [
            each.name
            for each in known
            if any(fnmatchcase(family, pattern) for pattern in each.families)
        ]
        for family in families
    }


def target_items(
    ws: Workspace,
    connection: duckdb.DuckDBPyConnection,
    nodes: Mapping[str, Node],
    models: Sequence[Trained],
) -> Items:
    """Return the targets that have label rows, by name."""
    return Items([_target(ws, connection, nodes, models, each) for each in targets(ws)])


def model_items(ws: Workspace, models: Sequence[Trained]) -> Items:
    """Return the trained models, by target, the newest first."""
    return Items([_model(ws, each) for each in models])


def _target(
    ws: Workspace,
    connection: duckdb.DuckDBPyConnection,
    nodes: Mapping[str, Node],
    models: Sequence[Trained],
    target: Target,
) -> Item:
    relation = target.relation.replace('"', "")
    trained = [each for each in models if each.entry.card.target == target.name]
    labels = connection.execute(_POSITIVES.format(labels=target.label_sql)).fetchall()
    try:
        sql = compiled(ws, nodes[relation])
    except AlmanacError as error:
        sql = f"-- {error}"
    return Item(
        kind="target",
        name=target.name,
        words=target.description,
        group=f"target/{target.name}",
        tags=("target", target.validation, *(each.entry.card.model_id for each in trained)),
        facts={
            "relation": relation,
            "type": target.kind,
            "horizon_months": target.horizon_months,
            "validation": target.validation,
            "metric": target.metric,
            "families": target.families,
            "baseline": target.baseline.feature if target.baseline else None,
            "condition": target.condition,
            "rows": target.rows,
            "positives": target.positives,
            "months": [
                {"month": month, "rows": rows, "positives": positives}
                for month, rows, positives in labels
            ],
            "sql": sql,
            "models": [_summary(each.entry) for each in trained],
            "history": _events(ws, target.name),
        },
    )


def _model(ws: Workspace, model: Trained) -> Item:
    card = model.entry.card
    measured = card.judged
    return Item(
        kind="model",
        name=card.model_id,
        words=f"{card.family} for {card.target}, {len(card.features)} features",
        group=f"model/{card.model_id}",
        tags=(card.target, card.family, *(("champion",) if model.entry.is_champion else ())),
        facts={
            **_summary(model.entry),
            "target": card.target,
            "threshold": card.threshold,
            "dataset": card.dataset,
            "training_rows": card.training_rows,
            "training_positives": card.training_positives,
            "protocol": card.protocol,
            "judged_rows": measured.rows,
            "metrics": [[m.name, m.value, m.trivial, m.trivial_is] for m in measured.metrics],
            "features": model.importance[:MOST_FEATURES],
            "reads": len(card.features),
            "history": [
                each for each in _events(ws, card.target) if each["model"] == card.model_id
            ],
        },
    )


def _summary(entry: Entry) -> dict[str, object]:
    card = entry.card
    measured = card.judged
    return {
        "id": card.model_id,
        "family": card.family,
        "trained": entry.trained,
        "champion": entry.is_champion,
        "judged_on": {"test": "newest month", "cv": "5 folds"}[card.held_out],
        "roc_auc": measured.value("roc_auc"),
        "pr_auc": measured.value("pr_auc"),
        "brier": measured.value("brier"),
    }


def _events(ws: Workspace, target: str) -> list[dict[str, str]]:
    """Return what happened to the target's models, in order; nothing of a damaged history."""
    try:
        happened = history.read(ws.models / target)
    except AlmanacError:
        return []
    return [
        {"at": each.at, "what": each.what, "model": each.model_id, "why": each.why}
        for each in happened
    ]


def _importance(ws: Workspace, entry: Entry) -> list[dict[str, Any]]:
    try:
        return read_importance(ws.models / entry.card.target / entry.card.model_id)
    except (OSError, ValueError):
        return []
