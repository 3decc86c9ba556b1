"""Mapping expressions: each is one scalar expression, checked on DuckDB's own parse tree.

A mapping may come from elsewhere, so nothing of it runs before it is checked, and then only
functions that depend on nothing but their arguments: no query, no file, no setting, no clock.
"""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import duckdb

SELECT = "select "
# What the tree of a scalar expression may hold, as DuckDB calls it.
CLASSES = frozenset(
    {
        "BETWEEN",
        "CASE",
        "CAST",
        "COLLATE",
        "COLUMN_REF",
        "COMPARISON",
        "CONJUNCTION",
        "CONSTANT",
        "FUNCTION",
        "LAMBDA",
        "OPERATOR",
        "TYPE",
    }
)
# Names that are functions of the clock or the session where no column is called so.
SESSION = frozenset(
    {
        "current_catalog",
        "current_date",
        "current_role",
        "current_schema",
        "current_time",
        "current_timestamp",
        "current_user",
        "localtime",
        "localtimestamp",
        "session_user",
        "user",
    }
)
# Functions that ask the database about itself, or plan a query.
APART = (
    "ago",
    "current_",
    "duckdb_",
    "has_",
    "in_search_path",
    "inet_",
    "json_deserialize_sql",
    "json_serialize_",
    "pg_",
    "version",
)
UNSTEADY = ("VOLATILE", "CONSISTENT_WITHIN_QUERY")
# Time zones are named by their argument; DuckDB counts them among what a setting may change.
ALSO = frozenset({"timezone"})


def scalar_expression(text: str) -> str:
    """Return the expression as DuckDB writes it, without comments.

    Args:
        text: SQL from a mapping.

    Raises:
        ValueError: it is not one scalar expression, or uses what a mapping may not.
    """
    tree = _tree(text)
    # In brackets no clause can follow it, which the tree would not show.
    if not tree.get("error"):
        tree = _tree(f"({text}\n)") | {"statements": tree["statements"]}
    if tree.get("error") or "\0" in text:
        raise ValueError(str(tree.get("error_message", "it cannot be parsed")))
    statements = tree["statements"]
    node = statements[0]["node"] if len(statements) == 1 else {}
    listed = node.get("select_list", [])
    is_one = (
        len(listed) == 1
        and node.get("type") == "SELECT_NODE"
        and node["from_table"]["type"] == "EMPTY"
        and not any(node.get(part) for part in ("modifiers", "where_clause", "having", "qualify"))
        and not node.get("group_expressions")
        and not node.get("sample")
        and not node.get("cte_map", {}).get("map")
    )
    if not is_one:
        raise ValueError("it is not one scalar expression")
    for kind, function in _parts(listed):
        if kind not in CLASSES:
            raise ValueError(f"it is no scalar expression of the row ({kind.lower()})")
        if kind == "FUNCTION" and function not in _allowed():
            raise ValueError(f"a mapping may not use {function}()")
    written = _one("select json_deserialize_sql(json_serialize_sql(?::varchar))", SELECT + text)
    return written[len(SELECT) :]


def bind(expression: str, columns: str) -> None:
    """Bind a checked expression to columns, with no access to anything outside.

    Args:
        expression: what `scalar_expression` returned.
        columns: SQL of a select list of typed nulls.

    Raises:
        duckdb.Error: a column is missing, or types do not meet.
    """
    _sandbox().execute(f"describe select try({expression}) from (select {columns})")


def session_names(expression: str) -> set[str]:
    """Return the names in a checked expression that mean a clock or a session, if no column."""
    names: set[str] = set()
    for node in _nodes(_tree(expression)):
        if node.get("class") == "COLUMN_REF":
            names |= {str(name).lower() for name in node.get("column_names", ())[-1:]}
    return names & SESSION


def _tree(text: str) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads(
        _one("select json_serialize_sql(?::varchar)", SELECT + text.replace("\0", " "))
    )
    return tree


def _nodes(tree: object) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
    for value in (
        tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    ):
        yield from _nodes(value)


def _parts(tree: object) -> Iterator[tuple[str, str]]:
    if isinstance(tree, dict):
        if "class" in tree:
            yield tree["class"], str(tree.get("function_name", ""))
        for value in tree.values():
            yield from _parts(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _parts(value)


@cache
def _allowed() -> frozenset[str]:
    """Return the functions that depend on their arguments alone, and macros made of these."""
    rows = _sandbox().execute(
        "select function_name, function_type, stability, macro_definition "
        "from duckdb_functions() where internal"
    )
    functions: list[tuple[str, str, str | None, str | None]] = rows.fetchall()
    allowed = {
        name
        for name, kind, stability, _ in functions
        if kind == "scalar" and stability == "CONSISTENT"
    }
    # A name may stand for several functions: all of them must be steady.
    allowed -= {name for name, _, stability, _ in functions if stability in UNSTEADY}
    allowed |= ALSO
    allowed = {name for name in allowed if not name.startswith(APART)}
    macros = {name: text for name, kind, _, text in functions if kind == "macro" and text}
    macros = {name: text for name, text in macros.items() if not name.startswith(APART)}
    # Macros are made of other macros.
    while more := {
        name for name, text in macros.items() if name not in allowed and _is_made_of(text, allowed)
    }:
        allowed |= more
    return frozenset(allowed)


def _is_made_of(definition: str, functions: set[str]) -> bool:
    tree = _tree(definition)
    if tree.get("error") or session_names(definition):
        return False
    return all(
        kind in CLASSES and (kind != "FUNCTION" or function in functions)
        for kind, function in _parts(tree["statements"][0]["node"]["select_list"])
    )


def _one(query: str, *values: str) -> str:
    [(found,)] = _sandbox().execute(query, list(values)).fetchall()
    return str(found)


@cache
def _sandbox() -> duckdb.DuckDBPyConnection:
    """Return a database in memory that can reach no file, network or extension."""
    settings: dict[str, Any] = {"enable_external_access": False, "threads": 1}
    connection = duckdb.connect(config=settings)
    connection.execute("set TimeZone = 'UTC'; set lock_configuration = true")
    return connection
