"""Reading what is published: models' inputs as matrices, named features as columns.

Times to live hold as they do offline, which Feast leaves to the reader of its online stores.
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
from ml.store.generation import Found, OnlineRows, epoch
from ml.store.model_input import ModelInput, input_view
from ml.store.retrieval import feature_store, service_of
from ml.store.sqlite_rows import SqliteRows
from ml.store.values import KEY, Matrix, customer_of, decoded, entity_key, unpacked
from ml.workspace.errors import BadInput, NotBuilt
from ml.workspace.settings import Workspace

PRESENT, STALE, MISSING = "present", "stale", "missing"


def online_rows_of(store: FeatureStore) -> OnlineRows:
    """Return the rows of the online store that `feature_store.yaml` names.

    Raises:
        AlmanacError: it is a store whose layout only Feast knows.
    """
    online = store._get_provider().online_store
    if isinstance(online, SqliteOnlineStore):
        return SqliteRows(store, online)
    if getattr(store.config.online_store, "redis_type", None) == "redis":
        # Only who uses Redis pays for importing it.
        from ml.store.redis_rows import RedisRows

        return RedisRows(store)
    raise BadInput(
        f"{type(online).__name__} is no online store that is published and read in bulk: that are "
        "sqlite and redis.",
        "Name one of them in feature_store.yaml, or publish with Feast's own: "
        "feast materialize <from> <until>",
    )


@dataclass(frozen=True)
class Inputs:
    """A model's input for some customers, rows in the order asked for, all of one generation.

    `matrix` is float32, a column a feature in the model's order; a null is NaN, and so is all of a
    row that is not `present`. `status` says of each row whether it is `present`, `stale` (older
    than its time to live) or `missing` (nothing of the customer was published by the moment).
    """

    matrix: Matrix
    status: NDArray[np.str_]
    moment: datetime


@dataclass(frozen=True)
class InputReader:
    """A model's published input, for reading again and again; it keeps its connection open."""

    wanted: ModelInput
    view: FeatureView
    rows: OnlineRows

    def read(self, customers: Sequence[str], at: datetime | None = None) -> Inputs:
        """Return the customers' inputs as of `at` (naive means UTC), the published moment if None.

        Raises:
            AlmanacError: nothing is published, or the input of a model with other features.
        """
        found = self.rows.read(self.view.name, [VECTOR], [entity_key(each) for each in customers])
        published = self._published(found)
        status = _status(found, self.view, published, at)
        matrix = np.full((len(customers), len(self.wanted.features)), np.nan, dtype=np.float32)
        there = status == PRESENT
        values = [
            value for value, kept in zip(found.values[0], there, strict=True) if kept and value
        ]
        matrix[there] = unpacked(values, matrix.shape[1])
        # As in training: an infinity is a division that had no answer.
        matrix[np.isinf(matrix)] = np.nan
        return Inputs(matrix, status, published)

    def customers(self) -> list[str]:
        """Return whose inputs are published."""
        return [customer_of(key) for key in self.rows.keys(self.view.name)]

    def _published(self, found: Found) -> datetime:
        edition = found.generation and found.generation.views.get(self.view.name)
        if edition and edition.layout != self.wanted.layout:
            raise NotBuilt(
                f"The published input of {self.wanted.target} is not that of "
                f"{self.wanted.model_id}: its features are others.",
                "Publish it: ml materialize",
                target=self.wanted.target,
            )
        return _published([self.view], found)


def input_reader(ws: Workspace, wanted: ModelInput) -> InputReader:
    """Return a reader of a model's published input.

    Raises:
        AlmanacError: the input is not registered, or the online store is none that is read in bulk.
    """
    return InputReader(wanted, input_view(ws, wanted), online_rows_of(feature_store(ws)))


