"""Reading the online store: models' inputs as matrices, online families as columns.

Feast's online stores do not apply times to live; they are applied here, as they are offline.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
from feast import FeatureStore, FeatureView
from feast.feature_view import FeatureViewState
from feast.infra.online_stores.sqlite import SqliteOnlineStore
from numpy.typing import NDArray

from feature_repo.inputs import VECTOR
from ml.store.generation import OnlineRows, StoredRows, ViewVersion, epoch
from ml.store.model_input import SUFFIX, ModelInput, input_view
from ml.store.retrieval import feature_store, require_registry, service_of
from ml.store.sqlite_rows import SqliteRows
from ml.store.values import KEY, Matrix, customer_of, decoded, entity_key, unpacked
from ml.workspace.errors import BadInput, NotBuilt
from ml.workspace.settings import Workspace

PRESENT, STALE, MISSING = "present", "stale", "missing"


def online_rows_of(store: FeatureStore) -> OnlineRows:
    """Return access to the rows of the online store that `feature_store.yaml` names.

    Raises:
        AlmanacError: the store is neither SQLite nor a single Redis server.
    """
    if name := foreign_store(store):
        raise BadInput(
            f"The online store {name} is Feast's alone to write and read: Almanac's commands know "
            "SQLite and a single Redis server.",
            "Name one of them in feature_store.yaml, or use Feast's own commands: "
            "feast materialize, feast get-online-features",
        )
    online = store._get_provider().online_store
    if isinstance(online, SqliteOnlineStore):
        return SqliteRows(store, online)
    # Imported here: a workspace on SQLite should not pay for importing Redis.
    from ml.store.redis_rows import RedisRows

    return RedisRows(store)


def foreign_store(store: FeatureStore) -> str:
    """Return the name of an online store that Almanac neither writes nor reads; else `""`."""
    online, settings = store._get_provider().online_store, store.config.online_store
    # A cluster and a sentinel are stores of the same class.
    kind = getattr(settings, "redis_type", None)
    if isinstance(online, SqliteOnlineStore) or kind == "redis":
        return ""
    return str(getattr(kind, "value", type(online).__name__))


@dataclass(frozen=True)
class InputMatrix:
    """A model's input for some customers, in the requested order, all of one generation.

    `matrix` is float32 with one row per customer and one column per feature, in the model's order;
    a null is NaN, and rows that are not `present` are NaN throughout. `status` is `present`,
    `stale` (older than its time to live) or `missing` (the customer had no row by the moment).
    `moment` is the moment (naive UTC) that the input was materialized for.
    """

    matrix: Matrix
    status: NDArray[np.str_]
    moment: datetime


@dataclass(frozen=True)
class PublishedInputs:
    """What the online store holds of a target's input for some customers, all of one generation.

    `layout` says of which features in which order (`ModelInput.layout`); empty where `feast
    materialize` wrote it. `status` and `moment` are those of InputMatrix; `values` has the encoded
    vectors of the customers that are present.
    """

    layout: str
    moment: datetime
    status: NDArray[np.str_]
    values: Sequence[bytes]

    def matrix(self, features: int) -> Matrix:
        """Return the vectors of so many features, a row a customer; NaN where none is present.

        Raises:
            AlmanacError: they are of another number of features.
        """
        matrix = np.full((len(self.status), features), np.nan, dtype=np.float32)
        matrix[self.status == PRESENT] = unpacked(self.values, features)
        # As in training, an infinity (a division by zero) counts as missing.
        matrix[np.isinf(matrix)] = np.nan
        return matrix


@dataclass(frozen=True)
class TargetInput:
    """Reads the published input of a target's champion, whichever model that is."""

    view: FeatureView
    rows: OnlineRows

    def model_of(self, layout: str) -> str | None:
        """Return the id of the model that is registered with this layout; None with another."""
        tags = self.view.tags
        return tags.get("model_id") if tags.get("layout") == layout else None

    def version(self) -> ViewVersion | None:
        """Return what was materialized last; None where nothing was, or Feast itself wrote it.

        Raises:
            AlmanacError: the store cannot be read.
        """
        found = self.rows.read(self.view.name, [VECTOR], [])
        return found.generation.views.get(self.view.name) if found.generation else None

    def read(self, customers: Sequence[str], at: datetime | None = None) -> PublishedInputs:
        """Return the customers' inputs as of `at` (naive means UTC).

        None means the moment that the input was materialized for.

        Raises:
            AlmanacError: the store cannot be read, or the input is not materialized.
        """
        found = self.rows.read(self.view.name, [VECTOR], [entity_key(each) for each in customers])
        version = found.generation and found.generation.views.get(self.view.name)
        moment = _materialized_moment([self.view], found)
        status = _status(found, self.view, moment, at)
        rows = zip(found.values[0], status == PRESENT, strict=True)
        values = [value for value, kept in rows if kept and value]
        return PublishedInputs(version.layout if version else "", moment, status, values)


