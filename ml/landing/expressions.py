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


@cache
def scalar_expression(text: str) -> str:
    """Return the expression as DuckDB writes it, without comments.

    Args:
        text: SQL from a mapping.

    Raises:
        ValueError: it is not one scalar expression, or uses what a mapping may not.
    """
    if "\0" in text:
        raise ValueError("it cannot be parsed")
    tree = _tree(text)
    # In brackets no clause can follow it, which the tree would not show.
    for parsed in (tree, _tree(f"({text}\n)")):
        if parsed.get("error"):
            raise ValueError(str(parsed.get("error_message", "it cannot be parsed")))
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
    for part in _parts(listed):
        if part["class"] not in CLASSES:
            raise ValueError(f"it is no scalar expression of the row ({part['class'].lower()})")
        if part["class"] == "FUNCTION" and part["function_name"] not in _allowed():
            raise ValueError(f"a mapping may not use {part['function_name']}()")
    written = _one("select json_deserialize_sql(json_serialize_sql(?::varchar))", SELECT + text)
    return written[len(SELECT) :]


def bind(expression: str, columns: str) -> str:
    """Bind a checked expression to columns, with no access to anything outside; return its type.

    Args:
        expression: what `scalar_expression` returned.
        columns: SQL of a select list of typed nulls.

    Raises:
        duckdb.Error: a column is missing, or types do not meet.
    """
    query = f"select try({expression}) from (select {columns})"
    return _one(f"select column_type from (describe {query})")


def check_time_format(text: str) -> None:
    """Raise ValueError where a text is no format of times."""
    try:
        _sandbox().execute("select try_strptime('', ?)", [text])
    except duckdb.Error as error:
        raise ValueError(str(error).splitlines()[0]) from error


def session_names(expression: str) -> set[str]:
    """Return the names in a checked expression that mean a clock or a session, if no column."""
    columns = [part for part in _parts(_tree(expression)) if part["class"] == "COLUMN_REF"]
    return {str(column["column_names"][-1]).lower() for column in columns} & SESSION


def _tree(text: str) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads(_one("select json_serialize_sql(?::varchar)", SELECT + text))
    return tree


def _parts(tree: object) -> Iterator[dict[str, Any]]:
    """Yield every part of a tree that has a class: columns, functions, constants and so on."""
    if isinstance(tree, dict):
        if "class" in tree:
            yield tree
        tree = list(tree.values())
    for value in tree if isinstance(tree, list) else ():
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
        part["class"] in CLASSES
        and (part["class"] != "FUNCTION" or part["function_name"] in functions)
        for part in _parts(tree["statements"][0]["node"]["select_list"])
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
