"""A model's input: one view of the warehouse with a vector per row, registered with Feast."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
from feast import FeatureStore, FeatureView
from feast.errors import FeatureViewNotFoundException

from feature_repo.inputs import (
    Input,
    InputFamily,
    columns_of,
    digest,
    input_sql,
    read_inputs,
    write_input,
)
from feature_repo.stores.duckdb_source import DuckDBSource
from feature_repo.stores.relations import read_relation
from ml.data.feature import Feature
from ml.store.retrieval import feature_store, require_registry
from ml.workspace.errors import AlmanacError, NotBuilt
from ml.workspace.settings import Workspace
from ml.workspace.warehouse import open_warehouse

SUFFIX = "__input"


@dataclass(frozen=True)
class ModelInput:
    """A model's features in the model's order, as pairs of name and family.

    `layout` is a hash of names and types in that order.
    """

    target: str
    model_id: str
    features: tuple[tuple[str, str], ...]
    layout: str

    @classmethod
    def of(cls, target: str, model_id: str, features: Sequence[Feature]) -> "ModelInput":
        """Return the input of a model of these features, in its own order."""
        named = tuple((each.name, each.view) for each in features)
        layout = digest([f"{each.name} {each.dtype}" for each in features])
        return cls(target, model_id, named, layout)

    @property
    def view(self) -> str:
        """The name of the input's feature view and feature service in Feast."""
        return f"{self.target}{SUFFIX}"

    @property
    def families(self) -> tuple[str, ...]:
        """The families that the features come from, in the order of their first feature."""
        return tuple(dict.fromkeys(family for _, family in self.features))


def define_input(ws: Workspace, wanted: ModelInput) -> None:
    """Create the warehouse view of a model's input, unless the same view exists already.

    Raises:
        AlmanacError: Feast or the warehouse lacks a family or a feature of the model.
    """
    store = feature_store(ws)
    views = {name: _family(store, wanted, name) for name in wanted.families}
    with open_warehouse(ws.warehouse) as connection:
        definition, sql = _definition(connection, wanted, views)
        if definition in read_inputs(connection):
            return
    with open_warehouse(ws.warehouse, read_only=False) as connection:
        write_input(connection, definition, sql)


def _family(store: FeatureStore, wanted: ModelInput, name: str) -> FeatureView:
    require_registry(store.config)
    try:
        return store.get_feature_view(name)
    except FeatureViewNotFoundException as error:
        raise _missing_feature(wanted, f"Feast knows no family {name}.") from error


def _definition(
    connection: duckdb.DuckDBPyConnection, wanted: ModelInput, views: Mapping[str, FeatureView]
) -> tuple[Input, str]:
    families: dict[str, InputFamily] = {}
    try:
        for name, view in views.items():
            assert isinstance(view.batch_source, DuckDBSource)
            relation = read_relation(connection, view.batch_source.relation)
            families[name] = InputFamily(relation, view.ttl)
        sql = input_sql(families, wanted.features)
    except AlmanacError as error:
        raise _missing_feature(wanted, error.what.split("\n", maxsplit=1)[0]) from error
    columns = {name: columns_of(family.relation) for name, family in families.items()}
    definition = Input(
        target=wanted.target,
        model_id=wanted.model_id,
        features=len(wanted.features),
        layout=wanted.layout,
        families=columns,
        query=digest([sql]),
    )
    return definition, sql


def _missing_feature(wanted: ModelInput, what: str) -> AlmanacError:
    return NotBuilt(
        f"The features of {wanted.model_id} are no longer all there: {what}",
        f"Bring them back (dbt build, feast apply) or train again: "
        f"ml train --target {wanted.target}",
        target=wanted.target,
    )


def input_view(ws: Workspace, wanted: ModelInput) -> FeatureView:
    """Return the feature view of a model's input.

    Raises:
        AlmanacError: Feast knows no such view, or one with another model's features.
    """
    store = feature_store(ws)
    require_registry(store.config)
    try:
        view = store.get_feature_view(wanted.view)
    except FeatureViewNotFoundException as error:
        raise NotBuilt(
            f"Feast knows no input of {wanted.target}: {wanted.view} is not registered.",
            "Register it: feast apply",
            target=wanted.target,
        ) from error
    if view.tags.get("layout") != wanted.layout:
        raise NotBuilt(
            f"{wanted.view} is registered for {view.tags.get('model_id')}, whose features are not "
            f"those of {wanted.model_id}.",
            "Register it anew: feast apply",
            target=wanted.target,
        )
    return view
