"""Models' inputs in the warehouse: one view per target, with a vector per customer and moment.

The moments are those at which a customer's features may change: the spine's, and those of families
whose records arrive later. Each vector holds the values known at its moment, as Feast retrieves
them, in the model's order; missing values are NaN.

To read one moment only, set DuckDB's variable `moment`: then only rows valid at it are scanned. A
where clause on the view would not be pushed down to the families.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import NamedTuple

import duckdb

from feature_repo.stores.relations import Relation
from ml.workspace.sql import literal, quoted

SCHEMA = "inputs"
VECTOR = "vector"
SPINE = "intermediate.int_customer_months"


@dataclass(frozen=True)
class Input:
    """The description that an input view carries as its comment.

    `layout` is the hash of the features in order, `families` the hash of the columns of each family
    in use, `query` the hash of the view's SQL.
    """

    target: str
    model_id: str
    features: int
    layout: str
    families: Mapping[str, str]
    query: str

    @property
    def relation(self) -> str:
        """The view's name in the warehouse."""
        return f"{SCHEMA}.{self.target}"


class InputFamily(NamedTuple):
    """A family's relation and its time to live; None means no limit."""

    relation: Relation
    ttl: timedelta | None


def read_inputs(connection: duckdb.DuckDBPyConnection) -> list[Input]:
    """Return the descriptions of all input views of the warehouse, by target."""
    found = connection.execute(
        "select comment from duckdb_views() where database_name = current_database()"
        " and schema_name = ? and comment is not null order by view_name",
        [SCHEMA],
    ).fetchall()
    return [Input(**json.loads(comment)) for (comment,) in found]


def write_input(connection: duckdb.DuckDBPyConnection, definition: Input, sql: str) -> None:
    """Create or replace the view of `definition`."""
    name = f"{quoted(SCHEMA)}.{quoted(definition.target)}"
    comment = literal(json.dumps(asdict(definition)))
    connection.begin()
    connection.execute(f"create schema if not exists {quoted(SCHEMA)}")
    connection.execute(f"create or replace view {name} as {sql}")
    connection.execute(f"comment on view {name} is {comment}")
    connection.commit()


def digest(parts: Sequence[str]) -> str:
    """Return a short hash of the texts in their order."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def columns_of(relation: Relation) -> str:
    """Return the hash of a family's columns: names and types, in order."""
    return digest([f"{name} {kind}" for name, kind in relation.columns.items()])


def input_sql(families: Mapping[str, InputFamily], features: Sequence[tuple[str, str]]) -> str:
    """Return the query for `customer_id, event_timestamp, vector` of (name, family) features.

    Raises:
        AlmanacError: a family has no such column.
    """
    rows = [_rows(each) for each in families.values()]
    place = {family: number for number, family in enumerate(families)}
    values = [_value(families[family].relation, name, place[family]) for name, family in features]
    vector = ",\n        ".join(values)
    known = [each.relation for each in families.values()]
    fetched = "".join(_fetched(*each) for each in zip(known, rows, place.values(), strict=True))
    return (
        f"with moments as (\n{_moments(rows)}\n),\n"
        "customers as (\n"
        "    select distinct s.customer_id, m.event_timestamp\n"
        f"    from {SPINE} s join moments m on m.feature_month = s.feature_month\n),\n"
        f"matched as (\n{_matched(families, rows)}\n)\n"
        f"select\n    m.customer_id,\n    m.event_timestamp,\n"
        f"    [\n        {vector}\n    ]::float[{len(features)}] as {VECTOR}\n"
        f"from matched m{fetched}"
    )


def _rows(family: InputFamily) -> str:
    """Return SQL of the family's rows, each with an id to join on."""
    key = "rowid" if family.relation.has_rowid else "event_timestamp::timestamp"
    moment = "getvariable('moment')::timestamp"
    last = f"coalesce({moment}, 'infinity')"
    oldest = f"{moment} - {_seconds(family.ttl)}" if family.ttl else "null"
    first = f"coalesce({oldest}, '-infinity')"
    return (
        f"(select *, {key} as id from {family.relation.rows} "
        f"where event_timestamp::timestamp between {first} and {last})"
    )


def _seconds(ttl: timedelta) -> str:
    return f"to_seconds({ttl.total_seconds():.0f})"


def _moments(rows: Sequence[str]) -> str:
    known = "    select feature_month, event_timestamp::timestamp as event_timestamp from "
    return "\n    union\n".join(f"{known}{relation}" for relation in (SPINE, *rows))


def _matched(families: Mapping[str, InputFamily], rows: Sequence[str]) -> str:
    ids, joins = "", ""
    for number, (each, relation) in enumerate(zip(families.values(), rows, strict=True)):
        ids += f",\n        {_within_ttl(each.ttl, number)}"
        known = "customer_id, event_timestamp::timestamp as moment, id"
        joins += (
            f"\n    asof left join (select {known} from {relation}) r{number}"
            f"\n        on r{number}.customer_id = c.customer_id"
            f" and c.event_timestamp >= r{number}.moment"
        )
    return (
        f"    select\n        c.customer_id,\n        c.event_timestamp{ids}\n"
        f"    from customers c{joins}"
    )


def _within_ttl(ttl: timedelta | None, number: int) -> str:
    if not ttl:
        return f"r{number}.id as id{number}"
    oldest = f"c.event_timestamp - {_seconds(ttl)}"
    return f"case when r{number}.moment >= {oldest} then r{number}.id end as id{number}"


def _fetched(relation: Relation, rows: str, number: int) -> str:
    row = f"t{number}"
    if relation.positions:
        # DuckDB 2.0.0 fails on arrays in an outer join without a match; this row always matches.
        width = len(relation.positions)
        nothing = f"list_resize([]::float[], {width}, 'nan'::float)::float[{width}]"
        keys, none, same = "id", "-1", ""
        absent = none
        if not relation.has_rowid:
            # The vectors of a lake are a view: a row is known by its customer and moment.
            keys, none = "customer_id, id", "'-infinity'::timestamp"
            absent = f"'', {none}"
            same = f" and {row}.customer_id = if(m.id{number} is null, '', m.customer_id)"
        found = f"(select {keys}, vector from {rows} union all select {absent}, {nothing})"
        return f"\njoin {found} {row}\n    on {row}.id = coalesce(m.id{number}, {none}){same}"
    same = "" if relation.has_rowid else f" and {row}.customer_id = m.customer_id"
    return f"\nleft join {rows} {row} on {row}.id = m.id{number}{same}"


def _value(relation: Relation, name: str, number: int) -> str:
    if name in relation.positions:
        return f"t{number}.vector[{relation.positions[name]}]"
    # As in training, values too large for a float count as missing.
    number_of = f"try_cast(t{number}.{quoted(relation.require(name))}::double as float)"
    return f"coalesce({number_of}, 'nan'::float)"
