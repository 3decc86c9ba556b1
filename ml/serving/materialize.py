"""`ml materialize`: champions' inputs and online families are written to the online store."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from ml import lineage
from ml.data.training_set import check_features
from ml.registry import artifact
from ml.registry.artifact import Artifact
from ml.workspace.errors import NotBuilt, NotTrained
from ml.workspace.settings import Workspace
from ml.workspace.targets import known_moments, targets
from ml.workspace.warehouse import open_warehouse

if TYPE_CHECKING:
    from ml.store import Materialized


def materialize(ws: Workspace, until: datetime | None = None) -> "list[Materialized]":
    """Write the features known at one month to the online store: all of them or none.

    Args:
        ws: the workspace.
        until: features that became known later are left out; by default the newest complete month.

    Returns:
        What was written, one entry per feature view.

    Raises:
        AlmanacError: there is nothing to write, a champion's features are gone or not registered,
            or the online store cannot be written. The previous generation stays.
    """
    from ml import store

    with lineage.run("materialize") as told:
        families = {name: (name,) for name in store.online_views(ws)}
        trained = [each.name for each in targets(ws) if artifact.champion_id(ws, each.name)]
        wanted = dict(_input(ws, artifact.champion(ws, name)) for name in trained) | families
        if not wanted:
            raise NotTrained(
                f"There is nothing to publish in {ws.home}.", "Train a model: ml train"
            )
        written = store.materialize(ws, _moments(ws, wanted, until))
        if told:
            tables = lineage.feature_tables(ws, {each for view in wanted.values() for each in view})
            told.reads += tables.values()
            told.writes += [lineage.online_view(name) for name in wanted]
    return written


def _input(ws: Workspace, champion: Artifact) -> tuple[str, tuple[str, ...]]:
    """Define a champion's input; return its view's name and its families."""
    from ml import store

    wanted = store.ModelInput.of(champion.card.target, champion.card.model_id, champion.features)
    known = store.feature_names(ws, wanted.target)
    check_features(pa.schema([(each.name, each.dtype) for each in known]), champion.features)
    store.define_input(ws, wanted)
    return store.input_view(ws, wanted).name, wanted.families


def _moments(
    ws: Workspace, wanted: Mapping[str, Collection[str]], until: datetime | None
) -> dict[str, datetime | None]:
    """Return for each view the newest moment at which its families have a complete month."""
    with open_warehouse(ws.warehouse) as connection:
        moments = {
            view: known_moments(ws, connection, families, until)[1]
            for view, families in wanted.items()
        }
    if any(moments.values()):
        return moments
    raise NotBuilt(
        f"Nothing of {', '.join(wanted)} was known"
        f"{f' on {until:%Y-%m-%d}' if until else ' of a complete month'}.",
        "Build the features (dbt build), or name a later day: ml materialize --until <YYYY-MM-DD>",
    )
