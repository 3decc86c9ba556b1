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
    tree = json.loads(_one("select json_serialize_sql(?::varchar)", SELECT + text))
    if tree.get("error"):
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
    macros = {name: text for name, kind, _, text in functions if kind == "macro" and text}
    # Macros are made of other macros.
    while more := {
        name for name, text in macros.items() if name not in allowed and _is_made_of(text, allowed)
    }:
        allowed |= more
    return frozenset(allowed)


def _is_made_of(definition: str, functions: set[str]) -> bool:
    tree = json.loads(_one("select json_serialize_sql(?::varchar)", SELECT + definition))
    return not tree.get("error") and all(
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
