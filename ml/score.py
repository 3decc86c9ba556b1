"""Scoring: the champion's probabilities for every customer at one instant, appended once."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pyarrow as pa
from scipy.stats import rankdata

from ml import artifact
from ml.artifact import Artifact
from ml.config import AlmanacError, Workspace
from ml.matrix import Matrix, matrix_of
from ml.targets import SPINE, Target, known_moments
from ml.warehouse import open_warehouse

if TYPE_CHECKING:
    from ml.store import InputReader

KEY = "customer_id, target, model_id, as_of"


@dataclass(frozen=True)
class Scored:
    """What scoring one target wrote: new rows, and rows whose key was there already."""

    target: str
    model_id: str
    as_of: datetime
    new: int
    already: int
    scored_from: str
    earlier_from: tuple[str, ...]


def score(ws: Workspace, target: Target, as_of: datetime | None, *, online: bool) -> Scored:
    """Score every customer whose features are known at `as_of` and append what is not there yet.

    Args:
        ws: the workspace.
        target: what to predict; its champion scores.
        as_of: the instant (naive UTC) at which features must be known; by default the newest one
            at which a complete month of the model's features is, online the published one.
        online: read the online store instead of the warehouse.

    Raises:
        AlmanacError: no champion, no features at that instant, or features unlike the model's.
    """
    champion = artifact.champion(ws, target.name)
    moment = _published(ws, champion) if online and as_of is None else as_of
    at, customers = _whom(ws, champion, moment)
    batch = _scores(ws, champion, at, customers, online=online)
    with open_warehouse(ws.warehouse, read_only=False) as connection:
        new, earlier = append(connection, batch)
    return Scored(
        target=target.name,
        model_id=champion.model_id,
        as_of=at,
        new=new,
        already=batch.num_rows - new,
        scored_from="online" if online else "offline",
        earlier_from=earlier,
    )


def append(connection: duckdb.DuckDBPyConnection, batch: pa.Table) -> tuple[int, tuple[str, ...]]:
    """Insert the rows whose key is new into the table that dbt made, all or none.

    Returns:
        How many were new, and from which store the others had been scored.

    Raises:
        AlmanacError: the warehouse has no such table.
    """
    connection.register("batch", batch)
    connection.begin()
    try:
        whence = connection.execute(
            "select distinct scored_from from scores.scores "
            f"semi join batch using ({KEY}) order by 1"
        ).fetchall()
        inserted = connection.execute(
            f"insert into scores.scores by name from batch anti join scores.scores using ({KEY})"
        ).fetchone()
        connection.commit()
    except duckdb.CatalogException as error:
        connection.rollback()
        raise AlmanacError(
            "The warehouse has no table scores.scores.\nBuild it first: dbt build"
        ) from error
    except BaseException:
        connection.rollback()
        raise
    finally:
        connection.unregister("batch")
    return int(inserted[0]) if inserted else 0, tuple(str(row[0]) for row in whence)


def parse_as_of(text: str) -> datetime:
    """Return the first instant of the day that `text` (YYYY-MM-DD) names.

    Raises:
        AlmanacError: it is no such date.
    """
    try:
        return datetime.strptime(text, "%Y-%m-%d")
    except ValueError as error:
        raise AlmanacError(
            f"--as-of {text} is not a date like 2024-01-31.\n"
            "Leave it out to score the newest complete month: ml score"
        ) from error


def _whom(ws: Workspace, champion: Artifact, as_of: datetime | None) -> tuple[datetime, list[str]]:
    """Return the instant to score at, and the customers of the spine's newest month by then."""
    target = str(champion.card["target"])
    with open_warehouse(ws.warehouse) as connection:
        families = {feature.view for feature in champion.features}
        first, newest = known_moments(ws, connection, families)
        if first is None or newest is None:
            raise AlmanacError(
                f"The features of {champion.model_id} hold no complete month.\n"
                "Build them first: dbt build"
            )
        if as_of is not None and as_of < first:
            raise AlmanacError(
                f"No feature of {target} was known on {as_of:%Y-%m-%d}; the first are of "
                f"{first:%Y-%m-%d}.\n"
                f"The newest: ml score --target {target} --as-of {newest:%Y-%m-%d}"
            )
        at = as_of or newest
        found = connection.execute(
            f"select distinct customer_id from {SPINE} where event_timestamp = "
            f"(select max(event_timestamp) from {SPINE} where event_timestamp <= ?) order by 1",
            [at],
        ).fetchall()
    return at, [str(row[0]) for row in found]


def _scores(
    ws: Workspace, champion: Artifact, as_of: datetime, customers: list[str], *, online: bool
) -> pa.Table:
    target = str(champion.card["target"])
    matrix = (_online if online else _offline)(ws, champion, customers, as_of)
    known = ~np.isnan(matrix).all(axis=1)
    if not known.any():
        raise AlmanacError(
            f"None of {len(customers)} customers has a feature of {target} still valid on "
            f"{as_of:%Y-%m-%d}.\n"
            + (
                f"Publish them first: ml materialize --until {as_of:%Y-%m-%d}"
                if online
                else f"Score the newest: ml score --target {target}"
            )
        )
    probabilities = champion.model.predict(matrix[known])
    count = len(probabilities)
    return pa.table(
        {
            "customer_id": pa.array(np.array(customers, dtype=object)[known], pa.string()),
            "target": _same(target, count),
            "model_id": _same(champion.model_id, count),
            "as_of": pa.array([as_of] * count, pa.timestamp("us")),
            "score": probabilities,
            # The share of the customers scored together whose score is no higher.
            "percentile": rankdata(probabilities, method="max") / count,
            "scored_from": _same("online" if online else "offline", count),
        }
    )


def _offline(ws: Workspace, champion: Artifact, customers: list[str], as_of: datetime) -> Matrix:
    # Feast takes seconds to import; only what reads features pays for it.
    from ml import store

    entities = pa.table(
        {
            "customer_id": pa.array(customers, pa.string()),
            "event_timestamp": pa.array([as_of] * len(customers), pa.timestamp("us")),
        }
    )
    table = store.training_set(ws, str(champion.card["target"]), entities)
    return matrix_of(table, champion.features)


def _online(ws: Workspace, champion: Artifact, customers: list[str], as_of: datetime) -> Matrix:
    return _reader(ws, champion).read(customers, as_of).matrix


def _published(ws: Workspace, champion: Artifact) -> datetime:
    return _reader(ws, champion).read([]).moment


def _reader(ws: Workspace, champion: Artifact) -> "InputReader":
    from ml import store

    return store.input_reader(ws, store.ModelInput.of(champion.card))


def _same(text: str, count: int) -> pa.Array:
    return pa.array([text] * count, pa.string())
