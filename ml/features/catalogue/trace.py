"""Traces one customer from raw files to marts, in the eight stops of `docs/walkthrough.md`."""

from dataclasses import dataclass
from datetime import datetime

import duckdb

from ml.features.catalogue import model_stops, month_stops, raw_stops
from ml.features.catalogue.lookup import read_features
from ml.features.catalogue.queries import read_columns
from ml.features.catalogue.stops import Scope, Stop
from ml.workspace.errors import BadInput, NotBuilt
from ml.workspace.manifest import meta, relations
from ml.workspace.settings import Workspace
from ml.workspace.warehouse import open_warehouse

NEAREST = 5
# Every id of every source with its customer; source is null for company-wide ids.
ALL_IDS = (
    "(select source, source_id as id, customer_id from landed.workspace__identities "
    "union select null, customer_id, customer_id from intermediate.int_customer_sources)"
)


@dataclass(frozen=True)
class Trace:
    """The eight stops of one customer; `customer` is the company-wide id."""

    customer: str
    asked: str
    as_of: datetime | None
    stops: tuple[Stop, ...]


def trace(ws: Workspace, asked: str, as_of: datetime | None = None) -> Trace:
    """Return the eight stops of a customer; nothing is written.

    Args:
        ws: the workspace.
        asked: the company-wide id, or the id of any source.
        as_of: only what was known by this moment (UTC).

    Raises:
        AlmanacError: nothing was built yet, or nobody has this id, or several customers have it.
    """
    nodes = relations(ws)
    catalogue = read_features(ws)
    with open_warehouse(ws.warehouse) as connection:
        customer = identify(connection, asked)
        settings = dict(connection.execute("from landed.workspace__settings").fetchall())
        scope = Scope(
            connection=connection,
            catalog=read_columns(connection),
            nodes=nodes,
            customer=customer,
            as_of=as_of,
            ids=source_ids(connection, customer),
            sources=_sources(connection, customer),
            lags=(lags := _lags(settings)),
            snapshots=_snapshots(connection, settings, lags),
        )
        tables = raw_stops.tables(ws, scope)
        stops = [
            raw_stops.raw_stop(scope, tables),
            raw_stops.landed_stop(scope, tables),
            raw_stops.staged_stop(scope, tables),
            month_stops.months_stop(scope),
            month_stops.features_stop(scope, catalogue),
            model_stops.scores_stop(scope),
            model_stops.marts_stop(scope),
        ]
        moment = as_of or _newest_moment(scope)
    # Feast opens the warehouse itself.
    feast = model_stops.feast_stop(ws, customer, moment, as_of is not None)
    return Trace(customer, asked, as_of, (*stops[:5], feast, *stops[5:]))


def identify(connection: duckdb.DuckDBPyConnection, asked: str) -> str:
    """Return the company-wide id that `asked` means; a company-wide id means itself.

    Raises:
        AlmanacError: nobody has this id (the nearest are named), or several customers have it; or
            the workspace is not built as far as that is known.
    """
    try:
        found = connection.execute(
            f"select source, customer_id from {ALL_IDS} where id = ? order by all", [asked.strip()]
        ).fetchall()
    except duckdb.CatalogException as error:
        raise NotBuilt(
            "The workspace is not built as far as its customers.", "Build it first: dbt build"
        ) from error
    if any(source is None for source, _ in found):
        return asked.strip()
    customers = dict.fromkeys(str(customer) for _, customer in found)
    if len(customers) == 1:
        return next(iter(customers))
    if found:
        listed = ", ".join(f"{customer} ({source})" for source, customer in found)
        raise BadInput(
            f"{asked} is the id of several customers: {listed}.",
            f"Ask for one of them: ml trace {found[0][1]}",
        )
    near = connection.execute(
        f"select id from {ALL_IDS} group by id "
        f"order by jaro_winkler_similarity(id, ?) desc, id limit {NEAREST}",
        [asked.strip()],
    ).fetchall()
    nearest = ", ".join(str(each) for (each,) in near) or "none; no source has rows"
    raise BadInput(
        f"No source knows a customer {asked}. Nearest ids: {nearest}.",
        "A company-wide id will do, or that of any source.",
    )


def source_ids(connection: duckdb.DuckDBPyConnection, customer: str) -> dict[str, tuple[str, ...]]:
    """Return the ids under which each source may know the customer."""
    # Without a row in identities.csv, a source's own id is the company-wide id.
    rows = connection.execute(
        "select source, list(source_id order by source_id) from ("
        "select source, source_id from landed.workspace__identities where customer_id = $1 "
        "union select source, $1 from intermediate.int_customer_sources where customer_id = $1 "
        "and not exists (select 1 from landed.workspace__identities as other "
        "where other.source = int_customer_sources.source and other.customer_id = $1)"
        ") group by source",
        [customer],
    ).fetchall()
    return {source: tuple(ids) for source, ids in rows}


def _sources(connection: duckdb.DuckDBPyConnection, customer: str) -> frozenset[str]:
    rows = connection.execute(
        "select distinct source from intermediate.int_customer_sources where customer_id = ?",
        [customer],
    ).fetchall()
    return frozenset(str(source) for (source,) in rows)


def _lags(settings: dict[str, str]) -> dict[str, int]:
    ending = ".availability_lag_days"
    return {
        name.removesuffix(ending): int(value)
        for name, value in settings.items()
        if name.endswith(ending)
    }


def _snapshots(
    connection: duckdb.DuckDBPyConnection, settings: dict[str, str], lags: dict[str, int]
) -> dict[str, datetime]:
    """Return for each undated source when its snapshot was known: the month's end, and the lag."""
    ending = ".snapshot_month"
    found = {}
    for name, value in settings.items():
        if name.endswith(ending):
            source = name.removesuffix(ending)
            row = connection.execute(
                "select date_trunc('month', cast(? as date)) + interval 1 month + to_days(?)",
                [value, lags.get(source, 0)],
            ).fetchone()
            if row:
                found[source] = row[0]
    return found


def _newest_moment(scope: Scope) -> datetime | None:
    """Return the first instant at which all features are known; none where no family has rows."""
    moments = [
        scope.query(f"select max(event_timestamp) from {relation}")[0][0]
        for relation, node in scope.nodes.items()
        if "family" in meta(node) and scope.columns(relation)
    ]
    return max((each for each in moments if each is not None), default=None)
