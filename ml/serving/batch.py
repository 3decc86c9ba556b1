"""Batch scoring: the champion's probability for every customer at one instant, stored once."""

from dataclasses import dataclass
from datetime import datetime

import duckdb
import numpy as np
import pyarrow as pa
from scipy.stats import rankdata

from ml import lineage
from ml.registry import artifact
from ml.registry.artifact import Artifact
from ml.registry.reigns import record_reign
from ml.serving import attribution
from ml.serving.attribution import Attribution
from ml.serving.batch_inputs import FeatureReader, materialized_moment
from ml.serving.reasons import meanings, most_important
from ml.serving.scorer import SCORES, Scorer
from ml.workspace.errors import AlmanacError, BadInput, NotBuilt
from ml.workspace.progress import Progress
from ml.workspace.settings import Workspace
from ml.workspace.targets import SPINE, Target, known_moments
from ml.workspace.warehouse import open_warehouse

KEY = "customer_id, target, model_id, as_of"
# How many customers get reasons by default.
EXPLAINED = 10_000


@dataclass(frozen=True)
class Scored:
    """The result of scoring one target: how many rows are new, and how many existed already.

    `scored_from` is the store that was read, `earlier_from` the stores existing rows came from.
    """

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
    """Score every customer whose features are known at `as_of`; append the rows that are new.

    Customers are read and scored in batches, so memory does not grow with their number.

    Args:
        ws: the workspace.
        target: what to predict; its champion scores.
        as_of: the instant (naive UTC) at which features must be known; by default the newest
            complete month of the model's features, or the materialized one if `online`.
        online: read the online store instead of the warehouse.
        explained: how many customers, those of the highest scores, get reasons as well.

    Raises:
        AlmanacError: no champion, no features at that instant, or features unlike the model's.
    """
    with lineage.run(f"score.{target.name}") as told:
        champion = artifact.champion(ws, target.name)
        moment = materialized_moment(ws, champion) if online and as_of is None else as_of
        at, customers = scoring_population(ws, champion, moment)
        reader = FeatureReader(ws, champion, at, online)
        batch = _scores(reader, customers, explained)
        means = _mean_contributions(reader, customers)
        with open_warehouse(ws.warehouse, read_only=False) as connection:
            new, earlier = append(connection, batch)
            record_reign(connection, champion)
            attribution.keep(connection, (target.name, champion.model_id, at), means)
        if told:
            _describe(told, reader)
    return Scored(
        target=target.name,
        model_id=champion.model_id,
        as_of=at,
        new=new,
        already=batch.num_rows - new,
        scored_from=reader.name,
        earlier_from=earlier,
    )


def scoring_population(
    ws: Workspace, champion: Artifact, as_of: datetime | None
) -> tuple[datetime, pa.Array]:
    """Return the instant to score at, and the ids of the customers to score.

    These are the customers of the spine's newest month by that instant.

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
    """Insert the rows whose key is new into `scores.scores`, all or none.

    Returns:
        How many were new, and which stores the existing rows had been scored from.

    Raises:
        AlmanacError: the warehouse has no such table, or one of an earlier version.
    """
    connection.register("batch", batch)
    connection.begin()
    try:
        earlier_stores = connection.execute(
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
    return int(inserted[0]) if inserted else 0, tuple(str(row[0]) for row in earlier_stores)


def _describe(told: lineage.JobRun, reader: FeatureReader) -> None:
    """Say which tables and which model the scores come from."""
    ws, model = reader.ws, reader.model
    told.reads.append(lineage.folder(model.folder))
    if reader.online:
        view = lineage.online_view(reader.view, model.features)
        told.reads.append(view)
        origins = [(view, each.name) for each in model.features]
    else:
        tables = lineage.feature_tables(ws, (each.view for each in model.features))
        told.reads += tables.values()
        named = [each for each in model.features if each.view in tables]
        origins = [(tables[each.view], each.name) for each in named]
    told.writes.append(lineage.table(ws, "scores.scores", {"score": origins}))


def _scores(reader: FeatureReader, customers: pa.Array, explained: int) -> pa.Table:
    """Return rows for `scores.scores`, one per customer who has any feature at that instant."""
    # Contributions cost far more than predictions: where not all get reasons, top scores do.
    everyone = len(customers) <= explained
    found = _predict(reader, customers, with_reasons=everyone)
    scores = found["score"].to_numpy()
    count = len(scores)
    if not count:
        raise _no_features(reader, len(customers))
    reason_texts = found["reasons"]
    if not everyone:
        best = np.sort(np.argsort(-scores, kind="stable")[:explained])
        top = found["customer_id"].take(pa.array(best)).combine_chunks()
        place = np.full(count, -1)
        place[best] = np.arange(len(best))
        texts = _predict(reader, top, with_reasons=True)["reasons"]
        reason_texts = texts.take(pa.array(place, mask=place < 0))
    return pa.table(
        {
            "customer_id": found["customer_id"],
            "target": _constant(reader.target, count),
            "model_id": _constant(reader.model.model_id, count),
            "as_of": pa.array([reader.as_of] * count, pa.timestamp("us")),
            "score": scores,
            # The share of the customers scored at this instant whose score is no higher.
            "percentile": rankdata(scores, method="max") / count,
            "scored_from": _constant(reader.name, count),
            "reasons": reason_texts,
        }
    )


def _predict(reader: FeatureReader, customers: pa.Array, *, with_reasons: bool) -> pa.Table:
    """Return the customers who have any feature, by id, with probabilities and reasons or null."""
    means = meanings(reader.model) if with_reasons else None
    scorer = Scorer(reader.model.model, reader.model.features, means)
    parts = [SCORES.empty_table()]
    with Progress(total=len(customers), desc=reader.target, unit="customer") as progress:
        for part in reader.scored(customers, scorer):
            parts.append(part)
            progress.update(part.num_rows)
    return pa.concat_tables(parts).combine_chunks().sort_by("customer_id")


def _mean_contributions(reader: FeatureReader, customers: pa.Array) -> pa.Table:
    """Return what each feature adds to the log-odds on average, of a sample of the customers."""
    model = reader.model
    asked = most_important(meanings(model))
    summed = Attribution(model.model, model.features, asked)
    return attribution.averages(list(reader.attributed(attribution.sample(customers), summed)))


def _no_features(reader: FeatureReader, asked: int) -> AlmanacError:
    target, at = reader.target, reader.as_of
    return NotBuilt(
        f"None of {asked} customers has a feature of {target} still valid on {at:%Y-%m-%d}.",
        f"Publish them first: ml materialize --until {at:%Y-%m-%d}"
        if reader.online
        else f"Score the newest: ml score --target {target}",
        target=target,
    )


def _constant(text: str, count: int) -> pa.Array:
    return pa.array([text] * count, pa.string())
