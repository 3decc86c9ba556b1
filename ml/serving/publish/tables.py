"""A table of the published file: its columns, how they are read, and what tells that it changed."""

import hashlib
import hmac
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import duckdb

from ml.serving.pseudonyms import hashed
from ml.serving.publish.words import Words
from ml.workspace.sql import literal, quoted, quoted_relation
from ml.workspace.warehouse import VECTORS

ID = "customer_id"
# By it builds tell which months changed; it says nothing of a customer.
BOOKKEEPING = "month_version"
SEPARATOR = "; "


@dataclass(frozen=True)
class Column:
    """A published column: its name, its type, the SQL that it is read by, and its comment."""

    name: str
    type: str
    sql: str
    comment: str
    is_filled: bool


@dataclass(frozen=True)
class Table:
    """A table to be published from the relation of the same `name`, `schema.table`.

    `fingerprint` is the same as long as its rows, columns, keys and comments are.
    """

    name: str
    words: Words
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    fingerprint: str

    def statements(self, database: str) -> Iterator[str]:
        """Yield what creates the table in `database` with its comments, then what fills it."""
        yield from definition(
            f"{quoted(database)}.{quoted_relation(self.name)}",
            self.columns,
            self.words.description,
            self.primary_key,
        )
        selected = ", ".join(column.sql for column in self.columns)
        name = quoted_relation(self.name)
        yield f"insert into {quoted(database)}.{name} select {selected} from {name}"


def definition(
    name: str, columns: Collection[Column], comment: str, primary_key: Collection[str] = ()
) -> Iterator[str]:
    """Yield what creates the table of a quoted `name`, and what comments it and its columns."""
    lines = [
        f"{quoted(each.name)} {each.type}{' not null' if each.is_filled else ''}"
        for each in columns
    ]
    if primary_key:
        lines.append(f"primary key ({', '.join(map(quoted, primary_key))})")
    yield f"create table {name} ({', '.join(lines)})"
    if comment:
        yield f"comment on table {name} is {literal(comment)}"
    for each in columns:
        if each.comment:
            yield f"comment on column {name}.{quoted(each.name)} is {literal(each.comment)}"


def table_of(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    words: Words,
    key: bytes | None,
    *,
    primary_keys: bool,
) -> Table:
    """Return how the warehouse's relation `name` is published.

    Args:
        connection: the open warehouse.
        name: `schema.table`.
        words: what is said of it.
        key: with which customer ids are hashed; None publishes them as they are.
        primary_keys: whether the file enforces the key.
    """
    described = connection.execute(f"describe {quoted_relation(name)}").fetchall()
    types = {column: kind for column, kind, *_ in described if column != BOOKKEEPING}
    columns = tuple(_columns(types, words, key))
    primary_key = words.key if primary_keys else ()
    layout = [(each.name, each.type, each.comment, each.is_filled) for each in columns]
    facts = [
        duckdb.__version__,
        layout,
        primary_key,
        (words.description, words.one_row, words.key),
        *_content(connection, name),
    ]
    told = json.dumps(facts, default=str).encode()
    # Without the key nobody can compare the fingerprint with one of rows that they guess.
    fingerprint = hmac.new(key or b"", told, hashlib.sha256).hexdigest()
    return Table(name, words, columns, primary_key, fingerprint)


def _columns(types: dict[str, str], words: Words, key: bytes | None) -> Iterator[Column]:
    """Yield the columns, a date beside each timestamp and a text beside each array."""
    for name, kind in types.items():
        comment = words.columns.get(name, "")
        is_filled = name in words.not_null
        read = quoted(name)
        if key is not None and name == ID:
            yield Column(name, "VARCHAR", hashed(key, ID), f"{comment} A keyed hash.", is_filled)
            continue
        yield Column(name, kind, read, comment, is_filled)
        day = f"{name.removesuffix('_timestamp')}_date"
        if kind == "TIMESTAMP" and day not in types:
            yield Column(day, "DATE", f"cast({read} as date)", f"The day of {name}.", is_filled)
        text = f"{name}_text"
        if kind.endswith("]") and text not in types:
            joined = f"array_to_string({read}, {literal(SEPARATOR)})"
            yield Column(text, "VARCHAR", joined, f"The values of {name} as one text.", is_filled)


def _content(connection: duckdb.DuckDBPyConnection, name: str) -> list[object]:
    """Return what is the same for the same rows in any order: their number and summed hashes.

    Of a wide family these are the rows of its vectors, and the SQL of the view over them.
    """
    schema, table = name.split(".", 1)
    view = connection.execute(
        "select sql from duckdb_views() where database_name = current_database() "
        "and schema_name = ? and view_name = ? and exists (from information_schema.tables "
        "where table_catalog = current_database() and table_schema = ? and table_name = ?)",
        [schema, table, schema, table + VECTORS],
    ).fetchall()
    rows = f"{name}{VECTORS}" if view else name
    summed = connection.execute(
        f"select count(*), sum(hash(__row)) from {quoted_relation(rows)} as __row"
    ).fetchone()
    return [view, summed]
