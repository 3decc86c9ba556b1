"""Feast's objects, read from the dbt manifest and the warehouse.

A family with rows is a feature view, a target with rows a feature service of its families' views.
A champion's input is a feature view of one vector, and a feature service of its own. No feature is
named here: a family's features are the columns of its table.
"""

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
from feast import Entity, FeatureService, FeatureView, Field, Project, ValueType
from feast.on_demand_feature_view import OnDemandFeatureView
from feast.types import Array, Float32, String, from_value_type

from feature_repo.inputs import SPINE, VECTOR, Input, columns_of, read_inputs
from feature_repo.on_demand import on_demand_views
from feature_repo.stores.duckdb_source import DuckDBSource
from feature_repo.stores.duckdb_types import feast_type
from feature_repo.stores.relations import Relation, read_relation
from ml.workspace.errors import AlmanacError, BadInput, NotBuilt
from ml.workspace.manifest import meta, models, owners, relation
from ml.workspace.responses import response_nodes
from ml.workspace.settings import Workspace, feature_repo, read_settings
from ml.workspace.warehouse import open_warehouse

JOIN_KEY = "customer_id"
TIMESTAMP = "event_timestamp"
NOT_FEATURES = (JOIN_KEY, TIMESTAMP, "feature_month", "month_version")
CATALOGUE = "marts.dim_features"
# What a family's or a target's meta says that becomes tags.
TAGS = ("source", "table", "domain", "kind", "horizon_months", "validation")
LONGEST_MONTH = timedelta(days=31)


@dataclass(frozen=True)
class DbtModel:
    """A family or a target as declared: relation, description, meta, owner, its rows' condition."""

    relation: str
    description: str
    meta: Mapping[str, Any]
    owner: str = ""

    @property
    def tags(self) -> dict[str, str]:
        """What Feast shows of its meta; the domain of a family is its own unless it shares one."""
        said = {"domain": self.meta["family"]} if "family" in self.meta else {}
        return said | {key: str(self.meta[key]) for key in TAGS if self.meta.get(key) is not None}

    @property
    def condition(self) -> str:
        """The SQL condition of its rows in the relation."""
        return str(self.meta.get("condition", "true"))


def feast_objects(
    ws: Workspace,
) -> list[Project | Entity | FeatureView | OnDemandFeatureView | FeatureService]:
    """Return the project, the entity, a view per family and a service per target that has rows.

    Families that can be computed from a request have an on-demand view too. Models' inputs are
    online, and so are families whose meta says `online: true`.

    Raises:
        AlmanacError: the manifest, the warehouse or a relation of a source with files is missing, a
            column's type has no equal in Feast, or two families share a feature name.
    """
    models = read_models(ws)
    customer = _customer(models)
    with open_warehouse(ws.warehouse) as connection:
        views = _views(connection, models, customer)
        services = _services(connection, models, views)
        inputs = _inputs(connection, models, views, customer)
    services += [_input_service(view) for view in inputs]
    project = Project(
        name=read_settings(feature_repo() / "feature_store.yaml")["project"],
        description="Features of customers by month, made by dbt; a feature service a target.",
    )
    return [project, customer, *views.values(), *inputs, *on_demand_views(ws, views), *services]


def _customer(models: Sequence[DbtModel]) -> Entity:
    named = {model.relation: model for model in models}
    return Entity(
        name="customer",
        join_keys=[JOIN_KEY],
        value_type=ValueType.STRING,
        description="A customer of the company.",
        owner=named[SPINE].owner if SPINE in named else "",
    )


def read_models(ws: Workspace) -> list[DbtModel]:
    """Return dbt's models and the response targets, in the order of their relations.

    Raises:
        NotBuilt: there is no manifest, or it is not one.
        BadInput: a response target is wrongly declared.
    """
    owner = owners(ws)
    found = (
        DbtModel(
            relation(node),
            str(node.get("description", "")),
            meta(node),
            owner.get(str(node.get("group")), ""),
        )
        for node in (*models(ws), *response_nodes(ws))
    )
    return sorted(found, key=lambda model: model.relation)


def _views(
    connection: duckdb.DuckDBPyConnection, models: Sequence[DbtModel], customer: Entity
) -> dict[str, FeatureView]:
    described = _descriptions(connection)
    views: dict[str, FeatureView] = {}
    owners: dict[str, str] = {}
    for model, table, first in _with_rows(connection, models, "family"):
        view = _view(model, table, described, customer)
        # Mark a new view as materialized up to its first row, so that the first incremental
        # materialization starts there; Feast would start one time to live before today.
        view.materialization_intervals = [(first, first)]
        views[view.name] = view
        _require_unique_features(view, owners)
    return views


def _with_rows(
    connection: duckdb.DuckDBPyConnection, models: Sequence[DbtModel], kind: str
) -> Iterator[tuple[DbtModel, Relation, datetime]]:
    left_out = _of_absent_sources(connection, models)
    for model in models:
        if model.meta.get(kind):
            try:
                relation = read_relation(connection, model.relation)
            except NotBuilt:
                if model.relation in left_out:
                    continue
                raise
            moment = relation.require(TIMESTAMP)
            earliest = f"select min({moment}) from {relation.sql} where {model.condition}"
            row = connection.execute(earliest).fetchone()
            if row and row[0] is not None:
                yield model, relation, row[0].replace(tzinfo=UTC)


