"""The SQL that finds, for every entity row, the feature row that was valid at its moment.

A feature row serves an entity row when their keys are equal column by column, its timestamp is not
later than the entity's, and not earlier than that minus the time to live; the latest such row wins,
and of rows of one timestamp the last created.

Where few entity rows share their keys, a hash join on the keys compares all pairs, and nothing is
sorted. Where many do, an ASOF join sorts both sides. An ASOF join takes no further
conditions, so rows are filtered before it and the time to live is applied after it.

Only keys, timestamp and row number are joined. The features are fetched by row number afterwards,
which is several times faster than carrying hundreds of columns through the join.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from feature_repo.stores.relations import ROWID, Relation
from ml.workspace.errors import BadInput
from ml.workspace.sql import quoted

ENTITIES = "entity_rows"
ROW = "__row"
MOMENT = "__moment"
VECTOR = "vector"


@dataclass(frozen=True)
class Lookup:
    """What to fetch from one relation, and on which columns it is joined with the entities.

    `keys` pairs columns of the relation with columns of the entities, `features` pairs columns of
    the relation with names in the result. `created_by_then` admits only rows that were created by
    the entity's moment.
    """

    relation: Relation
    keys: tuple[tuple[str, str], ...]
    features: tuple[tuple[str, str], ...]
    timestamp: str
    created: str = ""
    ttl: timedelta | None = None
    created_by_then: bool = False

    @property
    def entity_keys(self) -> tuple[str, ...]:
        """The columns of the entities that the relation's keys are joined with."""
        return tuple(key for _, key in self.keys)

    @property
    def narrow(self) -> dict[str, str]:
        """The columns that are not elements of the vector, with their names in `fetch_sql`."""
        asked = dict.fromkeys(column for column, _ in self.features)
        columns = [column for column in asked if column not in self.relation.positions]
        return {column: f"c{i}" for i, column in enumerate(columns)}

    @property
    def sources(self) -> list[int | str]:
        """Where `fetch_sql` has each feature: an element of the vector, from 0, or a column."""
        narrow, positions = self.narrow, self.relation.positions
        return [narrow.get(column) or positions[column] - 1 for column, _ in self.features]


@dataclass(frozen=True)
class Bounds:
    """The first and last moment of the entity rows, naive UTC; None where no row has one."""

    first: datetime | None
    last: datetime | None


def copy_sql(lookup: Lookup, table: str, bounds: Bounds) -> tuple[str, Lookup]:
    """Return the statement that copies what `lookup` needs into `table`, and the lookup over it.

    Rows of views and queries have no row numbers; rows of the copy do.
    """
    needed = [*(column for column, _ in lookup.keys), lookup.timestamp, lookup.created]
    needed += [column for column, _ in lookup.features]
    names = {column: f"c{i}" for i, column in enumerate(dict.fromkeys(filter(None, needed)))}
    relation = lookup.relation
    columns = {names[column]: relation.columns[column] for column in names}
    selected = ", ".join(f"{relation.value(each, 's')} as {name}" for each, name in names.items())
    sql = (
        f"create or replace temp table {table} as\nselect {selected}\nfrom {relation.rows} s\n"
        f"where {_within(_moment(lookup), lookup.ttl, bounds)}"
    )
    return sql, replace(
        lookup,
        relation=Relation(relation.name, table, columns, True, table, {}),
        keys=tuple((names[column], key) for column, key in lookup.keys),
        features=tuple((names[column], name) for column, name in lookup.features),
        timestamp=names[lookup.timestamp],
        created=names.get(lookup.created, ""),
    )


def fingerprint_sql(lookup: Lookup) -> str:
    """Return the query for a row count and two hashes of row numbers, keys and timestamps.

    Where two relations agree in all three, one match serves both.
    """
    row = [f"s.{lookup.relation.rowid}", *_keys(lookup), _moment(lookup), _created(lookup)]
    return (
        "select count(*), bit_xor(h), sum(h)\n"
        f"from (select hash({', '.join(row)}) as h from {lookup.relation.rows} s)"
    )


def match_sql(lookup: Lookup, table: str, bounds: Bounds, shared: bool) -> str:
    """Return the statement that makes `table`: entity rows with the number of their feature row.

    It reads the entities from the table `entity_rows`; a row without a feature row is left out.
    `shared` says whether many entity rows share their keys.
    """
    # Rows created later are left out per entity row, which an ASOF join cannot express.
    pairs = not shared or bool(lookup.created_by_then and lookup.created)
    candidates = _candidates(lookup, bounds) if pairs else _newest(lookup, bounds)
    matched = _best_of_pairs(lookup) if pairs else _asof(lookup)
    return (
        f"create or replace temp table {table} as\nwith candidates as (\n{candidates}\n)\n{matched}"
    )


def fetch_sql(lookup: Lookup, match: str, bounds: Bounds, start: int, stop: int) -> str:
    """Return the query for what was matched to the entity rows from `start` to before `stop`.

    Columns: the entity row's number counted from `start`, the whole vector where any element is
    asked for, then the columns of `Lookup.narrow`. The rows come in any order: putting them in
    place by number is cheaper than sorting them here.
    """
    columns = [f"m.{ROW} - {start} as {ROW}"]
    columns += [f"t.{VECTOR}"] * (len(lookup.narrow) < len(lookup.features))
    columns += [f"t.{quoted(column)} as {name}" for column, name in lookup.narrow.items()]
    # Files know which moments their parts hold, but not which numbers.
    is_file = lookup.relation.rowid != ROWID
    parts = f" and {_within(_moment(lookup, 't'), lookup.ttl, bounds)}" if is_file else ""
    return (
        f"select {', '.join(columns)}\nfrom {match} m\n"
        f"join {lookup.relation.rows} t on t.{lookup.relation.rowid} = m.id\n"
        f"where m.{ROW} >= {start} and m.{ROW} < {stop}{parts}"
    )