def online_rows(
    ws: Workspace, service: str, customer_ids: Sequence[str], as_of: datetime | None = None
) -> pa.Table:
    """Return the customers' features that are published by name, one row each, in the order given.

    Columns: `customer_id`, `found`, then the features of those families of `service` that are
    online, in its order. A family's features are null where its row is missing, newer than `as_of`
    or older than its time to live; `found` is false where that holds for every family.

    Args:
        ws: the workspace.
        service: the feature service.
        customer_ids: any number, repeated or unknown ones too.
        as_of: the moment to read for, naive means UTC; the last published one unless given.

    Raises:
        AlmanacError: Feast knows no such service, or none of its features is published by name.
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
    """Return the customers' published features of a family, as `online_rows` does of a service.

    Raises:
        AlmanacError: nothing of the family is published by name.
    """
    store = feature_store(ws)
    view = store.get_feature_view(family)
    return _named_rows(online_rows_of(store), [view], customer_ids, as_of)


def published_family(ws: Workspace, family: str) -> tuple[datetime, list[str]]:
    """Return the last moment (naive UTC) of which a family is published, and whose rows are.

    Raises:
        AlmanacError: nothing of the family is published by name.
    """
    store = feature_store(ws)
    view, rows = store.get_feature_view(family), online_rows_of(store)
    moment = _published([view], rows.read(family, [], []))
    return moment, [customer_of(key) for key in rows.keys(family)]


def _named_rows(
    rows: OnlineRows, views: Sequence[FeatureView], customers: Sequence[str], at: datetime | None
) -> pa.Table:
    keys = [entity_key(customer) for customer in customers]
    answers = _answers(rows, views, keys)
    published = _published(views, *answers)
    columns: dict[str, pa.Array] = {}
    anywhere = np.zeros(len(keys), dtype=np.bool_)
    for view, found in zip(views, answers, strict=True):
        there = _status(found, view, published, at) == PRESENT
        anywhere |= there
        for feature, values in zip(view.features, found.values, strict=True):
            kept = [value if keep else None for value, keep in zip(values, there, strict=True)]
            columns[feature.name] = decoded(kept, feature.dtype)
    return pa.table({KEY: pa.array(customers, pa.string()), "found": anywhere} | columns)


def _answers(rows: OnlineRows, views: Sequence[FeatureView], keys: Sequence[bytes]) -> list[Found]:
    """Return what is published of each view; it asks again if that changed between two views."""
    while True:
        found = [rows.read(view.name, [f.name for f in view.features], keys) for view in views]
        if len({each.generation and each.generation.name for each in found}) == 1:
            return found


def _published(views: Sequence[FeatureView], *answers: Found) -> datetime:
    """Return the last moment (naive UTC) of which something of the views is published."""
    moments = [
        moment
        for view, found in zip(views, answers, strict=True)
        if (moment := _edition_moment(view, found) or _materialized_until(view))
    ]
    if moments:
        return max(moments)
    raise NotBuilt(
        f"Nothing of {', '.join(view.name for view in views)} is published.",
        "Publish it: ml materialize",
    )


def _edition_moment(view: FeatureView, found: Found) -> datetime | None:
    edition = found.generation and found.generation.views.get(view.name)
    return edition.moment if edition else None


def _materialized_until(view: FeatureView) -> datetime | None:
    # `feast materialize` makes no generation, but leaves its moment in the registry.
    end = view.most_recent_end_time
    if end is None or view.state != FeatureViewState.AVAILABLE_ONLINE:
        return None
    return end.astimezone(UTC).replace(tzinfo=None)


def _status(
    found: Found, view: FeatureView, published: datetime, at: datetime | None
) -> NDArray[np.str_]:
    seconds = np.asarray(found.seconds, dtype=np.int64)
    last = epoch(at) if at else max([epoch(published), *found.seconds])
    first = epoch(at or published) - (view.ttl.total_seconds() if view.ttl else np.inf)
    known = np.where(seconds >= first, PRESENT, STALE)
    return np.where((seconds > 0) & (seconds <= last), known, MISSING)