@dataclass(frozen=True)
class InputReader:
    """Reads a model's input from the online store; keeps its connection open between reads."""

    wanted: ModelInput
    published: TargetInput

    def read(self, customers: Sequence[str], at: datetime | None = None) -> InputMatrix:
        """Return the customers' inputs as of `at` (naive means UTC).

        None means the moment that the input was materialized for.

        Raises:
            AlmanacError: the input is not materialized, or was for a model with other features.
        """
        found = self.published.read(customers, at)
        if found.layout not in ("", self.wanted.layout):
            raise NotBuilt(
                f"The published input of {self.wanted.target} is not that of "
                f"{self.wanted.model_id}: its features are others.",
                "Publish it: ml materialize",
                target=self.wanted.target,
            )
        matrix = found.matrix(len(self.wanted.features))
        return InputMatrix(matrix, found.status, found.moment)

    def customers(self) -> list[str]:
        """Return the ids of the customers whose inputs are in the online store."""
        rows, view = self.published.rows, self.published.view
        return [customer_of(key) for key in rows.keys(view.name)]


def input_reader(ws: Workspace, wanted: ModelInput) -> InputReader:
    """Return a reader of a model's materialized input.

    Raises:
        AlmanacError: the input is not registered, or the online store cannot be read in bulk.
    """
    published = TargetInput(input_view(ws, wanted), online_rows_of(feature_store(ws)))
    return InputReader(wanted, published)


def target_inputs(ws: Workspace) -> dict[str, TargetInput]:
    """Return readers of the inputs that are registered, by target; they share one connection.

    Raises:
        AlmanacError: nothing is registered, or the online store cannot be read in bulk.
    """
    store = feature_store(ws)
    require_registry(store.config)
    rows = online_rows_of(store)
    return {name: TargetInput(view, rows) for name, view in _input_views(store).items()}


def input_targets(ws: Workspace) -> set[str]:
    """Return the targets whose inputs are registered, whatever the online store.

    Raises:
        AlmanacError: nothing is registered.
    """
    store = feature_store(ws)
    require_registry(store.config)
    return set(_input_views(store))


def _input_views(store: FeatureStore) -> dict[str, FeatureView]:
    views = [view for view in store.list_feature_views() if view.name.endswith(SUFFIX)]
    return {view.name.removesuffix(SUFFIX): view for view in views}


def online_rows(
    ws: Workspace, service: str, customer_ids: Sequence[str], as_of: datetime | None = None
) -> pa.Table:
    """Return the online features of the customers, one row each, in the order given.

    Columns: `customer_id`, `found`, then the features of the families of `service` that are online,
    in the service's order. A family's features are null where its row is missing, newer than
    `as_of` or older than its time to live; `found` is false where that holds for every family.

    Args:
        ws: the workspace.
        service: the feature service.
        customer_ids: any number of ids; repeated and unknown ones are allowed.
        as_of: the moment to read for (naive means UTC); by default the last materialized one.

    Raises:
        AlmanacError: Feast knows no such service, or none of its families is online.
    """
    store = feature_store(ws)
    names = [each.name for each in service_of(store, service).feature_view_projections]
    views = [view for view in map(store.get_feature_view, names) if view.online]
    if not views:
        raise NotBuilt(
            f"None of the families of {service} is published by name: {', '.join(names)}.",
            "Say `online: true` in the meta of one, then: dbt build, feast apply, ml materialize",
        )
    return _named_rows(online_rows_of(store), views, customer_ids, as_of)