def _of_absent_sources(
    connection: duckdb.DuckDBPyConnection, models: Sequence[DbtModel]
) -> set[str]:
    """Return the relations that a build of parts need not have made: their source has no files.

    A target is of such a source where any of its families is.
    """
    try:
        rows = connection.execute(
            "select source from landed.workspace__sources where not is_present"
        ).fetchall()
    except duckdb.CatalogException:
        return set()
    absent = {source for (source,) in rows}
    families = {
        model.meta["family"]: model.relation
        for model in models
        if "family" in model.meta and model.meta.get("source") in absent
    }
    targets = {
        model.relation
        for model in models
        for pattern in model.meta.get("families", [])
        if "target" in model.meta and fnmatch.filter(families, pattern)
    }
    return {*families.values(), *targets}


def _view(
    model: DbtModel, relation: Relation, described: Mapping[str, str], customer: Entity
) -> FeatureView:
    months = int(model.meta.get("ttl_months", 1))
    return FeatureView(
        name=model.meta["family"],
        description=model.description,
        entities=[customer],
        ttl=months * LONGEST_MONTH + timedelta(days=1),
        schema=[
            _field(relation, column, described)
            for column in relation.columns
            if column == relation.require(JOIN_KEY) or column not in NOT_FEATURES
        ],
        source=_source(relation, model.description, model.tags, model.owner),
        online=bool(model.meta.get("online", False)),
        tags=model.tags,
        owner=model.owner,
    )


def _source(relation: Relation, description: str, tags: dict[str, str], owner: str) -> DuckDBSource:
    source = DuckDBSource(
        relation=relation.name,
        timestamp_field=TIMESTAMP,
        description=description,
        tags=tags,
        owner=owner,
    )
    return source.with_relation(relation)


def _field(relation: Relation, column: str, described: Mapping[str, str]) -> Field:
    try:
        kind = feast_type(relation.columns[column])
    except AlmanacError as error:
        raise BadInput(f"{relation.name}.{column}: {error.what}", error.next) from error
    return Field(name=column, dtype=from_value_type(kind), description=described.get(column, ""))


def _require_unique_features(view: FeatureView, owners: dict[str, str]) -> None:
    for feature in view.features:
        other = owners.setdefault(feature.name, view.name)
        if other != view.name:
            raise BadInput(
                f"Both families {other} and {view.name} have a feature {feature.name}.",
                "Rename one in its model, then: dbt build",
            )


def _descriptions(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    catalogue = read_relation(connection, CATALOGUE)
    rows = connection.execute(f"select name, description from {catalogue.sql}").fetchall()
    return {name: description or "" for name, description in rows}


def _services(
    connection: duckdb.DuckDBPyConnection,
    models: Sequence[DbtModel],
    views: Mapping[str, FeatureView],
) -> list[FeatureService]:
    services = []
    for model, _, _ in _with_rows(connection, models, "target"):
        used = _families_of(model, views)
        if used:
            services.append(
                FeatureService(
                    name=model.meta["target"],
                    features=[*used],
                    description=model.description,
                    tags=model.tags,
                    owner=model.owner,
                )
            )
    return services


def _families_of(target: DbtModel, views: Mapping[str, FeatureView]) -> list[FeatureView]:
    """Return the views that `families` of a target names, each a name or a pattern (`trx_*`)."""
    patterns = target.meta.get("families", [])
    named = (family for pattern in patterns for family in fnmatch.filter(sorted(views), pattern))
    return [views[family] for family in dict.fromkeys(named)]


def _inputs(
    connection: duckdb.DuckDBPyConnection,
    models: Sequence[DbtModel],
    views: Mapping[str, FeatureView],
    customer: Entity,
) -> list[FeatureView]:
    """Return a view per model's input, except those whose families' columns have changed."""
    now = {name: _columns(view) for name, view in views.items()}
    owner = {model.meta["target"]: model.owner for model in models if "target" in model.meta}
    return [
        _input_view(
            each,
            [views[name] for name in each.families],
            read_relation(connection, each.relation),
            customer,
            owner.get(each.target, ""),
        )
        for each in read_inputs(connection)
        if all(now.get(name) == columns for name, columns in each.families.items())
    ]


def _columns(view: FeatureView) -> str:
    source = view.batch_source
    assert isinstance(source, DuckDBSource)
    assert source.found
    return columns_of(source.found)


def _input_view(
    each: Input, families: Sequence[FeatureView], relation: Relation, customer: Entity, owner: str
) -> FeatureView:
    description = f"The {each.features} features that {each.model_id} reads, in its order."
    tags = {
        "model_id": each.model_id,
        "features": str(each.features),
        "layout": each.layout,
        "families": ", ".join(each.families),
    }
    view = FeatureView(
        name=f"{each.target}__input",
        description=description,
        tags=tags,
        owner=owner,
        entities=[customer],
        ttl=min(family.ttl for family in families if family.ttl),
        schema=[Field(name=JOIN_KEY, dtype=String), Field(name=VECTOR, dtype=Array(Float32))],
        source=_source(relation, description, tags, owner),
    )
    first = min(family.materialization_intervals[0][0] for family in families)
    view.materialization_intervals = [(first, first)]
    return view


def _input_service(view: FeatureView) -> FeatureService:
    return FeatureService(
        name=view.name,
        features=[view],
        description=view.description,
        tags=view.tags,
        owner=view.owner,
    )
