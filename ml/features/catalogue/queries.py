"""SQL as DuckDB parses it: the expression of each column of a query, and the columns it reads."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import duckdb

from ml.workspace.errors import NotBuilt

SqlNode = Mapping[str, Any]
ALL = "*"
MOST_BRACKETS = 20


@dataclass(frozen=True)
class SelectItem:
    """A column that a select names: its text and the columns it reads, each (alias or '', name)."""

    name: str
    text: str
    reads: tuple[tuple[str, str], ...]
    is_plain: bool
    counts_rows: bool


@dataclass(frozen=True)
class Star:
    """All columns of one source (or of all, where `alias` is empty) but the excluded ones."""

    alias: str
    excluded: frozenset[str]


@dataclass(frozen=True)
class Select:
    """One select: its columns, and its sources by alias, the leftmost first."""

    items: tuple[SelectItem | Star, ...]
    sources: Mapping[str, "ParsedQuery | str"]

    @cached_property
    def named(self) -> Mapping[str, SelectItem]:
        """Its named columns."""
        return {item.name.lower(): item for item in self.items if isinstance(item, SelectItem)}

    @property
    def stars(self) -> Iterator[Star]:
        """Its stars."""
        return (item for item in self.items if isinstance(item, Star))


@dataclass(frozen=True)
class ParsedQuery:
    """A query: its selects, several for a union."""

    selects: tuple[Select, ...]


def read_columns(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """Return the columns of every relation of the warehouse, with their types, in their order."""
    rows = connection.execute(
        "select table_schema || '.' || table_name, column_name, data_type "
        "from information_schema.columns order by table_schema, table_name, ordinal_position"
    ).fetchall()
    found: dict[str, dict[str, str]] = {}
    for relation, column, kind in rows:
        found.setdefault(relation, {})[column] = kind
    return found


def parse(connection: duckdb.DuckDBPyConnection, sql: str) -> ParsedQuery:
    """Return what `sql`, a select with or without CTEs, is made of.

    A source is a query, or for a table of the warehouse its `schema.name`.

    Raises:
        AlmanacError: it is no select that DuckDB can read.
    """
    row = connection.execute("select json_serialize_sql(?::varchar)", [sql]).fetchone()
    parsed = json.loads(row[0]) if row else {"error": True}
    if parsed["error"]:
        why = parsed.get("error_message", "not a select")
        raise NotBuilt(f"DuckDB cannot read this SQL: {why}", "Compile it again: dbt compile")
    return _Reader(sql.encode()).query(parsed["statements"][0]["node"], {})


class _Reader:
    """Reads the syntax tree; positions in it are bytes of the text."""

    def __init__(self, text: bytes) -> None:
        self._text = text

    def query(self, node: SqlNode, known: Mapping[str, ParsedQuery]) -> ParsedQuery:
        known = dict(known)
        for entry in node.get("cte_map", {}).get("map", []):
            known[entry["key"].lower()] = self.query(_query_node(entry["value"]), known)
        if node["type"] == "SELECT_NODE":
            return ParsedQuery((self._select(node, known),))
        operands = [each for each in _operands(node) if each]
        return ParsedQuery(tuple(s for each in operands for s in self.query(each, known).selects))

    def _select(self, node: SqlNode, known: Mapping[str, ParsedQuery]) -> Select:
        items = tuple(self._item(each) for each in node["select_list"])
        return Select(items, dict(self._sources(node.get("from_table") or {}, known)))

    def _item(self, node: SqlNode) -> SelectItem | Star:
        if node["class"] == "STAR":
            excluded = frozenset(str(name).lower() for name in node["exclude_list"])
            return Star(str(node["relation_name"]).lower(), excluded)
        text = self._excerpt(node)
        names = node.get("column_names", [])
        return SelectItem(
            name=node["alias"] or (names[-1] if names else text),
            text=text,
            reads=tuple(dict.fromkeys(_reads(node))),
            is_plain=node["class"] == "COLUMN_REF",
            counts_rows=any(each.get("function_name") == "count_star" for each in _walk(node)),
        )

    def _excerpt(self, node: SqlNode) -> str:
        places = list(_places(node))
        if not places:
            return ""
        start, end = min(each[0] for each in places), max(each[1] for each in places)
        # A bracket around the first or the last operand belongs to no node of the syntax tree.
        for _ in range(MOST_BRACKETS):
            missing = _unclosed(self._text[start:end])
            if missing < 0:
                start = max(self._text.rfind(b"(", 0, start), 0)
            elif missing > 0:
                end = self._text.find(b")", end) + 1 or len(self._text)
        return self._text[start:end].decode()

    def _sources(
        self, table: SqlNode, known: Mapping[str, ParsedQuery]
    ) -> Iterator[tuple[str, "ParsedQuery | str"]]:
        alias = str(table.get("alias") or "").lower()
        match table.get("type"):
            case "BASE_TABLE":
                name = str(table["table_name"])
                cte = None if table["schema_name"] else known.get(name.lower())
                yield alias or name.lower(), cte or f"{table['schema_name']}.{name}"
            case "SUBQUERY":
                inner = _query_node(table["subquery"])
                yield alias or "subquery", self.query(inner, known)
            case _:
                # Joins, pivots and the like: the tables that they are made from.
                for key in ("left", "right", "source", "children"):
                    for part in _listed(table.get(key)):
                        yield from self._sources(part, known)


def _places(node: object) -> Iterator[tuple[int, int]]:
    """Yield the positions of an expression: its own or, for operators, those of the operands."""
    if isinstance(node, dict):
        if node.get("query_location_length"):
            yield node["query_location"], node["query_location"] + node["query_location_length"]
            return
        for value in node.values():
            yield from _places(value)
    elif isinstance(node, list):
        for value in node:
            yield from _places(value)


def _unclosed(text: bytes) -> int:
    return text.count(b"(") - text.count(b")")


def _query_node(value: SqlNode) -> SqlNode:
    for key in ("query_node", "query", "node"):
        if isinstance(value.get(key), dict):
            inner: SqlNode = value[key]
            return _query_node(inner)
    return value


def _operands(node: SqlNode) -> list[SqlNode]:
    return [
        _query_node(part)
        for key in ("left", "right", "left_query", "right_query", "children")
        for part in _listed(node.get(key))
    ]


def _listed(value: object) -> list[SqlNode]:
    if isinstance(value, list):
        return [each for each in value if isinstance(each, dict)]
    return [value] if isinstance(value, dict) else []


def _reads(node: SqlNode) -> Iterator[tuple[str, str]]:
    # The partitions and the order of a window choose rows; the value does not come from them.
    for each in _walk(node, without=("partitions", "orders")):
        if each.get("class") == "COLUMN_REF":
            *aliases, name = each["column_names"]
            yield (aliases[-1].lower() if aliases else "", name)


def _walk(node: object, without: tuple[str, ...] = ()) -> Iterator[SqlNode]:
    if isinstance(node, dict):
        yield node
        for key, value in node.items():
            if key not in without:
                yield from _walk(value, without)
    elif isinstance(node, list):
        for value in node:
            yield from _walk(value, without)
