"""Feast, for the rest of ml: training sets and online rows; the only module that imports it."""

import difflib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from feast import FeatureService, FeatureStore, FeatureView
from feast.errors import FeatureServiceNotFoundException
from feast.feature_view import FeatureViewState
from feast.infra.offline_stores.offline_store import RetrievalJob
from feast.repo_config import RepoConfig, load_repo_config
from feast.types import from_feast_to_pyarrow_type

from feature_repo.stores.duckdb_job import HistoricalRetrievalJob
from feature_repo.stores.retrieval import FeatureMatrix
from ml.config import REPOSITORY, AlmanacError, Workspace

FEATURE_REPO = REPOSITORY / "feature_repo"
OURS = "feature_repo.stores."
KEY = "customer_id"
# SQLite takes at most 32,766 parameters in one query, and Feast gives it one for each customer.
READ_AT_ONCE = 1_000


class Feature(NamedTuple):
    """A feature of a service: its name, the view that it comes from and its Arrow type."""

    name: str
    view: str
    dtype: pa.DataType


def feature_store(ws: Workspace) -> FeatureStore:
    """Return Feast's store as `feature_store.yaml` sets it up, with its files in `ws`."""
    config = load_repo_config(FEATURE_REPO, FEATURE_REPO / "feature_store.yaml")
    config.registry_config = _placed(config.registry_config, "path", ws.home)
    config.offline_config = _placed(config.offline_config, "database", ws.home)
    config.online_config = _placed(config.online_config, "path", ws.home)
    return FeatureStore(config=config)


def _placed(settings: object, key: str, home: Path) -> object:
    # Our own stores read relative paths from the environment's workspace; `ws` may be another.
    if not isinstance(settings, dict):
        return settings
    kind = settings.get("registry_store_type") or settings.get("type") or ""
    return settings | {key: str(home / settings[key])} if kind.startswith(OURS) else settings


def feature_names(ws: Workspace, service: str) -> list[Feature]:
    """Return the features of `service`, in its order, which is that of the warehouse's columns.

    Raises:
        AlmanacError: Feast knows no such service.
    """
    store = feature_store(ws)
    return _features(_service(store, service))


def _features(service: FeatureService) -> list[Feature]:
    return [
        Feature(field.name, projection.name, from_feast_to_pyarrow_type(field.dtype))
        for projection in service.feature_view_projections
        for field in projection.features
    ]


def _service(store: FeatureStore, name: str) -> FeatureService:
    _require_registry(store.config)
    try:
        return store.get_feature_service(name)
    except FeatureServiceNotFoundException as error:
        known = sorted(service.name for service in store.list_feature_services())
        near = "".join(f" (did you mean {n}?)" for n in difflib.get_close_matches(name, known, 1))
        raise AlmanacError(
            f"Feast knows no feature service {name}{near}; it knows {', '.join(known) or 'none'}.\n"
            "Register it: feast apply"
        ) from error


def _require_registry(config: RepoConfig) -> None:
    # Feast would make an empty registry where there is none.
    path = config.registry.path
    if config.registry.registry_type == "file" and "://" not in path and not Path(path).exists():
        raise AlmanacError(f"No features are registered: {path} is absent.\nRun: feast apply")


def training_set(
    ws: Workspace, target: str, entities: pa.Table | str, service: str | None = None
) -> pa.Table:
    """Return the entity rows with the features of `service` as each row's moment knew them.

    Rows keep their number and order, and columns their order: those of the entities (`customer_id`,
    `event_timestamp`, `label` and whatever else there is), then the features.

    Args:
        ws: the workspace.
        target: its feature service is used where no other is named.
        entities: the rows, or SQL over the warehouse that gives them.
        service: the feature service.

    Raises:
        AlmanacError: a service, relation or column is missing.
    """
    return _retrieval(ws, entities, service or target).to_arrow()


def training_matrix(ws: Workspace, target: str, entities: pa.Table | str) -> FeatureMatrix:
    """Return the same rows with the features as one float32 matrix instead of columns.

    Raises:
        AlmanacError: a service, relation or column is missing, or a feature is no number.
    """
    job = _retrieval(ws, entities, target)
    if isinstance(job, HistoricalRetrievalJob):
        return job.to_matrix()
    raise AlmanacError(
        f"{type(job).__name__} of another offline store makes no matrices.\n"
        "Name Almanac's own in feature_repo/feature_store.yaml."
    )


