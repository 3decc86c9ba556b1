"""The SQL that finds, for every entity row, the feature row that was valid at its moment.

A feature row serves an entity row when their keys are equal column by column, its timestamp is not
later than the entity's, and not earlier than that minus the time to live; the latest such row wins,
and of rows of one timestamp the last created. An ASOF join takes no other conditions than its own,
so rows are filtered before it and the time to live is applied after it.

What is joined is narrow: keys, timestamp and row number. The features are fetched by row number
afterwards, which is several times faster than carrying hundreds of columns through the join.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from feature_repo.stores.relations import Relation, quote
from ml.config import AlmanacError

ENTITIES = "entity_rows"
ROW = "__row"
MOMENT = "__moment"


@dataclass(frozen=True)
class Lookup:
    """What to fetch from one relation, and by which columns its rows and the entities meet.

    `keys` pairs columns of the relation with columns of the entities, `features` columns of the
    relation with names in the answer. `by_then` admits only rows created by the entity's moment.
    """

    relation: Relation
    keys: tuple[tuple[str, str], ...]
    features: tuple[tuple[str, str], ...]
    timestamp: str
    created: str = ""
    ttl: timedelta | None = None
    by_then: bool = False


def lookup_sql(lookup: Lookup, first: datetime | None, last: datetime | None) -> str:
    """Return the query for the features of `lookup`: one row for every entity row, in their order.

    It reads the entities from the table `entity_rows`; `first` and `last` are the bounds of their
    moments, naive UTC, or None where no entity has one.
    """
    if lookup.relation.has_rowid:
        join = f"\nleft join {lookup.relation.rows} t on t.rowid = m.id"
        columns = [
            f"{lookup.relation.value(column, 't')} as {quote(name)}"
            for column, name in lookup.features
        ]
    else:
        join = ""
        columns = [f"m.v{i} as {quote(name)}" for i, (_, name) in enumerate(lookup.features)]
    return (
        f"with candidates as (\n{_candidates(lookup, first, last)}\n),\n"
        f"matched as (\n{_matched(lookup)}\n)\n"
        f"select {', '.join(columns)}\nfrom {ENTITIES} e\n"
        f"left join matched m on m.{ROW} = e.{ROW}{join}\norder by e.{ROW}"
    )


def known_rows_sql(lookups: Sequence[Lookup], first: datetime, last: datetime) -> str:
    """Return the query for every key and moment that has a feature row from `first` to `last`.

    Raises:
        AlmanacError: the lookups differ in the keys of the entities.
    """
    keys = [key for _, key in lookups[0].keys]
    for lookup in lookups[1:]:
        if {key for _, key in lookup.keys} != {*keys}:
            raise AlmanacError(
                f"Without entity rows, {lookups[0].relation.name} and {lookup.relation.name} "
                f"cannot be lined up: one has the keys {', '.join(keys) or 'none'}, the other "
                f"{', '.join(key for _, key in lookup.keys) or 'none'}.\n"
                "Give entity_df, or ask for the views one at a time."
            )
    parts = []
    for lookup in lookups:
        column_of = {key: column for column, key in lookup.keys}
        named = [f"s.{quote(column_of[key])} as {quote(key)}" for key in keys]
        moment = f"s.{quote(lookup.timestamp)}::timestamp"
        parts.append(
            f"select distinct {', '.join([*named, f'{moment} as event_timestamp'])} "
            f"from {lookup.relation.rows} s "
            f"where {moment} between {literal(first)} and {literal(last)}"
        )
    return "\nunion\n".join(parts) + "\norder by all"


def _candidates(lookup: Lookup, first: datetime | None, last: datetime | None) -> str:
    # Every name below is qualified: a relation may well have columns called k0, id or moment.
    keys = [f"s.{quote(column)}" for column, _ in lookup.keys]
    moment = f"s.{quote(lookup.timestamp)}::timestamp"
    created = f"s.{quote(lookup.created)}::timestamp" if lookup.created else "null"
    named = [f"{key} as k{i}" for i, key in enumerate(keys)]
    named += [f"{column} as {name}" for name, column in _carried(lookup).items()]
    columns = [f"{moment} as moment", f"{created} as created", *named]
    ties = ", ".join([*keys, moment])
    newest = f"partition by {ties} order by {created} desc nulls last"
    rank = f"\n    qualify row_number() over ({newest}) = 1" if lookup.created else ""
    return (
        f"    select {', '.join(columns)}\n    from {lookup.relation.rows} s\n"
        f"    where {_within(moment, lookup.ttl, first, last)}{'' if lookup.by_then else rank}"
    )


def _carried(lookup: Lookup) -> dict[str, str]:
    """Return what goes through the join, by its name there: row numbers where there are any."""
    if lookup.relation.has_rowid:
        return {"id": "s.rowid"}
    return {f"v{i}": f"s.{quote(column)}" for i, (column, _) in enumerate(lookup.features)}


def _within(
    moment: str, ttl: timedelta | None, first: datetime | None, last: datetime | None
) -> str:
    if first is None or last is None:
        return "false"
    latest = f"{moment} <= {literal(last)}"
    return f"{latest} and {moment} >= {literal(first)} - {_interval(ttl)}" if ttl else latest


def _matched(lookup: Lookup) -> str:
    by_then = bool(lookup.by_then and lookup.created)
    conditions = [f"e.{quote(key)} = c.k{i}" for i, (_, key) in enumerate(lookup.keys)]
    conditions += [f"e.{MOMENT} >= c.moment"] + [f"e.{MOMENT} >= c.created"] * by_then
    newest = f"partition by e.{ROW} order by c.moment desc, c.created desc"
    rank = f"\n    qualify row_number() over ({newest}) = 1" if by_then else ""
    alive = f"\n    where c.moment >= e.{MOMENT} - {_interval(lookup.ttl)}" if lookup.ttl else ""
    columns = ", ".join([f"e.{ROW}", *(f"c.{name}" for name in _carried(lookup))])
    return (
        f"    select {columns}\n    from {ENTITIES} e\n"
        f"    {'' if by_then else 'asof '}join candidates c on {' and '.join(conditions)}"
        f"{alive}{rank}"
    )


def literal(moment: datetime) -> str:
    """Return a naive UTC moment as SQL, exact to the microsecond."""
    return f"timestamp '{moment.isoformat(sep=' ')}'"


def _interval(length: timedelta) -> str:
    return f"to_microseconds({length // timedelta(microseconds=1)})"
