"""Materialization: models' inputs and online families are written to the online store at once.

Values are encoded a column at a time. Either every view of a materialization becomes visible or
none does.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

import duckdb
import numpy as np
import pyarrow as pa
from feast import FeatureStore, FeatureView

from feature_repo.inputs import VECTOR
from feature_repo.stores.duckdb_job import DuckDBRetrievalJob
from feature_repo.stores.duckdb_source import DuckDBSource, open_store
from ml.store.generation import Batch, Generation, ViewVersion
from ml.store.model_input import SUFFIX
from ml.store.online_reader import foreign_store, online_rows_of
from ml.store.retrieval import feature_store, require_registry
from ml.store.values import KEY, EncodedColumn, encoded, entity_key, packed
from ml.workspace.errors import NotBuilt
from ml.workspace.progress import Progress
from ml.workspace.settings import Workspace

ROWS_PER_BATCH = 10_000


@dataclass(frozen=True)
class Materialized:
    """What was written of a view: the moment (naive UTC) it is as of, its rows and features."""

    view: str
    moment: datetime | None
    rows: int
    features: int


def online_views(ws: Workspace) -> list[str]:
    """Return the names of the families that are online with a column a feature.

    Raises:
        AlmanacError: nothing is registered.
    """
    store = feature_store(ws)
    require_registry(store.config)
    views = [view for view in store.list_feature_views() if view.online]
    return sorted(view.name for view in views if not view.name.endswith(SUFFIX))


def unwritable_store(ws: Workspace) -> str:
    """Return the name of the workspace's online store if only Feast writes it; else `""`."""
    return foreign_store(feature_store(ws))


def forget_customers(ws: Workspace, customers: Sequence[str]) -> int:
    """Remove the customers from the online store; return the number of rows removed.

    Raises:
        AlmanacError: the online store cannot be written, or another process is writing to it.
    """
    store = feature_store(ws)
    return online_rows_of(store).forget([entity_key(customer) for customer in customers])


def materialize(ws: Workspace, moments: Mapping[str, datetime | None]) -> list[Materialized]:
    """Write the views to the online store, each as of its moment (naive UTC), in one step.

    A view whose moment is None is emptied. A model's input gets a row for every customer known at
    the moment; a family gets the rows within their time to live. Readers see the previous
    generation until everything is written, then the new one.

    Raises:
        AlmanacError: the online store cannot be written, another process is writing to it, or the
            warehouse does not give the rows. The previous generation stays.
    """
    store = feature_store(ws)
    views = [store.get_feature_view(name) for name in moments]
    rows = online_rows_of(store)
    materialized: list[Materialized] = []
    with rows.begin_materialization() as materialization, Progress(unit=" rows") as bar:
        for view in views:
            bar.set_description(view.name)
            count = 0
            for batch in _batches(store, view, moments[view.name]):
                materialization.stage(batch)
                count += len(batch.keys)
                bar.update(len(batch.keys))
            materialized.append(
                Materialized(view.name, moments[view.name], count, _feature_count(view))
            )
        versions = {
            view.name: ViewVersion(moment, view.tags.get("layout", ""))
            for view in views
            if (moment := moments[view.name])
        }
        materialization.switch(Generation(uuid.uuid4().hex, versions))
    _record(store, views, versions)
    return materialized


def _feature_count(view: FeatureView) -> int:
    return int(view.tags.get("features", len(view.features)))


def _batches(store: FeatureStore, view: FeatureView, moment: datetime | None) -> Iterator[Batch]:
    if moment is None:
        return iter([Batch(view.name, [], [], {})])
    if view.name.endswith(SUFFIX):
        return _input_batches(store, view, moment)
    return _named_batches(store, view, moment)


def _input_batches(store: FeatureStore, view: FeatureView, moment: datetime) -> Iterator[Batch]:
    source = _source(view)
    query = (
        f"select {KEY}, {VECTOR} from {source.get_table_query_string()} "
        "where event_timestamp = getvariable('moment')"
    )
    with open_store(store.config) as connection:
        try:
            connection.execute("set variable moment = ?::timestamp", [moment])
            reader = connection.sql(query).to_arrow_reader(ROWS_PER_BATCH)
            yield Batch(view.name, [], [], {})
            for batch in reader:
                vectors = batch.column(VECTOR).flatten().to_numpy(zero_copy_only=False)
                values = packed(vectors.reshape(batch.num_rows, -1).astype(np.float32, copy=False))
                columns = {VECTOR: EncodedColumn(values, [None] * len(values))}
                yield Batch(view.name, _keys(batch), [moment] * len(values), columns)
        except duckdb.ProgrammingError as error:
            raise NotBuilt(
                f"The warehouse does not give {source.relation}: {error}",
                "Define it anew: ml train, then feast apply",
            ) from error


def _named_batches(store: FeatureStore, view: FeatureView, moment: datetime) -> Iterator[Batch]:
    source, end = _source(view), moment.replace(tzinfo=UTC)
    job = store._get_provider().offline_store.pull_latest_from_table_or_query(
        config=store.config,
        data_source=source,
        join_key_columns=[KEY],
        feature_name_columns=[feature.name for feature in view.features],
        timestamp_field=source.timestamp_field,
        created_timestamp_column=None,
        start_date=end - view.ttl if view.ttl else datetime.min.replace(tzinfo=UTC),
        end_date=end,
    )
    yield Batch(view.name, [], [], {})
    for batch in cast("DuckDBRetrievalJob", job).to_arrow_batches(ROWS_PER_BATCH):
        moments = batch[source.timestamp_field].to_pylist()
        columns = {each.name: encoded(batch[each.name], each.dtype) for each in view.features}
        yield Batch(view.name, _keys(batch), moments, columns)


def _source(view: FeatureView) -> DuckDBSource:
    assert isinstance(view.batch_source, DuckDBSource)
    return view.batch_source


def _keys(rows: pa.Table | pa.RecordBatch) -> list[bytes]:
    return [entity_key(customer) for customer in rows.column(KEY).to_pylist()]


def _record(
    store: FeatureStore, views: Sequence[FeatureView], versions: Mapping[str, ViewVersion]
) -> None:
    """Record the materialized intervals in Feast's registry, as `feast materialize` does."""
    for view in views:
        if view.name not in versions:
            continue
        end = versions[view.name].moment.replace(tzinfo=UTC)
        start = min(view.most_recent_end_time or end, end)
        store.registry.apply_materialization(view, store.project, start, end, commit=False)
    store.registry.commit()  # type: ignore[no-untyped-call]  # Feast's