def known_rows_sql(lookups: Sequence[Lookup], first: datetime, last: datetime) -> str:
    """Return the query for every key and moment that has a feature row from `first` to `last`.

    Rows with a null key are left out.

    Raises:
        AlmanacError: the lookups differ in the keys of the entities.
    """
    keys = lookups[0].entity_keys
    for lookup in lookups[1:]:
        if {*lookup.entity_keys} != {*keys}:
            raise BadInput(
                f"Without entity rows, {lookups[0].relation.name} and {lookup.relation.name} "
                f"cannot be lined up: one has the keys {', '.join(keys) or 'none'}, the other "
                f"{', '.join(lookup.entity_keys) or 'none'}.",
                "Give entity_df, or ask for the views one at a time.",
            )
    parts = []
    for lookup in lookups:
        column_of = {key: column for column, key in lookup.keys}
        named = [f"s.{quoted(column_of[key])} as {quoted(key)}" for key in keys]
        moment = _moment(lookup)
        within = f"{moment} between {moment_sql(first)} and {moment_sql(last)}"
        present = [f"{key} is not null" for key in _keys(lookup)]
        parts.append(
            f"select distinct {', '.join([*named, f'{moment} as event_timestamp'])} "
            f"from {lookup.relation.rows} s "
            f"where {' and '.join([within, *present])}"
        )
    return "\nunion\n".join(parts) + "\norder by all"


def _keys(lookup: Lookup) -> list[str]:
    return [f"s.{quoted(column)}" for column, _ in lookup.keys]


def _moment(lookup: Lookup, alias: str = "s") -> str:
    value = f"{alias}.{quoted(lookup.timestamp)}"
    if lookup.relation.columns[lookup.timestamp] != "TIMESTAMP_NS":
        return f"{value}::timestamp"
    # A cast would round down: round up, so that a row is not known before its time.
    whole = f"epoch_ns({value}) // 1000 + (epoch_ns({value}) % 1000 > 0)::bigint"
    return f"make_timestamp({whole})"


def _created(lookup: Lookup) -> str:
    return f"s.{quoted(lookup.created)}::timestamp" if lookup.created else "null::timestamp"


def _candidates(lookup: Lookup, bounds: Bounds) -> str:
    # Every name below is qualified: a relation may have columns called k0, id or moment.
    moment = _moment(lookup)
    named = [f"{key} as k{i}" for i, key in enumerate(_keys(lookup))]
    times = [f"{moment} as moment", f"{_created(lookup)} as created"]
    return (
        f"    select {', '.join([*times, *named, f's.{lookup.relation.rowid} as id'])}\n"
        f"    from {lookup.relation.rows} s\n"
        f"    where {_within(moment, lookup.ttl, bounds)}"
    )


def _newest(lookup: Lookup, bounds: Bounds) -> str:
    candidates = _candidates(lookup, bounds)
    if not lookup.created:
        return candidates
    same = ", ".join([*_keys(lookup), _moment(lookup)])
    newest = f"partition by {same} order by {_created(lookup)} desc nulls last"
    return f"{candidates}\n    qualify row_number() over ({newest}) = 1"


def _within(moment: str, ttl: timedelta | None, bounds: Bounds) -> str:
    if bounds.first is None or bounds.last is None:
        return "false"
    latest = f"{moment} <= {moment_sql(bounds.last)}"
    if not ttl:
        return latest
    return f"{latest} and {moment} >= {moment_sql(bounds.first)} - {_interval(ttl)}"


def _best_of_pairs(lookup: Lookup) -> str:
    conditions = [*_conditions(lookup), *_within_ttl(lookup)]
    conditions += [f"e.{MOMENT} >= c.created"] * bool(lookup.created_by_then and lookup.created)
    rank = "(c.moment, coalesce(c.created, '-infinity'), c.id)"
    return (
        f"select e.{ROW}, arg_max(c.id, {rank}) as id\nfrom {ENTITIES} e\n"
        f"join candidates c on {' and '.join(conditions)}\ngroup by e.{ROW}"
    )


def _asof(lookup: Lookup) -> str:
    alive = "".join(f"\nwhere {condition}" for condition in _within_ttl(lookup))
    return (
        f"select e.{ROW}, c.id\nfrom {ENTITIES} e\n"
        f"asof join candidates c on {' and '.join(_conditions(lookup))}{alive}"
    )


def _conditions(lookup: Lookup) -> list[str]:
    equal = [f"e.{quoted(key)} = c.k{i}" for i, key in enumerate(lookup.entity_keys)]
    return [*equal, f"e.{MOMENT} >= c.moment"]


def _within_ttl(lookup: Lookup) -> list[str]:
    return [f"c.moment >= e.{MOMENT} - {_interval(lookup.ttl)}"] if lookup.ttl else []


def moment_sql(moment: datetime) -> str:
    """Return a naive UTC moment as SQL, exact to the microsecond."""
    return f"timestamp '{moment.isoformat(sep=' ')}'"


def _interval(length: timedelta) -> str:
    return f"to_microseconds({length // timedelta(microseconds=1)})"
