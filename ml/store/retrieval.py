"""Training sets from Feast, and access to its store, its services and their features."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple, cast

import pyarrow as pa
from feast import FeatureService, FeatureStore
from feast.data_source import DataSource
from feast.errors import FeastError, FeatureServiceNotFoundException
from feast.infra.offline_stores.offline_store import RetrievalJob
from feast.repo_config import FeastConfigError, RepoConfig, load_repo_config
from feast.types import from_feast_to_pyarrow_type
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from feature_repo.stores.duckdb_job import HistoricalRetrievalJob
from feature_repo.stores.retrieval import Call, FeatureMatrix
from ml.data.mapped import MatrixMaker, in_memory
from ml.workspace.errors import BadInput, NotBuilt
from ml.workspace.settings import Workspace, feature_repo, read_settings
from ml.workspace.suggest import did_you_mean, similar
from ml.workspace.texts import few, one_line

OWN_STORES = "feature_repo.stores."


class ServiceFeature(NamedTuple):
    """A feature of a service: its name, the view that it comes from and its Arrow type."""

    name: str
    view: str
    dtype: pa.DataType


class ViewSource(NamedTuple):
    """The source of a view: its relation as SQL, its timestamp column, its time to live."""

    view: str
    relation: str
    timestamp: str
    ttl: timedelta | None


class Recipe(NamedTuple):
    """How a training set is retrieved: the store's SQL, the features in order, their sources."""

    sql: str
    features: list[ServiceFeature]
    sources: list[ViewSource]


def feature_store(ws: Workspace) -> FeatureStore:
    """Return Feast's store as `feature_store.yaml` configures it, with its files in `ws`.

    Raises:
        AlmanacError: the file is wrong, what it names is not installed, or its registry is a
            database that does not answer.
    """
    path = feature_repo() / "feature_store.yaml"
    try:
        read_settings(path)
        config = load_repo_config(feature_repo(), path)
        config.registry_config = _in_workspace(config.registry_config, "path", ws.home)
        config.offline_config = _in_workspace(config.offline_config, "database", ws.home)
        config.online_config = _in_workspace(config.online_config, "path", ws.home)
        store = FeatureStore(config=config)
        if config.registry.registry_type == "sql":
            # Feast would connect at some later call.
            _ = store.registry
    except (FeastError, FeastConfigError, SQLAlchemyError, OSError) as error:
        raise BadInput(
            f"{path}, as it is, gives no feature store: {_why(error)}",
            "Correct it, install what it needs, or start what it names (docs/feast.md).",
        ) from error
    return store


def _why(error: Exception) -> str:
    """Return what is wrong on one line: of settings, each field with what Feast says of it."""
    said = getattr(error, "_error_message", None)
    if not isinstance(said, ValidationError):
        return one_line(error.__cause__ or error)
    wrong = ((*map(str, each["loc"]), each["msg"]) for each in said.errors())
    return few([": ".join(parts) for parts in wrong], 3)


def _in_workspace(settings: object, key: str, home: Path) -> object:
    # Almanac's stores resolve relative paths in the workspace of ALMANAC_HOME; `ws` may be another.
    if not isinstance(settings, dict):
        return settings
    kind = settings.get("registry_store_type") or settings.get("type") or ""
    return settings | {key: str(home / settings[key])} if kind.startswith(OWN_STORES) else settings


def feature_names(ws: Workspace, service: str) -> list[ServiceFeature]:
    """Return the features of `service`, in its order, which is that of the warehouse's columns.

    Raises:
        AlmanacError: Feast knows no such service.
    """
    store = feature_store(ws)
    return features_of(service_of(store, service))


def features_of(service: FeatureService) -> list[ServiceFeature]:
    """Return the features of `service` in its order."""
    return [
        ServiceFeature(field.name, projection.name, from_feast_to_pyarrow_type(field.dtype))
        for projection in service.feature_view_projections
        for field in projection.features
    ]


def service_of(store: FeatureStore, name: str) -> FeatureService:
    """Return the feature service called `name`.

    Raises:
        AlmanacError: there is no registry, or it knows no such service.
    """
    require_registry(store.config)
    try:
        return store.get_feature_service(name)
    except FeatureServiceNotFoundException as error:
        known = sorted(service.name for service in store.list_feature_services())
        near = did_you_mean(name, known, cutoff=0.6)
        raise NotBuilt(
            f"Feast knows no feature service {name}{near}; it knows {', '.join(known) or 'none'}.",
            "Register it: feast apply",
            target=name,
        ) from error


