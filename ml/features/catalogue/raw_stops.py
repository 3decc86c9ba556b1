"""The first three stops of a trace: raw files, landed rows, staged and rejected rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from ml.features.catalogue.lineage import columns_read
from ml.features.catalogue.queries import ParsedQuery, parse
from ml.features.catalogue.stops import (
    MONTHS,
    SHOWN,
    AsOfFilter,
    CustomerRows,
    RowSelection,
    Scope,
    Stop,
    customer_rows,
    leading_columns,
    newest_rows,
)
from ml.workspace.manifest import compiled
from ml.workspace.settings import Workspace
from ml.workspace.sql import quoted

IDENTITIES = "landed.workspace__identities"
REJECTS = "staging.rejects"


@dataclass(frozen=True)
class TracedTable:
    """A table of a source, landed and staged, with the landed columns of the customer and the time.

    `time` is an event's time or, where `is_monthly`, a day of the month that a row describes.
    """

    source: str
    landed: str
    staged: str
    id: str
    time: str | None
    is_monthly: bool


def tables(ws: Workspace, scope: Scope) -> list[TracedTable]:
    """Return the staged tables that have customers, by name; lineage gives their landed columns.

    Raises:
        AlmanacError: a staging model is not compiled.
    """
    found = []
    for relation, node in sorted(scope.nodes.items()):
        columns = scope.columns(relation) if node["schema"] == "staging" else []
        if "customer_id" not in columns:
            continue
        query = parse(scope.connection, compiled(ws, node))
        timed = next((each for each in ("event_time", *MONTHS) if each in columns), "")
        times = dict(_landed_columns(scope, query, timed)) if timed else {}
        for landed, column in _landed_columns(scope, query, "customer_id"):
            source = str(scope.nodes[landed]["source_name"])
            # An undated source's months are counted from its snapshot, and no times of rows.
            time = None if source in scope.snapshots else times.get(landed)
            found.append(TracedTable(source, landed, relation, column, time, timed != "event_time"))
    return found


def _landed_columns(scope: Scope, query: ParsedQuery, column: str) -> Iterator[tuple[str, str]]:
    for name, read in columns_read(query, column, scope.catalog):
        node = scope.nodes.get(name)
        if node and node["resource_type"] == "source" and node["source_name"] != "workspace":
            yield name, read


def raw_stop(scope: Scope, traced: list[TracedTable]) -> Stop:
    """Return which lines of which files are the customer's."""
    found = []
    for table in traced:
        where, values = _customer_condition(scope, table)
        files = scope.query(
            f"select _file, count(*), min(_row), max(_row) from {table.landed} {where} "
            "group by _file order by _file desc",
            *values,
        )
        if files:
            shown = tuple(
                (file, rows, _line_range(first, last)) for file, rows, first, last in files[:SHOWN]
            )
            rows = sum(each[1] for each in files)
            name = f"{table.landed.split('.')[1].replace('__', ' ')}, {len(files)} files"
            found.append(CustomerRows(name, rows, ("file", "rows", "lines"), shown))
    ids = tuple((source, each) for source, known in sorted(scope.ids.items()) for each in known)
    named = CustomerRows("ids of the customer", len(ids), ("source", "id"), ids)
    return Stop(1, "Raw files", (named, *found), _absence_reasons(scope, traced))


def landed_stop(scope: Scope, traced: list[TracedTable]) -> Stop:
    """Return the rows as they were landed, with the source's own values."""
    found = []
    for table in traced:
        where, values = _customer_condition(scope, table)
        columns = scope.columns(table.landed)
        own = [each for each in columns if each not in (table.id, table.time)]
        first = [table.time] if table.time else []
        shown = [*first, *leading_columns(own, 4), "_file", "_row"]
        order = f"{quoted(table.time)} desc" if table.time else "_file desc, _row desc"
        each = newest_rows(scope, table.landed, shown, RowSelection(where, tuple(values), order))
        found += [each] if each.rows else []
    return Stop(2, "Landed", tuple(found))


