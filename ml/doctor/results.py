"""Checks of what commands made: warehouse, models, scores, online store, published copy."""

import json
import shlex
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

import duckdb

from ml.doctor.check import Finding, broken, fine, warning
from ml.doctor.sources import build
from ml.lake.settings import SECTION as LAKE
from ml.landing import not_landed
from ml.registry import artifact
from ml.registry.card import Card
from ml.registry.listing import entries, read_card
from ml.serving.publish import STORAGE
from ml.workspace.settings import Workspace, dbt_project
from ml.workspace.targets import known_moments, targets
from ml.workspace.warehouse import open_warehouse

if TYPE_CHECKING:
    from ml.store import TargetInput

# Who looks does not wait for who works.
AT_ONCE = 0.0
NEWEST_SCORES = """
    select model_id, max(as_of) from scores.scores group by model_id
"""
NEWEST_MART = """
    select model_id, max(as_of) from marts.fct_scores group by model_id
"""


def warehouse(ws: Workspace) -> Finding:
    """Open the warehouse; where another process holds it, DuckDB says which one does."""
    if not ws.warehouse.exists():
        return warning(f"nothing is built: no {ws.warehouse}", build(ws))
    with open_warehouse(ws.warehouse, patience=AT_ONCE) as connection:
        stored = _storage(connection, ws.warehouse.stem)
    size = ws.warehouse.stat().st_size
    return fine(f"{size / 1e6:,.1f} MB, written for DuckDB {stored}, held by nobody")


def erasures(ws: Workspace) -> Finding:
    """Say whether an erasure was cut off: what holds the customer's data is erased in part."""
    from ml.privacy.forget import cut_off

    customer = cut_off(ws)
    if customer is not None:
        what = f"the erasure of {customer} was cut off or goes on"
        return warning(what, f"ml forget {shlex.quote(customer)}")
    return fine("none was cut off")


def last_build(ws: Workspace) -> Finding:
    """Say whether the last dbt command went through."""
    path = ws.manifest.with_name("run_results.json")
    if not path.exists():
        return fine("no dbt command is recorded")
    found = json.loads(path.read_text(encoding="utf-8"))
    failed = [
        str(each["unique_id"]).split(".")[2]
        for each in found["results"]
        if each["status"] in ("error", "fail")
    ]
    done = f"dbt {found['args'].get('which', '')}".strip()
    if failed:
        return broken(f"{done} failed at {', '.join(failed[:3])}", build(ws))
    return fine(f"{done} of {found['metadata']['generated_at'][:19]} UTC went through")


def landed_files(ws: Workspace) -> Finding:
    """Compare the raw files with those that the last build read; a lake's own with its log."""
    if LAKE in ws.settings:
        from ml.lake.status import lake_status

        tables = len(lake_status(ws).tables)
        return fine(f"a lake of {tables} tables, whose files are as they were written")
    with open_warehouse(ws.warehouse, patience=AT_ONCE) as connection:
        changed = not_landed(connection, dbt_project(), ws)
    if changed:
        named = ", ".join(changed[:3])
        return warning(f"raw files or settings changed since the last build: {named}", build(ws))
    return fine("the raw files are those that the last build read")


def registry(ws: Workspace) -> Finding:
    """Ask Feast's registry for what a model may read."""
    from ml import store

    views = store.online_views(ws)
    inputs = store.input_targets(ws)
    return fine(f"{len(inputs)} inputs of models, {len(views)} families online by name")


def models(ws: Workspace) -> Finding:
    """Read the card of every model, and all of the champions."""
    found, damaged = entries(ws)
    if damaged:
        return broken(damaged[0].what, damaged[0].next)
    reigning = [each.card for each in found if each.is_champion]
    for card in reigning:
        artifact.champion(ws, card.target)
    if not reigning:
        return warning("no target has a champion", "ml train")
    return fine(f"{len(found)} models, {len(reigning)} champions")


def champions(ws: Workspace) -> Finding:
    """See whether the inputs of the champions are registered."""
    from ml import store

    registered = store.input_targets(ws)
    for card in (reigning := list(_champions(ws))):
        if card.target not in registered:
            return broken(f"the input of {card.model_id} is not registered", "feast apply")
    return fine(f"{len(reigning)} inputs are registered")


