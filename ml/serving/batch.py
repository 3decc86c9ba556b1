"""Scoring: the champion's probabilities for every customer at one instant, appended once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.stats import rankdata
from tqdm import tqdm

from ml.data.training_set import Vector
from ml.registry import artifact
from ml.registry.artifact import Artifact
from ml.serving.batch_inputs import Source, published
from ml.serving.reasons import meanings, reasons
from ml.workspace.errors import AlmanacError, BadInput, NotBuilt
from ml.workspace.settings import Workspace
from ml.workspace.targets import SPINE, Target, known_moments
from ml.workspace.warehouse import open_warehouse

KEY = "customer_id, target, model_id, as_of"
# How many customers get reasons unless asked otherwise.
EXPLAINED = 10_000


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


def score(
    ws: Workspace,
    target: Target,
    as_of: datetime | None,
    *,
    online: bool,
    explained: int = EXPLAINED,
) -> Scored:
    """Score every customer whose features are known at `as_of` and append what is not there yet.

    Customers go through memory in batches.

    Args:
        ws: the workspace.
        target: what to predict; its champion scores.
        as_of: the instant (naive UTC) at which features must be known; by default the newest one
            at which a complete month of the model's features is, online the published one.
        online: read the online store instead of the warehouse.
        explained: how many customers, those of highest score first, get reasons with it.

    Raises:
        AlmanacError: no champion, no features at that instant, or features unlike the model's.
    """
    champion = artifact.champion(ws, target.name)
    moment = published(ws, champion) if online and as_of is None else as_of
    at, customers = whom(ws, champion, moment)
    source = Source(ws, champion, at, online)
    batch = _scores(source, customers, explained)
    with open_warehouse(ws.warehouse, read_only=False) as connection:
        new, earlier = append(connection, batch)
    return Scored(
        target=target.name,
        model_id=champion.model_id,
        as_of=at,
        new=new,
        already=batch.num_rows - new,
        scored_from=source.name,
        earlier_from=earlier,
    )


def whom(ws: Workspace, champion: Artifact, as_of: datetime | None) -> tuple[datetime, pa.Array]:
    """Return the instant to score at, and the customers of the spine's newest month by then.

    Raises:
        AlmanacError: the model's features hold no complete month, or none as early as `as_of`.
    """
    target = champion.card.target
    with open_warehouse(ws.warehouse) as connection:
        families = {feature.view for feature in champion.features}
        first, newest = known_moments(ws, connection, families)
        if first is None or newest is None:
            raise NotBuilt(
                f"The features of {champion.model_id} hold no complete month.",
                "Build them first: dbt build",
                target=target,
            )
        if as_of is not None and as_of < first:
            raise BadInput(
                f"No feature of {target} was known on {as_of:%Y-%m-%d}; the first are of "
                f"{first:%Y-%m-%d}.",
                f"The newest: ml score --target {target} --as-of {newest:%Y-%m-%d}",
                target=target,
            )
        at = as_of or newest
        found = connection.sql(
            f"select distinct customer_id from {SPINE} where event_timestamp = "
            f"(select max(event_timestamp) from {SPINE} where event_timestamp <= ?) order by 1",
            params=[at],
        ).to_arrow_table()
    return at, found["customer_id"].combine_chunks()


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
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        connection.rollback()
        raise NotBuilt(
            "The warehouse has no table scores.scores, or one of an earlier version.",
            "Build it first: dbt build",
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
        raise BadInput(
            f"--as-of {text} is not a date like 2024-01-31.",
            "Leave it out to score the newest complete month: ml score",
        ) from error


def _scores(source: Source, customers: pa.Array, explained: int) -> pa.Table:
    """Return the rows to append: those of the customers who have any feature at that instant."""
    # Contributions cost far more than predictions: where not all get reasons, the best do.
    everyone = len(customers) <= explained
    who, scores, why = _judged(source, customers, with_reasons=everyone)
    if not len(scores):
        raise _unknown(source, len(customers))
    if not everyone:
        best = np.sort(np.argsort(-scores, kind="stable")[:explained])
        _, _, said = _judged(source, who.take(pa.array(best)), with_reasons=True)
        why = _placed(said, best, len(scores))
    count = len(scores)
    return pa.table(
        {
            "customer_id": who.cast(pa.string()),
            "target": _same(source.target, count),
            "model_id": _same(source.model.model_id, count),
            "as_of": pa.array([source.as_of] * count, pa.timestamp("us")),
            "score": scores,
            # The share of the customers scored together whose score is no higher.
            "percentile": rankdata(scores, method="max") / count,
            "scored_from": _same(source.name, count),
            "reasons": pa.array(why, pa.list_(pa.string())),
        }
    )


def _judged(
    source: Source, customers: pa.Array, *, with_reasons: bool
) -> tuple[pa.Array, Vector, Sequence[list[str] | None]]:
    """Return the customers who have any feature, their scores and the reasons, if asked for."""
    model, means = source.model.model, meanings(source.model)
    who, scores, why = [customers[:0]], [np.empty(0)], list[list[str] | None]()
    with tqdm(total=len(customers), desc=source.target, unit="customer", disable=None) as progress:
        for known, matrix in source.batches(customers):
            who.append(known)
            scores.append(model.predict(matrix))
            why += reasons(model, matrix, means) if with_reasons else [None] * len(matrix)
            progress.update(len(known))
    return pa.concat_arrays(who), np.concatenate(scores), why


def _placed(
    said: Sequence[list[str] | None], rows: NDArray[np.int64], count: int
) -> list[list[str] | None]:
    why: list[list[str] | None] = [None] * count
    for row, words in zip(rows, said, strict=True):
        why[row] = words
    return why


def _unknown(source: Source, asked: int) -> AlmanacError:
    target, at = source.target, source.as_of
    return NotBuilt(
        f"None of {asked} customers has a feature of {target} still valid on {at:%Y-%m-%d}.",
        f"Publish them first: ml materialize --until {at:%Y-%m-%d}"
        if source.online
        else f"Score the newest: ml score --target {target}",
        target=target,
    )


def _same(text: str, count: int) -> pa.Array:
    return pa.array([text] * count, pa.string())
