"""`ml forget`: a customer leaves everything of a workspace but its raw files, which are named."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import duckdb

from ml import dataset, store
from ml.features.catalogue.trace import ALL_IDS, identify, source_ids
from ml.landing.declarations import DeclaredTable, read_sources
from ml.landing.forgotten import add_forgotten, read_forgotten
from ml.landing.workspace_tables import LAKE
from ml.privacy.leftovers import files_with, remove_from_truth, remove_pages
from ml.privacy.stored_rows import StoredRows
from ml.registry import artifact
from ml.serving import answer_log
from ml.serving.pseudonyms import key_of
from ml.serving.publish import publish
from ml.workspace.errors import BadInput, Held
from ml.workspace.files import sweep_folder, write_json
from ml.workspace.publishing import publish_settings
from ml.workspace.settings import Workspace, dbt_project
from ml.workspace.warehouse import open_warehouse

# In place of a source, for company-wide ids.
COMPANY = ""
# The file of an erasure that is going on.
BEGUN = "forgetting.json"
Ids = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class RawLines:
    """The numbers of the lines of a raw file that are the customer's."""

    file: str
    lines: tuple[int, ...]


@dataclass(frozen=True)
class Erasure:
    """What is to be erased, or was: the customer, the ids by source, and the raw lines.

    `removed` lists each place with its number of rows, `pages` the pages that were deleted because
    they named the customer, `left` the files that still do: people put them there. `not_erased` is
    an online store that only Feast can write; empty where there is none.
    """

    customer: str
    ids: Ids
    raw: tuple[RawLines, ...]
    undeclared: tuple[str, ...]
    removed: tuple[tuple[str, int], ...] = ()
    pages: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    not_erased: str = ""


def plan(ws: Workspace, asked: str) -> Erasure:
    """Return whom `asked` means and which raw lines are theirs; nothing is changed.

    Args:
        ws: the workspace.
        asked: the company-wide id, or the id of any source.

    Raises:
        AlmanacError: nothing was built yet, nobody has this id, or several customers have it.
    """
    tables = _tables()
    with open_warehouse(ws.warehouse) as connection:
        customer, ids = _begun(ws, asked) or _identified(ws, connection, tables, asked)
        found = StoredRows(connection, tables).raw_lines(ids)
        raw = tuple(RawLines(file, tuple(lines)) for file, lines in found)
    undeclared = tuple(f"{t.source}.{t.name}" for t in tables if t.customer is None)
    return Erasure(customer, ids, raw, undeclared)


def forget(ws: Workspace, planned: Erasure, say: Callable[[str], None]) -> Erasure:
    """Erase the customer from all but the raw files, and return what was removed.

    The list of forgotten customers comes first, so that no build brings them back. While it lasts,
    BEGUN keeps the customer's ids: what is cut off is completed by the same command, even if a
    build has dropped the rows that tell which ids are one customer's.

    Args:
        ws: the workspace.
        planned: what `plan` returned.
        say: called with what is done next.

    Raises:
        AlmanacError: a store cannot be written, or another process holds it.
    """
    customers = {planned.customer, *(each for known in planned.ids.values() for each in known)}
    removed: list[tuple[str, int]] = []
    _check_settings(ws)
    not_erased = store.unwritable_store(ws)
    write_json(ws.home / BEGUN, {"customer": planned.customer, "ids": planned.ids})
    for folder in (ws.datasets, *ws.models.glob("*")):
        sweep_folder(folder)
    forgotten = add_forgotten(ws, {**planned.ids, COMPANY: (planned.customer,)})
    say("training sets and models")
    removed += dataset.forget_customer(ws, planned.customer)
    removed += artifact.forget_customer(ws, planned.customer)
    removed += remove_from_truth(ws, planned.customer)
    removed += answer_log.forget_customer(ws, planned.customer)
    say("online store")
    if not not_erased:
        removed.append(("online store", store.forget_customers(ws, [planned.customer])))
    if LAKE in ws.settings:
        say("lake, built anew without these rows")
        _build_lake_without(ws)
        removed.append(("lake, landed rows", sum(len(each.lines) for each in planned.raw)))
    say("warehouse")
    with open_warehouse(ws.warehouse, read_only=False) as connection:
        rows = StoredRows(connection, _tables())
        read = rows.raw_files()
        removed += rows.remove(planned.customer, planned.ids, forgotten)
        say("warehouse, written anew without what was deleted")
        rows.rewrite(ws.warehouse)
    if ws.published.exists():
        say("published copy")
        publish(ws, anew=True)
    pages = tuple(remove_pages(ws, customers))
    (ws.home / BEGUN).unlink()
    say("search of what is left")
    left = tuple(files_with(ws, customers, read))
    kept = tuple((place, count) for place, count in removed if count)
    return replace(planned, removed=kept, pages=pages, left=left, not_erased=not_erased)


