"""Online rows: what is published of customers, with times to live applied."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from feast import FeatureService, FeatureStore, FeatureView
from feast.feature_view import FeatureViewState

from ml.config import AlmanacError, Workspace
from ml.store.training import feature_store, features_of, service_of

KEY = "customer_id"
# SQLite takes at most 32,766 parameters in one query, and Feast gives it one for each customer.
READ_AT_ONCE = 1_000


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
    chosen = service_of(store, service)
    features = features_of(chosen)
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
    names = {feature.view for feature in features_of(service_of(store, service))}
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
