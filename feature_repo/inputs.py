"""Models' inputs in the warehouse: a view a target, with one vector a customer and moment.

The moments are those at which a customer's features may change: the spine's, and those of the
families where a source's records come later. At each, a vector holds what was known then, as Feast
retrieves it, in the order in which the model reads it; what is missing is NaN.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import NamedTuple

import duckdb

from feature_repo.stores.relations import Relation, quote

SCHEMA = "inputs"
VECTOR = "vector"
SPINE = "intermediate.int_customer_months"


@dataclass(frozen=True)
class Input:
    """What the view of a target says of itself: whose features it holds, and how they lie.

    `layout` is the hash of the features in order, `families` that of the columns of each family in
    use, `query` that of the view's SQL.
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


class Family(NamedTuple):
    """A family's relation and how long its rows live; no time means for ever."""

    relation: Relation
    ttl: timedelta | None


def read_inputs(connection: duckdb.DuckDBPyConnection) -> list[Input]:
    """Return the inputs that the warehouse has views of, by target."""
    found = connection.execute(
        "select comment from duckdb_views() where database_name = current_database()"
        " and schema_name = ? and comment is not null order by view_name",
        [SCHEMA],
    ).fetchall()
    return [Input(**json.loads(comment)) for (comment,) in found]


def write_input(connection: duckdb.DuckDBPyConnection, about: Input, sql: str) -> None:
    """Make the view of `about`, or put it in the place of the one that is there."""
    name = f"{quote(SCHEMA)}.{quote(about.target)}"
    comment = json.dumps(asdict(about)).replace("'", "''")
    connection.begin()
    connection.execute(f"create schema if not exists {quote(SCHEMA)}")
    connection.execute(f"create or replace view {name} as {sql}")
    connection.execute(f"comment on view {name} is '{comment}'")
    connection.commit()


def digest(parts: Sequence[str]) -> str:
    """Return a hash that tells lists of texts apart, in their order."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def columns_of(relation: Relation) -> str:
    """Return the hash of a family's columns: which they are and where each lies."""
    return digest([f"{name} {kind}" for name, kind in relation.columns.items()])


def input_sql(families: Mapping[str, Family], features: Sequence[tuple[str, str]]) -> str:
    """Return the query for `customer_id, event_timestamp, vector` of features (name, family).

    Raises:
        AlmanacError: a family has no such column.
    """
    place = {family: number for number, family in enumerate(families)}
    values = [_value(families[family].relation, name, place[family]) for name, family in features]
    vector = ",\n        ".join(values)
    rows = "".join(_fetched(each.relation, place[name]) for name, each in families.items())
    return (
        f"with moments as (\n{_moments(families)}\n),\n"
        "customers as (\n"
        "    select distinct s.customer_id, m.event_timestamp\n"
        f"    from {SPINE} s join moments m on m.feature_month = s.feature_month\n),\n"
        f"matched as (\n{_matched(families)}\n)\n"
        f"select\n    m.customer_id,\n    m.event_timestamp,\n"
        f"    [\n        {vector}\n    ]::float[{len(features)}] as {VECTOR}\nfrom matched m{rows}"
    )


def _moments(families: Mapping[str, Family]) -> str:
    known = "    select feature_month, event_timestamp::timestamp as event_timestamp from "
    relations = [SPINE, *(each.relation.rows for each in families.values())]
    return "\n    union\n".join(f"{known}{relation}" for relation in relations)


def _matched(families: Mapping[str, Family]) -> str:
    ids, joins = "", ""
    for number, each in enumerate(families.values()):
        ids += f",\n        {_alive(each.ttl, number)}"
        known = f"customer_id, event_timestamp::timestamp as moment, {_id(each.relation)} as id"
        joins += (
            f"\n    asof left join (select {known} from {each.relation.rows}) r{number}"
            f"\n        on r{number}.customer_id = c.customer_id"
            f" and c.event_timestamp >= r{number}.moment"
        )
    return (
        f"    select\n        c.customer_id,\n        c.event_timestamp{ids}\n"
        f"    from customers c{joins}"
    )


def _alive(ttl: timedelta | None, number: int) -> str:
    if not ttl:
        return f"r{number}.id as id{number}"
    oldest = f"c.event_timestamp - to_seconds({ttl.total_seconds():.0f})"
    return f"case when r{number}.moment >= {oldest} then r{number}.id end as id{number}"


def _id(relation: Relation) -> str:
    return "rowid" if relation.has_rowid else "event_timestamp::timestamp"


def _fetched(relation: Relation, number: int) -> str:
    row = f"t{number}"
    if relation.positions:
        # DuckDB 2.0.0 fails on arrays in an outer join that finds no row: here one is always found.
        width = len(relation.positions)
        nothing = f"select -1, list_resize([]::float[], {width}, 'nan'::float)::float[{width}]"
        rows = f"(select rowid as id, vector from {relation.rows} union all {nothing})"
        return f"\njoin {rows} {row}\n    on {row}.id = coalesce(m.id{number}, -1)"
    if relation.has_rowid:
        return f"\nleft join {relation.rows} {row} on {row}.rowid = m.id{number}"
    same = f"{row}.event_timestamp::timestamp = m.id{number}"
    return f"\nleft join {relation.rows} {row} on {row}.customer_id = m.customer_id and {same}"


def _value(relation: Relation, name: str, number: int) -> str:
    if name in relation.positions:
        return f"t{number}.vector[{relation.positions[name]}]"
    # As in training: what is too large for a float is as missing as a null.
    number_of = f"try_cast(t{number}.{quote(relation.require(name))}::double as float)"
    return f"coalesce({number_of}, 'nan'::float)"