def staged_stop(scope: Scope, traced: list[TracedTable]) -> Stop:
    """Return the accepted rows, and the rejected ones with their reasons."""
    found = []
    for table in traced:
        if _not_yet_known(scope, table.source) is None:
            known = scope.as_of_filter(scope.columns(table.staged), table.source)
            if table.source in scope.snapshots:
                # The whole file is known at its snapshot, months before it too.
                known = AsOfFilter(known.column, known.lag_days, None)
            each = customer_rows(scope, table.staged, known)
            found += [each] if each.rows else []
    rejected = _rejected(scope, traced)
    none = () if rejected.rows else (f"{REJECTS}: no row of the customer was set aside",)
    return Stop(3, "Staging", (*found, *([rejected] if rejected.rows else [])), none)


def _rejected(scope: Scope, traced: list[TracedTable]) -> CustomerRows:
    """Return rejected rows, found by file and row, or in unreadable lines by an id in the text."""
    places: set[tuple[object, ...]] = set()
    for table in traced:
        model, ids = table.staged.split(".")[1], list(scope.ids.get(table.source, ()))
        where, values = _customer_condition(scope, table)
        places.update(scope.query(_rejects_query(table, where, "true"), *values, model))
        # A line that could not be split has no columns: the ids are looked for among its words.
        words = "list_has_any(regexp_split_to_array(rejects.raw_row, '[^\\w-]+'), ?)"
        if scope.as_of is None:
            broken = _rejects_query(table, "where _error is not null", words)
            places.update(scope.query(broken, model, ids))
    ordered = sorted(places, key=str, reverse=True)
    return CustomerRows(
        REJECTS, len(ordered), ("file", "row_number", "reason"), tuple(ordered[:SHOWN])
    )


def _rejects_query(table: TracedTable, where: str, condition: str) -> str:
    return (
        f"select rejects.file, rejects.row_number, rejects.reason from {REJECTS} as rejects "
        f"inner join (select _file, _row from {table.landed} {where}) as landed "
        "on rejects.file = landed._file and rejects.row_number = landed._row "
        f"where rejects.model = ? and {condition}"
    )


def _customer_condition(scope: Scope, table: TracedTable) -> tuple[str, list[object]]:
    """Return the condition on landed rows (the customer's, known by as_of) and its parameters."""
    where = f"where list_contains(?, trim(cast({quoted(table.id)} as varchar)))"
    if scope.as_of is not None and table.time:
        text = f"cast({quoted(table.time)} as varchar)"
        time = (
            f"coalesce(try_cast({text} as timestamptz) at time zone 'UTC', "
            f"try_cast({text} as timestamp))"
        )
        by = f"timestamp '{scope.as_of:%Y-%m-%d}' - to_days({scope.lags.get(table.source, 0)})"
        ended = f"date_trunc('month', {time}) + interval 1 month <= {by}"
        where += f" and {ended if table.is_monthly else f'{time} < {by}'}"
    if _not_yet_known(scope, table.source) is not None:
        where += " and false"
    return where, [list(scope.ids.get(table.source, ()))]


def _not_yet_known(scope: Scope, source: str) -> datetime | None:
    """Return when an undated source becomes known, where that is after `as_of`; else None."""
    known = scope.snapshots.get(source)
    return known if scope.as_of is not None and known and known > scope.as_of else None


def _absence_reasons(scope: Scope, traced: list[TracedTable]) -> tuple[str, ...]:
    reasons = []
    for source in dict.fromkeys(table.source for table in traced):
        present = scope.query(
            "select is_present from landed.workspace__sources where source = ?", source
        )
        if not present or not present[0][0]:
            reasons.append(f"{source}: no files of this source in the raw folder")
        elif source not in scope.sources:
            reasons.append(f"{source}: does not know the customer")
        elif known := _not_yet_known(scope, source):
            reasons.append(f"{source}: known from {known:%Y-%m-%d} on (its snapshot month's end)")
    return tuple(reasons)


def _line_range(first: int | None, last: int | None) -> str:
    if first is None or last is None:
        return ""
    return str(first) if first == last else f"{first}-{last}"
