"""Principal components and clusters of vectors in batches, so that memory stays bounded."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import MiniBatchKMeans
from sklearn.decomposition import IncrementalPCA
from threadpoolctl import threadpool_limits

from ml.features.refit.version import Doubles, Fit

# Every call iterates over the same vectors in the same order.
Batches = Callable[[], Iterator[NDArray[np.float32]]]

# A component that explains less of the variance than this is numerical noise.
LEAST_EXPLAINED = 1e-9
# Distinct vectors are counted among the first so many.
DISTINCT_SAMPLE = 10_000


def fit(batches: Batches, components: int, clusters: int, previous: Fit | None = None) -> Fit:
    """Return up to `components` principal components and `clusters` centres of the vectors.

    The same batches give the same bytes, whatever the number of processors: one thread adds up
    in one order. Fewer come back where the vectors differ in fewer directions or are fewer.

    Args:
        batches: finite vectors of one length, all batches but the last of one size; at least one.
        components: how many directions are wanted.
        clusters: how many centres are wanted.
        previous: an earlier fit; components and centres keep its order and signs.
    """
    with threadpool_limits(1), np.errstate(divide="ignore", invalid="ignore"):
        found = _components(batches, components)
        if previous is not None and previous.mean.size == found.mean.size:
            found = _aligned(found, previous)
        else:
            previous = None
        if not len(found.components):
            return found
        scores = np.concatenate([found.project(batch) for batch in batches()])
        return _centres(found, scores, clusters, previous)


def _components(batches: Batches, wanted: int) -> Fit:
    model: IncrementalPCA | None = None
    for batch in batches():
        if model is None:
            model = IncrementalPCA(min(wanted, *batch.shape))
        model.partial_fit(batch.astype(np.float64))
    if model is None:
        raise ValueError("nothing to fit: no batch came")
    kept = model.explained_variance_ratio_ > LEAST_EXPLAINED
    return Fit(
        vectors=int(model.n_samples_seen_),
        mean=model.mean_,
        components=model.components_[kept],
        explained=model.explained_variance_ratio_[kept],
        centres=np.empty((0, int(kept.sum()))),
        shares=np.empty(0),
    )


def _aligned(found: Fit, previous: Fit) -> Fit:
    """Return `found` with its components in the order and with the signs of `previous`."""
    cosines = found.components @ previous.components.T
    order, partners = _matched(-np.abs(cosines))
    signs = np.ones(len(order))
    signs[: len(partners)] = np.where(cosines[order[: len(partners)], partners] < 0, -1.0, 1.0)
    return replace(
        found,
        components=found.components[order] * signs[:, None],
        explained=found.explained[order],
    )


def _matched(costs: Doubles) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return rows in the order of their assigned columns, unassigned rows last, and the columns."""
    rows, columns = linear_sum_assignment(costs)
    by_column = np.argsort(columns)
    alone = np.setdiff1d(np.arange(len(costs)), rows)
    return np.concatenate([rows[by_column], alone]), columns[by_column]


def _centres(found: Fit, scores: Doubles, wanted: int, previous: Fit | None) -> Fit:
    count = min(wanted, len(np.unique(scores[:DISTINCT_SAMPLE], axis=0)))
    start = None if previous is None else _carried(previous, found)
    if start is not None and len(start) == count:
        # Centres that start from the previous ones must not be reassigned elsewhere.
        model = MiniBatchKMeans(count, init=start, n_init=1, reassignment_ratio=0, random_state=0)
    else:
        model = MiniBatchKMeans(count, n_init=3, random_state=0)
    model.fit(scores)
    centres = np.asarray(model.cluster_centers_, dtype=np.float64)
    shares = np.bincount(model.predict(scores), minlength=count) / len(scores)
    if start is None or not len(start):
        order = np.argsort(-shares, kind="stable")
    else:
        order, _ = _matched(np.linalg.norm(centres[:, None] - start[None], axis=2))
    return replace(found, centres=centres[order], shares=shares[order])


def _carried(previous: Fit, found: Fit) -> Doubles:
    """Return the centres of `previous` as points among the components of `found`."""
    if not len(previous.centres):
        return np.empty((0, len(found.components)))
    points = previous.centres @ previous.components + previous.mean
    return found.project(points.astype(np.float32))
