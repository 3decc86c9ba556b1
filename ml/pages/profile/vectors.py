"""Columns of vectors: a sample on its first two principal components, in clusters."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import silhouette_score

from ml.pages.profile.staged_tables import CUSTOMER, TIME
from ml.pages.profile.table_study import TableStudy
from ml.workspace.sql import quoted

MOST = 5_000
FEWEST = 20
CLUSTERS = range(2, 8)
COMPONENTS = 20
# The silhouette, whose time grows with the square of the rows, is measured on about so many.
SILHOUETTE_ROWS = 1_000

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class VectorCloud:
    """A sample of vectors on two components.

    Attributes:
        rows: how many vectors were drawn.
        width: their length.
        places: one row a vector, its first two principal components.
        explained: the shares of the variance that the two show.
        cluster: the cluster of each vector, 0 the largest.
    """

    rows: int
    width: int
    places: Floats
    explained: tuple[float, float]
    cluster: NDArray[np.int64]


def cloud(study: TableStudy, name: str) -> VectorCloud | None:
    """Return a sample of at most MOST vectors of a column; None where there are too few to show.

    The sample is drawn by hash and all random numbers are seeded: the same data give the same
    result.
    """
    vectors = _sample(study, name)
    if len(np.unique(vectors, axis=0)) < FEWEST or vectors.shape[1] < 2:
        return None
    width = min(COMPONENTS, *vectors.shape)
    fitted = PCA(n_components=width, svd_solver="full").fit(vectors)
    projected = np.asarray(fitted.transform(vectors), dtype=np.float64)
    share = fitted.explained_variance_ratio_
    return VectorCloud(
        rows=len(vectors),
        width=vectors.shape[1],
        places=projected[:, :2],
        explained=(float(share[0]), float(share[1])),
        cluster=_clusters(projected),
    )


def _sample(study: TableStudy, name: str) -> Floats:
    """Return the sampled vectors as a matrix; those of another length or with gaps are left out."""
    per_million = max(1, 1_000_000 * MOST // max(study.table.rows, 1))
    key = f"hash({CUSTOMER}, {TIME})" if study.table.is_events else f"hash({CUSTOMER})"
    column = quoted(name)
    rows = study.connection.execute(
        f"with drawn as (select {column} as vector, {key} as key from {study.table.relation}"
        f" where {column} is not null and {key} % 1000000 < {per_million}),"
        " usual as (select mode(len(vector)) as width from drawn)"
        " select vector from drawn, usual where len(vector) = width"
        " and len(list_filter(vector, lambda each: isfinite(each))) = width"
        f" order by key, vector::varchar limit {MOST}"
    ).fetchmany(MOST)
    return np.array([vector for (vector,) in rows], dtype=np.float64).reshape(len(rows), -1)


def _clusters(projected: Floats) -> NDArray[np.int64]:
    """Return each row's cluster, the largest first, at the best silhouette."""
    step = max(1, len(projected) // SILHOUETTE_ROWS)
    fitted = [KMeans(count, n_init=3, random_state=0).fit(projected).labels_ for count in CLUSTERS]
    quality = [
        float(silhouette_score(projected[::step], labels[::step]))
        if len(set(labels[::step])) > 1 else -1.0
        for labels in fitted
    ]  # fmt: skip
    labels = fitted[int(np.argmax(quality))]
    sizes = np.bincount(labels)
    rank = np.empty(len(sizes), dtype=np.int64)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    return np.asarray(rank[labels])