def family_rows(
    ws: Workspace, family: str, customer_ids: Sequence[str], as_of: datetime | None = None
) -> pa.Table:
    """Return the customers' online features of one family, in the columns of `online_rows`.

    Raises:
        AlmanacError: the family is not materialized.
    """
    store = feature_store(ws)
    view = store.get_feature_view(family)
    return _named_rows(online_rows_of(store), [view], customer_ids, as_of)


def materialized_family(ws: Workspace, family: str) -> tuple[datetime, list[str]]:
    """Return the last moment (naive UTC) a family was materialized for, and its customers' ids.

    Raises:
        AlmanacError: the family is not materialized.
    """
    store = feature_store(ws)
    view, rows = store.get_feature_view(family), online_rows_of(store)
    moment = _materialized_moment([view], rows.read(family, [], []))
    return moment, [customer_of(key) for key in rows.keys(family)]


def _named_rows(
    rows: OnlineRows, views: Sequence[FeatureView], customers: Sequence[str], at: datetime | None
) -> pa.Table:
    keys = [entity_key(customer) for customer in customers]
    reads = _read_views(rows, views, keys)
    materialized = _materialized_moment(views, *reads)
    columns: dict[str, pa.Array] = {}
    anywhere = np.zeros(len(keys), dtype=np.bool_)
    for view, found in zip(views, reads, strict=True):
        present = _status(found, view, materialized, at) == PRESENT
        anywhere |= present
        for feature, values in zip(view.features, found.values, strict=True):
            kept = [value if keep else None for value, keep in zip(values, present, strict=True)]
            columns[feature.name] = decoded(kept, feature.dtype)
    return pa.table({KEY: pa.array(customers, pa.string()), "found": anywhere} | columns)


def _read_views(
    rows: OnlineRows, views: Sequence[FeatureView], keys: Sequence[bytes]
) -> list[StoredRows]:
    """Return the rows of each view; read again if a new generation appeared between two views."""
    while True:
        found = [rows.read(view.name, [f.name for f in view.features], keys) for view in views]
        if len({each.generation and each.generation.name for each in found}) == 1:
            return found


def _materialized_moment(views: Sequence[FeatureView], *reads: StoredRows) -> datetime:
    """Return the last moment (naive UTC) that any of the views was materialized for."""
    moments = [
        moment
        for view, found in zip(views, reads, strict=True)
        if (moment := _version_moment(view, found) or _materialized_until(view))
    ]
    if moments:
        return max(moments)
    raise NotBuilt(
        f"Nothing of {', '.join(view.name for view in views)} is published.",
        "Publish it: ml materialize",
    )


def _version_moment(view: FeatureView, found: StoredRows) -> datetime | None:
    version = found.generation and found.generation.views.get(view.name)
    return version.moment if version else None


def _materialized_until(view: FeatureView) -> datetime | None:
    # `feast materialize` writes no generation, but records its moment in the registry.
    end = view.most_recent_end_time
    if end is None or view.state != FeatureViewState.AVAILABLE_ONLINE:
        return None
    return end.astimezone(UTC).replace(tzinfo=None)


def _status(
    found: StoredRows, view: FeatureView, materialized: datetime, at: datetime | None
) -> NDArray[np.str_]:
    seconds = np.asarray(found.seconds, dtype=np.int64)
    last = epoch(at) if at else max([epoch(materialized), *found.seconds])
    first = epoch(at or materialized) - (view.ttl.total_seconds() if view.ttl else np.inf)
    known = np.where(seconds >= first, PRESENT, STALE)
    return np.where((seconds > 0) & (seconds <= last), known, MISSING)