def scores(ws: Workspace) -> Finding:
    """Compare the newest scores of each champion with the newest month of its features."""
    if not (due := _newest(ws)):
        return fine("no champion scores yet")
    with open_warehouse(ws.warehouse, patience=AT_ONCE) as connection:
        scored = _moments(connection, "scores", "scores", NEWEST_SCORES)
    for model_id, newest in due.items():
        last = scored.get(model_id)
        if last is None or last < newest:
            so_far = f"its scores end with {last:%Y-%m-%d}" if last else "it has no scores"
            return warning(f"{model_id}: {so_far}; {newest:%Y-%m-%d} can be scored", "ml score")
    return fine(f"of {len(due)} champions, as of {max(due.values()):%Y-%m-%d}")


def marts(ws: Workspace) -> Finding:
    """Say whether the marts hold the newest scores."""
    with open_warehouse(ws.warehouse, patience=AT_ONCE) as connection:
        scored = _moments(connection, "scores", "scores", NEWEST_SCORES)
        shown = _moments(connection, "marts", "fct_scores", NEWEST_MART)
    newest = max(scored.values(), default=None)
    if newest and newest > max(shown.values(), default=datetime.min):
        what = f"scores as of {newest:%Y-%m-%d} are in no mart"
        return warning(what, "dbt build --select source:scores+")
    return fine("marts hold the newest scores" if newest else "there are no scores")


def online_store(ws: Workspace) -> Finding:
    """Compare what is online of each champion's input with the newest month of its features."""
    from ml import store

    if name := store.unwritable_store(ws):
        what = f"{name} is Feast's alone to write and read"
        return warning(what, "Use Feast's own commands: docs/feast.md")
    registered = store.target_inputs(ws)
    due = _newest(ws)
    online = {
        card.model_id: _online(registered[card.target], card)
        for card in _champions(ws)
        if card.target in registered
    }
    for model_id, moment in online.items():
        newest = due.get(model_id)
        if moment and newest and moment < newest:
            what = f"{model_id}: as of {moment:%Y-%m-%d}; {newest:%Y-%m-%d} is known"
            return warning(what, "ml materialize")
    if absent := [model_id for model_id, moment in online.items() if moment is None]:
        return fine(f"not online: {', '.join(absent[:3])}", "ml materialize")
    return fine(f"inputs of {len(online)} champions")


def published(ws: Workspace) -> Finding:
    """Open the published copy, and compare its age with the warehouse's."""
    if not ws.published.exists():
        return fine("nothing is published", "ml publish")
    with open_warehouse(ws.published, patience=AT_ONCE) as connection:
        stored = _storage(connection, ws.published.stem)
    if not stored.startswith(STORAGE):
        return warning(
            f"{ws.published} is written for DuckDB {stored}, not {STORAGE}", "ml publish"
        )
    if ws.published.stat().st_mtime < ws.warehouse.stat().st_mtime:
        return warning("the warehouse was written to since", "ml publish")
    return fine(f"newer than the warehouse; written for DuckDB {stored}")


def _champions(ws: Workspace) -> Iterator[Card]:
    for target in targets(ws):
        if model_id := artifact.champion_id(ws, target.name):
            yield read_card(ws.models / target.name / model_id)


def _newest(ws: Workspace) -> dict[str, datetime]:
    """Return the newest moment that each champion can score, by its id."""
    reigning = list(_champions(ws))
    with open_warehouse(ws.warehouse, patience=AT_ONCE) as connection:
        found = {
            card.model_id: known_moments(ws, connection, {f.view for f in card.features})[1]
            for card in reigning
        }
    return {model_id: moment for model_id, moment in found.items() if moment}


def _online(published: "TargetInput", card: Card) -> datetime | None:
    """Return the moment that the champion's input is online as of; None where it is not."""
    from ml.store import ModelInput

    version = published.version()
    wanted = ModelInput.of(card.target, card.model_id, card.features)
    return version.moment if version and version.layout == wanted.layout else None


def _moments(
    connection: duckdb.DuckDBPyConnection, schema: str, table: str, query: str
) -> dict[str, datetime]:
    """Return each model's newest moment; none where the table is not there yet."""
    there = connection.execute(
        "select 1 from information_schema.tables where table_schema = ? and table_name = ?",
        [schema, table],
    ).fetchall()
    return dict(connection.execute(query).fetchall()) if there else {}


def _storage(connection: duckdb.DuckDBPyConnection, name: str) -> str:
    """Return the version of DuckDB whose storage format the database has, such as v1.0.0+."""
    ((tags,),) = connection.execute(
        "select tags from duckdb_databases() where database_name = ?", [name]
    ).fetchall()
    return str(tags["storage_version"])
