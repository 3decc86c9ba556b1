"""The fourth and fifth stop of a trace: customer-months and features."""

from collections.abc import Mapping, Sequence

from ml.features.catalogue.lookup import CatalogueFeature
from ml.features.catalogue.stops import CustomerRows, Scope, Stop, customer_rows
from ml.workspace.manifest import Node, meta, parents


def months_stop(scope: Scope) -> Stop:
    """Return the customer's rows in the spine and in every intermediate table of customers."""
    found, absent = [], []
    for relation in scope.relations("intermediate", "customer_id"):
        node = scope.nodes.get(relation)
        if node is None or node["name"] == "int_customer_sources":
            continue
        known = scope.as_of_filter(scope.columns(relation), _only_source(scope, node))
        each = customer_rows(scope, relation, known)
        if each.rows:
            found.append(each)
        else:
            absent.append(f"{relation}: {_why(scope, node)}")
    spine_first = sorted(
        found, key=lambda each: each.relation != "intermediate.int_customer_months"
    )
    return Stop(4, "Customer-months", tuple(spine_first), tuple(absent))


def features_stop(scope: Scope, catalogue: Sequence[CatalogueFeature]) -> Stop:
    """Return the customer's feature rows, with the most unusual features of each family."""
    found, absent = [], []
    for relation, node in sorted(scope.nodes.items()):
        if "family" not in meta(node):
            continue
        columns = scope.columns(relation)
        known = scope.as_of_filter(columns, None)
        if not columns:
            absent.append(f"{relation}: not built; run: dbt build")
            continue
        keys = [each for each in ("feature_month", "event_timestamp") if each in columns]
        features = [each for each in catalogue if each.relation == relation]
        every = customer_rows(scope, relation, known, [*keys, *(each.name for each in features)])
        each = every.only([*keys, *_unusual(every, features)])
        if each.rows:
            found.append(each)
        else:
            absent.append(f"{relation}: {_why(scope, node)}")
    return Stop(5, "Features", tuple(found), tuple(absent))


def _unusual(
    found: CustomerRows, features: Sequence[CatalogueFeature], count: int = 4
) -> list[str]:
    """Return the features whose newest value is farthest from the mean, in units of the range."""
    if not found.values:
        return []
    values = dict(zip(found.columns, found.values[0], strict=True))

    def distance(feature: CatalogueFeature) -> float:
        value = values[feature.name]
        spread = (feature.maximum or 0.0) - (feature.minimum or 0.0)
        if value is None or feature.mean is None or not spread:
            return -1.0
        return abs(float(value) - feature.mean) / spread

    return [each.name for each in sorted(features, key=distance, reverse=True)[:count]]


def _why(scope: Scope, node: Node) -> str:
    """Return why a relation has no row of the customer."""
    source = meta(node).get("source") or _only_source(scope, node)
    if source and source not in scope.sources:
        return f"source {source} does not know the customer"
    if scope.as_of is not None:
        return f"nothing was known by {scope.as_of:%Y-%m-%d}"
    return "no such record of the customer"


def _only_source(scope: Scope, node: Node) -> str | None:
    """Return the one source that a model is made from; none where there are several."""
    names = _sources(scope.nodes, node)
    return next(iter(names)) if len(names) == 1 else None


def _sources(nodes: Mapping[str, Node], node: Node) -> set[str]:
    if node["resource_type"] == "source":
        return {str(node["source_name"])} - {"workspace", "scores"}
    return {name for parent in parents(nodes, node) for name in _sources(nodes, nodes[parent])}