def cut_off(ws: Workspace) -> str | None:
    """Return the customer whose erasure was begun and not completed; None where there is none."""
    begun = _read_begun(ws)
    return begun[0] if begun else None


def _check_settings(ws: Workspace) -> None:
    """Tell before anything is erased what would cut the erasure off."""
    key_of(ws)
    publish_settings(ws)
    if LAKE in ws.settings:
        from ml.lake import check_installed

        check_installed()


def _build_lake_without(ws: Workspace) -> None:
    """Land the lake's raw files anew without whom `ws` forgot, and delete the files before."""
    from ml.lake.build import build_lake, drop_snapshot_before

    build_lake(ws)
    drop_snapshot_before(ws)


def _begun(ws: Workspace, asked: str) -> tuple[str, Ids] | None:
    """Return the customer and the ids of an erasure of `asked` that was cut off, if there is one.

    Raises:
        AlmanacError: that of another customer was cut off.
    """
    begun = _read_begun(ws)
    if begun is None:
        return None
    customer, ids = begun
    if asked.strip() not in {customer, *(each for known in ids.values() for each in known)}:
        raise Held(
            f"The erasure of {customer} was cut off.", f"Complete it first: ml forget {customer}"
        )
    return customer, ids


def _read_begun(ws: Workspace) -> tuple[str, Ids] | None:
    path = ws.home / BEGUN
    if not path.exists():
        return None
    begun = json.loads(path.read_text(encoding="utf-8"))
    return str(begun["customer"]), {s: tuple(known) for s, known in begun["ids"].items()}


def _identified(
    ws: Workspace,
    connection: duckdb.DuckDBPyConnection,
    tables: Sequence[DeclaredTable],
    asked: str,
) -> tuple[str, Ids]:
    try:
        customer = identify(connection, asked)
    except BadInput:
        # Neither accepted rows nor identities know the id: rejected rows may.
        customer = asked.strip()
        one_of_many = connection.execute(
            f"select 1 from {ALL_IDS} where id = ?", [customer]
        ).fetchone()
        is_stored = StoredRows(connection, tables).knows(customer)
        if one_of_many or not (is_stored or _is_forgotten(ws, customer, tables)):
            raise
    mapped = dict(
        connection.execute(
            "select source, customer_id from landed.workspace__identities where source_id = ?",
            [customer],
        ).fetchall()
    )
    known = source_ids(connection, customer)
    # The company-wide id is a source's own too, unless it is that of somebody else there.
    return customer, {
        source: tuple(
            dict.fromkeys((*known.get(source, ()), *([customer] if source not in mapped else [])))
        )
        for source in {table.source for table in tables}
    }


def _tables() -> list[DeclaredTable]:
    return [table for source in read_sources(dbt_project()) for table in source.tables]


def _is_forgotten(ws: Workspace, customer: str, tables: Sequence[DeclaredTable]) -> bool:
    listed = read_forgotten(ws)
    sources = {COMPANY, *(table.source for table in tables)}
    return any(listed.hash(source, customer) in listed.hashes for source in sources)
