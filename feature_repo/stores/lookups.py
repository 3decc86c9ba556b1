"""From Feast's views to lookups in the warehouse, and what is checked before any is made."""

from collections.abc import Mapping, Sequence

import duckdb
import pyarrow as pa
from feast.data_source import DataSource
from feast.feature_view import FeatureView

from feature_repo.stores.duckdb_kinds import comparable
from feature_repo.stores.duckdb_source import DuckDBSource
from feature_repo.stores.duckdb_types import holds
from feature_repo.stores.entities import require_columns
from feature_repo.stores.point_in_time import Lookup
from ml.workspace.errors import AlmanacError, BadInput, NotBuilt


def lookup_of(
    connection: duckdb.DuckDBPyConnection,
    view: FeatureView,
    features: Sequence[str],
    full_names: bool,
    created_by_then: bool,
) -> Lookup:
    """Return where and by what the `features` of `view` are found.

    Raises:
        AlmanacError: the source is not in the warehouse or lacks a column, or a column's type is
            not the feature's.
    """
    source = warehouse_source(view.batch_source)
    relation = source.read(connection)
    column_of = {value: key for key, value in source.field_mapping.items()}

    def column(name: str) -> str:
        return relation.require(column_of.get(name, name))

    entity_of = view.projection.join_key_map
    alias = view.projection.name_to_use()  # type: ignore[no-untyped-call]  # Feast's
    prefix = f"{alias}__" if full_names else ""
    lookup = Lookup(
        relation=relation,
        keys=tuple((column(e.name), entity_of.get(e.name, e.name)) for e in view.entity_columns),
        features=tuple((column(name), prefix + name) for name in dict.fromkeys(features)),
        timestamp=column(source.timestamp_field),
        created=column(source.created_timestamp_column) if source.created_timestamp_column else "",
        ttl=view.ttl,
        created_by_then=created_by_then,
    )
    _check_features(view, [column(name) for name in features], features, lookup)
    return lookup


def warehouse_source(source: DataSource | None) -> DuckDBSource:
    """Return `source`, which must lie in the warehouse.

    Raises:
        AlmanacError: it does not.
    """
    if isinstance(source, DuckDBSource):
        return source
    raise BadInput(
        f"{getattr(source, 'name', source)} is a {type(source).__name__}, not in the warehouse.",
        "Declare it as a DuckDBSource, then: feast apply",
    )


def _check_features(
    view: FeatureView, columns: Sequence[str], features: Sequence[str], lookup: Lookup
) -> None:
    declared = {field.name: field.dtype for field in view.features}
    for column, name in zip(columns, features, strict=True):
        kind = lookup.relation.columns[column]
        try:
            exact = holds(declared[name].to_value_type(), kind)
        except AlmanacError as error:
            raise BadInput(f"{lookup.relation.name}.{column}: {error.what}", error.next) from error
        if not exact:
            raise NotBuilt(
                f"{name} of the feature view {view.name} is {declared[name]}, but {column} is "
                f"{kind} in {lookup.relation.name}.",
                "Bring both sides in line: cast the column or change the field, then: feast apply",
            )


def check_entities(
    connection: duckdb.DuckDBPyConnection, entities: pa.Table, lookups: Sequence[Lookup]
) -> None:
    """Check that the entity rows have the keys of `lookups`, and no column named as a feature.

    Raises:
        AlmanacError: a key is missing or of another type, or a name is taken.
    """
    require_columns(entities, [key for lookup in lookups for _, key in lookup.keys])
    connection.register("given", entities)
    types = {row[0]: row[1] for row in connection.execute("describe given").fetchall()}
    for lookup in lookups:
        _check_keys(types, lookup)
    taken = set(entities.column_names)
    clash = sorted(taken & {name for lookup in lookups for _, name in lookup.features})
    if clash:
        raise BadInput(
            f"The entity rows already have columns named as features: {', '.join(clash)}.",
            "Rename or drop them, or ask with full_feature_names=True.",
        )


def _check_keys(types: Mapping[str, str], lookup: Lookup) -> None:
    for column, key in lookup.keys:
        if not comparable(types[key], lookup.relation.columns[column]):
            raise BadInput(
                f"{key} is {types[key]} in the entity rows, but {column} is "
                f"{lookup.relation.columns[column]} in {lookup.relation.name}.",
                "Cast the key in the entity rows, then ask again.",
            )
