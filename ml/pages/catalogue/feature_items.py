"""Features: words, statistics, months beside their reference, lineage, cost and users."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import duckdb

from ml.features.catalogue.cost import costs
from ml.features.catalogue.lineage import Lineages, Step
from ml.features.catalogue.lookup import CatalogueFeature, read_features
from ml.pages.catalogue.items import Item, Items
from ml.pages.catalogue.model_items import Use
from ml.workspace.errors import AlmanacError
from ml.workspace.manifest import Node, meta
from ml.workspace.progress import Progress
from ml.workspace.settings import Workspace
from ml.workspace.texts import one_line

MONITORED = "mart_monitoring_features"
# What is kept of each month, in parallel lists.
_SERIES = ("feature_month", "rows", "null_share", "mean", "quantiles", "psi", "psi_noise", "status")
# What is kept of the newest month alone.
_NEWEST = (
    "bins", "edges", "reference_bins", "reference_rows", "reference_from", "reference_until",
    "reference_mean", "reference_null_share", "warn", "alarm", "cause",
)  # fmt: skip
_LAGS = """
    select name, value from landed.workspace__settings where name like '%.availability_lag_days'
"""


def feature_items(
    ws: Workspace,
    connection: duckdb.DuckDBPyConnection,
    nodes: Mapping[str, Node],
    uses: Mapping[str, Sequence[Use]],
    targets: Mapping[str, Sequence[str]],
) -> Items:
    """Return the features that exist in the workspace, by family and position.

    Args:
        ws: the workspace.
        connection: its warehouse.
        nodes: dbt's relations.
        uses: by feature, the champions that read it.
        targets: by family, the targets that may use it.

    Raises:
        AlmanacError: no feature exists.
    """
    features = read_features(ws)
    months = _months(connection)
    steps = _Steps(Lineages(ws, connection))
    items = []
    for each in Progress(features, desc="features", unit="feature"):
        measured = months.get(each.name, {})
        users = uses.get(each.name, ())
        items.append(
            Item(
                kind="feature",
                name=each.name,
                words=one_line(each.description),
                group=f"feature/{each.family}",
                tags=_tags(each, measured, users),
                facts={
                    "position": each.position,
                    "aggregation": each.aggregation,
                    "window": each.time_window,
                    "type": each.dtype,
                    "statistics": _statistics(each),
                    "months": measured,
                    "steps": steps.of(each),
                    "uses": [use._asdict() for use in users],
                },
            )
        )
    shared = {
        f"feature/{family}": {
            **known,
            "targets": targets.get(family, ()),
            "steps": steps.of_family(family),
        }
        for family, known in _families(ws, connection, nodes, features)
    }
    return Items(items, shared)


class _Steps:
    """The lineages of features; steps that several share are kept once a family."""

    def __init__(self, lineages: Lineages) -> None:
        self._lineages = lineages
        self._places: dict[str, dict[Step, int]] = defaultdict(dict)

    def of(self, feature: CatalogueFeature) -> list[int] | str:
        """Return the places of its steps in its family's, or why there is no lineage."""
        known = self._places[feature.family]
        try:
            steps = self._lineages.of(feature.relation, feature.name)
        except AlmanacError as error:
            # All else is worth showing where the SQL is not at hand.
            return str(error)
        return [known.setdefault(step, len(known)) for step in steps]

    def of_family(self, family: str) -> list[dict[str, Any]]:
        """Return the family's steps, by their place."""
        return [asdict(step) for step in self._places[family]]


def _families(
    ws: Workspace,
    connection: duckdb.DuckDBPyConnection,
    nodes: Mapping[str, Node],
    features: Sequence[CatalogueFeature],
) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield each family's name and what holds of all its features."""
    lags = dict(connection.execute(_LAGS).fetchall())
    spent = {each.family: each for each in costs(ws, features)}
    for family, each in {feature.family: feature for feature in features}.items():
        node = nodes[each.relation]
        source = str(meta(node).get("source", ""))
        known: dict[str, object] = {
            "family": family,
            "domain": each.domain,
            "relation": each.relation,
            "spec": f"dbt_project/{each.spec}",
            "words": one_line(node.get("description")),
            "source": source,
            "table": str(meta(node).get("table", "")),
            "ttl_months": meta(node).get("ttl_months"),
            "online": bool(meta(node).get("online")),
            "lag_days": int(lags.get(f"{source}.availability_lag_days") or 0),
            "cost": asdict(spent[family]),
        }
        yield family, known


def _months(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, Any]]:
    """Return what monitoring measured of each feature: lists of its months, and the newest."""
    built = connection.execute(
        "select count(*) from information_schema.tables "
        "where table_schema = 'marts' and table_name = ?",
        [MONITORED],
    ).fetchone()
    if not built or not built[0]:
        return {}
    rows = connection.execute(
        f"select name, {', '.join((*_SERIES, *_NEWEST))} from marts.{MONITORED} "
        "order by name, feature_month"
    ).fetchall()
    found: dict[str, dict[str, Any]] = {}
    for name, *values in rows:
        series = dict(zip(_SERIES, values[: len(_SERIES)], strict=True))
        series["feature_month"] = f"{series['feature_month']:%Y-%m}"
        newest = dict(zip(_NEWEST, values[len(_SERIES) :], strict=True))
        known = found.setdefault(name, {each: [] for each in _SERIES})
        for each, value in series.items():
            known[each].append(value)
        known.update(newest)
    return found


def _statistics(feature: CatalogueFeature) -> dict[str, object] | None:
    if not feature.measured_rows:
        return None
    return {
        "rows": feature.measured_rows,
        "null_share": feature.null_share,
        "distinct_values": feature.distinct_values,
        "mean": feature.mean,
        "minimum": feature.minimum,
        "maximum": feature.maximum,
        "drift": feature.drift,
    }


def _tags(
    feature: CatalogueFeature, measured: Mapping[str, Any], users: Sequence[Use]
) -> tuple[str, ...]:
    status = measured["status"][-1] if measured else ""
    raised = (status,) if status in ("warned", "alarmed", "silenced") else ()
    known = (feature.family, feature.domain, feature.aggregation, feature.time_window)
    read = ("used",) if users else ()
    return tuple(dict.fromkeys((*known, *raised, *read)))