def require_registry(config: RepoConfig) -> None:
    """Raise AlmanacError where there is no registry: Feast would make an empty one."""
    path = config.registry.path
    if config.registry.registry_type == "file" and "://" not in path and not Path(path).exists():
        raise NotBuilt(f"No features are registered: {path} is absent.", "Run: feast apply")


def training_set(ws: Workspace, asked: str | Sequence[str], entities: pa.Table | str) -> pa.Table:
    """Return the entity rows with the features as they were known at each row's timestamp.

    Rows keep their number and order. Columns: those of the entities (`customer_id`,
    `event_timestamp`, `label` and any others), then the features.

    Args:
        ws: the workspace.
        asked: a feature service (every target has one of its name), or names of features.
        entities: the rows, or SQL over the warehouse that gives them.

    Raises:
        AlmanacError: a service, feature, relation or column is missing.
    """
    return retrieval(ws, asked, entities).to_arrow()


def training_matrix(
    ws: Workspace, target: str, entities: pa.Table | str, make: MatrixMaker = in_memory
) -> FeatureMatrix:
    """Return the rows of `training_set` with the features as one float32 matrix, null as NaN.

    `make` says where the matrix lies.

    Raises:
        AlmanacError: a service, relation or column is missing, or a feature is not numeric.
    """
    return _matrix_job(ws, target, entities).to_matrix(make)


def training_matrices(
    ws: Workspace, asked: str | Sequence[str], entities: pa.Table | str, rows: int
) -> Iterator[FeatureMatrix]:
    """Yield `training_set` as matrices of at most `rows` rows, with one in memory at a time.

    Raises:
        AlmanacError: as `training_set` and `training_matrix`.
    """
    return _matrix_job(ws, asked, entities).to_matrices(rows)


def applied(
    ws: Workspace,
    asked: str | Sequence[str],
    entities: pa.Table | str,
    rows: int,
    call: Call,
) -> Iterator[pa.Table]:
    """Yield what `call` makes of `training_matrices`; of a lake it runs where the features are.

    There `call` is pickled, its matrices have of the entity rows the customer and the moment alone,
    and what it makes comes in no order.

    Raises:
        AlmanacError: as `training_set` and `training_matrix`, or `call` raised it.
    """
    return _matrix_job(ws, asked, entities).apply(rows, call)


def _matrix_job(
    ws: Workspace, asked: str | Sequence[str], entities: pa.Table | str
) -> HistoricalRetrievalJob:
    job = retrieval(ws, asked, entities)
    if isinstance(job, HistoricalRetrievalJob):
        return job
    raise BadInput(
        f"{type(job).__name__} of another offline store makes no matrices.",
        "Name Almanac's own in feature_repo/feature_store.yaml.",
    )


def training_recipe(ws: Workspace, target: str, entities: str) -> Recipe:
    """Return how `training_set` retrieves the rows of the same target and entities.

    Raises:
        AlmanacError: a service, relation or column is missing.
    """
    store = feature_store(ws)
    chosen = service_of(store, target)
    return Recipe(
        store.get_historical_features(entity_df=entities, features=chosen).to_sql(),
        features_of(chosen),
        [_source(store, projection.name) for projection in chosen.feature_view_projections],
    )


def _source(store: FeatureStore, name: str) -> ViewSource:
    view = store.get_feature_view(name)
    # Views built from dbt models always have a batch source.
    source = cast("DataSource", view.batch_source)
    return ViewSource(name, source.get_table_query_string(), source.timestamp_field, view.ttl)


def rows_at(customers: pa.Array | Sequence[str], moment: datetime) -> pa.Table:
    """Return the entity rows that ask what was known of customers at a moment (naive UTC)."""
    moments = pa.array([moment] * len(customers), pa.timestamp("us"))
    ids = pa.array(customers, pa.string())
    return pa.table({"customer_id": ids, "event_timestamp": moments})


def retrieval(ws: Workspace, asked: str | Sequence[str], entities: pa.Table | str) -> RetrievalJob:
    """Return Feast's job that `training_set` runs; raises as it does."""
    store = feature_store(ws)
    features = service_of(store, asked) if isinstance(asked, str) else _references(store, asked)
    return store.get_historical_features(entity_df=entities, features=features)


def _references(store: FeatureStore, names: Sequence[str]) -> list[str]:
    require_registry(store.config)
    views = {
        field.name: view.name for view in store.list_feature_views() for field in view.features
    }
    for name in names:
        if name not in views:
            near = similar(name, views, 3)
            raise BadInput(
                f"Feast knows no feature {name}; the nearest of its {len(views)} are "
                f"{', '.join(near)}.",
                f"Look for it: ml features '{name[:8]}*'",
            )
    return [f"{views[name]}:{name}" for name in names]