def _retrieval(ws: Workspace, entities: pa.Table | str, service: str) -> RetrievalJob:
    store = feature_store(ws)
    chosen = _service(store, service)
    return store.get_historical_features(entity_df=entities, features=chosen)


def online_rows(
    ws: Workspace, service: str, customer_ids: Sequence[str], as_of: datetime | None = None
) -> pa.Table:
    """Return the published features of the customers, one row each, in the order asked for.

    Columns: `customer_id`, `found`, then the features in the order of `feature_names`. A view's
    features are null where its row is missing, newer than `as_of` or older than its time to live,
    which Feast does not apply online; `found` is false where that holds for every view.

    Args:
        ws: the workspace.
        service: the feature service.
        customer_ids: any number, repeated or unknown ones too.
        as_of: the moment to read for, naive means UTC; the last published one unless given.

    Raises:
        AlmanacError: Feast knows no such service, or none of its features has been published.
    """
    store = feature_store(ws)
    chosen = _service(store, service)
    features = _features(chosen)
    views = [store.get_feature_view(name) for name in dict.fromkeys(f.view for f in features)]
    lives = _lifetimes(views, _utc(as_of) if as_of else _published(service, views))
    answer = _read(store, chosen, customer_ids)
    alive = {f.name: _alive(answer.get(f"{f.name}__ts", []), *lives[f.view]) for f in features}
    found = [any(flags) for flags in zip(*alive.values(), strict=True)]
    columns = {KEY: pa.array(customer_ids, pa.string()), "found": pa.array(found, pa.bool_())}
    columns |= {f.name: _column(answer.get(f.name, []), alive[f.name], f.dtype) for f in features}
    return pa.table(columns)


def published_until(ws: Workspace, service: str) -> datetime:
    """Return the last moment (naive UTC) up to which features of `service` are published.

    Raises:
        AlmanacError: Feast knows no such service, or none of its features has been published.
    """
    store = feature_store(ws)
    names = {feature.view for feature in _features(_service(store, service))}
    views = [store.get_feature_view(name) for name in sorted(names)]
    return _published(service, views).replace(tzinfo=None)


def _published(service: str, views: Iterable[FeatureView]) -> datetime:
    published = [view for view in views if view.state == FeatureViewState.AVAILABLE_ONLINE]
    ends = [end for view in published if (end := view.most_recent_end_time)]
    if ends:
        return _utc(max(ends))
    raise AlmanacError(
        f"No features of {service} are published.\n"
        "Publish them: feast materialize-incremental <until, such as 2023-02-01T00:00:00>"
    )


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _lifetimes(views: Iterable[FeatureView], moment: datetime) -> dict[str, tuple[float, float]]:
    """Return, for each view, the first and last second at which its row may have become known."""
    last = moment.timestamp()
    return {
        view.name: (last - view.ttl.total_seconds() if view.ttl else 0.0, last) for view in views
    }


def _alive(seconds: Sequence[int], first: float, last: float) -> list[bool]:
    # Feast gives a missing row the timestamp 0.
    return [second > 0 and first <= second <= last for second in seconds]


def _read(
    store: FeatureStore, service: FeatureService, customer_ids: Sequence[str]
) -> dict[str, list[Any]]:
    answer: dict[str, list[Any]] = {}
    for start in range(0, len(customer_ids), READ_AT_ONCE):
        rows = [{KEY: customer} for customer in customer_ids[start : start + READ_AT_ONCE]]
        part = store.get_online_features(features=service, entity_rows=rows)
        for name, values in part.to_dict(include_event_timestamps=True).items():
            answer.setdefault(name, []).extend(values)
    return answer


def _column(values: Sequence[Any], alive: Sequence[bool], dtype: pa.DataType) -> pa.Array:
    kept = [value if keep else None for value, keep in zip(values, alive, strict=True)]
    return pa.array(kept, dtype)
