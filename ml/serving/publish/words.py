"""What is said of a published table: the words of the dbt project, its key, what one row is."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import duckdb

from ml.workspace.manifest import Node, read_manifest, relations
from ml.workspace.settings import Workspace
from ml.workspace.texts import one_line

FEATURES = "intermediate.int_declared_features"
# The first line of a model, and the description of a source's table, say what one row is.
ONE_ROW = re.compile(r"one row an? ([^;.\n]+)", re.IGNORECASE)
# Tests of the project by which a column has no nulls, or a value once.
NOT_NULL, UNIQUE, PRIMARY_KEY = "not_null", "unique", "primary_key"


@dataclass(frozen=True)
class Words:
    """What is said of a table: its description, what one row is, its key, and its columns.

    `key` and `not_null` are names of columns; `columns` are descriptions by name.
    """

    description: str = ""
    one_row: str = ""
    key: tuple[str, ...] = ()
    not_null: frozenset[str] = frozenset()
    columns: Mapping[str, str] = field(default_factory=dict)


def words_of(
    ws: Workspace, connection: duckdb.DuckDBPyConnection, names: Iterable[str]
) -> dict[str, Words]:
    """Return what is said of the relations `names` (`schema.table`), by name.

    Features are described by their specs. Keys are those that the warehouse enforces; where it has
    none, those that the project's tests check.

    Raises:
        NotBuilt: there is no manifest, or it cannot be read.
    """
    known = relations(ws)
    tests: dict[str, list[Node]] = {}
    for node in read_manifest(ws)["nodes"].values():
        if node.get("resource_type") == "test" and node.get("test_metadata"):
            tests.setdefault(str(node.get("attached_node")), []).append(node)
    features = _features(connection)
    return {
        name: _words(
            known.get(name, {}),
            features.get(name, {}),
            tests.get(str(known.get(name, {}).get("unique_id")), []),
            _enforced(connection, name),
        )
        for name in names
    }


def _words(
    node: Node,
    features: Mapping[str, str],
    tests: Iterable[Node],
    enforced: tuple[tuple[str, ...], frozenset[str]],
) -> Words:
    # Without the example in SQL that follows the words.
    description = one_line(str(node.get("description") or "").partition("```")[0])
    declared = {
        name: text
        for name, column in node.get("columns", {}).items()
        if (text := one_line(column.get("description")))
    }
    first_line = str(node.get("raw_code", "")).partition("\n")[0]
    one_row = ONE_ROW.search(first_line) or ONE_ROW.search(description)
    enforced_key, enforced_values = enforced
    tested_key, tested_values = _tested(tests)
    key = enforced_key or tested_key
    return Words(
        description=description,
        one_row=one_row[1].strip() if one_row else "",
        key=key,
        not_null=enforced_values | tested_values | set(key),
        columns={**features, **declared},
    )


def _tested(tests: Iterable[Node]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return the key and the columns without nulls that a model's tests check."""
    keys: list[tuple[str, ...]] = []
    uniques: list[tuple[str, ...]] = []
    filled = set()
    for test in tests:
        about = test["test_metadata"]
        given = about.get("kwargs", {})
        column = given.get("column_name")
        if about["name"] == PRIMARY_KEY and not given.get("nullable"):
            keys.append(tuple(given["columns"]))
        elif about["name"] == UNIQUE and column:
            uniques.append((column,))
        elif about["name"] == NOT_NULL and column:
            filled.add(column)
    uniques = [each for each in uniques if filled.issuperset(each)]
    return ((*keys, *uniques, ())[0], frozenset(filled))


def _enforced(
    connection: duckdb.DuckDBPyConnection, name: str
) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return the primary key and the columns without nulls that the warehouse enforces."""
    found = connection.execute(
        "select constraint_type, constraint_column_names from duckdb_constraints() "
        "where database_name = current_database() and schema_name || '.' || table_name = ?",
        [name],
    ).fetchall()
    keys = [tuple(columns) for kind, columns in found if kind == "PRIMARY KEY"]
    filled = {column for kind, columns in found if kind == "NOT NULL" for column in columns}
    return (keys[0] if keys else (), frozenset(filled))


def _features(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """Return the descriptions of features, by relation and name; none before the first build."""
    try:
        rows = connection.execute(
            f"select relation, name, description from {FEATURES} order by all"
        ).fetchall()
    except duckdb.CatalogException:
        return {}
    found: dict[str, dict[str, str]] = {}
    for relation, name, description in rows:
        found.setdefault(relation, {})[name] = one_line(description)
    return found
