"""Where a column comes from: expressions and columns of every relation down to the raw files."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

import duckdb

from ml.features.catalogue.queries import ALL, ParsedQuery, Select, SelectItem, parse, read_columns
from ml.workspace.manifest import Node, compiled, meta, parents, relations
from ml.workspace.settings import Workspace
from ml.workspace.warehouse import open_warehouse

Columns = Mapping[str, Collection[str]]
# A query that names a column only through itself would not end.
MAX_DEPTH = 200
# Keys of a row; a feature is computed from the other columns.
# It says how each raw file is read, and holds nothing of any row.
LANDED_FILES = "landed.files"
KEYS = frozenset({"customer_id", "feature_month", "event_timestamp"})


@dataclass(frozen=True)
class Expression:
    """A column of a query and the SQL that makes it."""

    name: str
    sql: str


@dataclass(frozen=True)
class Step:
    """One relation of a lineage: the columns read from it and the expressions that compute them.

    `layer` is feature, intermediate, staging, landed, …; `columns` is empty where rows are only
    counted; `reads` are the relations of other steps that it reads, `files` the raw files of a
    landed relation.
    """

    layer: str
    relation: str
    columns: tuple[str, ...]
    expressions: tuple[Expression, ...]
    reads: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


@dataclass
class _ColumnsRead:
    columns: dict[str, None] = field(default_factory=dict)
    expressions: dict[str, Expression] = field(default_factory=dict)
    relations: dict[str, None] = field(default_factory=dict)


@dataclass(frozen=True)
class _Origins:
    """Where a column of a query comes from: expressions, and columns of other relations."""

    expressions: tuple[Expression, ...]
    columns: tuple[tuple[str, str], ...]


def lineage(ws: Workspace, relation: str, column: str) -> tuple[Step, ...]:
    """Return the steps from a column of `relation` (`schema.name`) to the raw files, in this order.

    Raises:
        AlmanacError: there is no manifest or warehouse, or a model is not compiled.
    """
    with open_warehouse(ws.warehouse) as connection:
        return Lineages(ws, connection).of(relation, column)


class Lineages:
    """The lineages of many columns of one warehouse, which parse each model once.

    What an expression reads is followed; keys, conditions and joins, which choose rows, are not.
    A Python model reads all columns of its parents.
    """

    def __init__(self, ws: Workspace, connection: duckdb.DuckDBPyConnection) -> None:
        """Read what relations and columns there are.

        Raises:
            AlmanacError: there is no manifest.
        """
        self._ws = ws
        self._connection = connection
        self._nodes = relations(ws)
        self._tables = _lower(read_columns(connection))
        self._queries: dict[str, ParsedQuery] = {}
        self._files: dict[str, tuple[str, ...]] = {}

    def of(self, relation: str, column: str) -> tuple[Step, ...]:
        """Return the steps from a column of `relation` (`schema.name`) to the raw files.

        Raises:
            AlmanacError: a model on the way is not compiled.
        """
        found: dict[str, _ColumnsRead] = {}
        waiting = [(relation, column)]
        while waiting:
            name, wanted = waiting.pop(0)
            read = found.setdefault(name, _ColumnsRead())
            if wanted not in read.columns:
                read.columns[wanted] = None
                origins = self._origins(name, wanted)
                read.expressions |= {each.name: each for each in origins.expressions}
                read.relations |= dict.fromkeys(parent for parent, _ in origins.columns)
                waiting += origins.columns
        ordered = sorted(found.items(), key=lambda each: _depth(self._nodes, each[0]))
        return tuple(self._step(name, read) for name, read in ordered)

    def _origins(self, relation: str, column: str) -> _Origins:
        """Return what a column is computed from, keys and what says how files are read left out."""
        node = self._nodes.get(relation)
        if node is None or node["resource_type"] not in ("model", "snapshot"):
            return _Origins((), ())
        if node.get("language") == "python":
            return _Origins((), tuple((parent, ALL) for parent in parents(self._nodes, node)))
        if relation not in self._queries:
            self._queries[relation] = parse(self._connection, compiled(self._ws, node))
        found = _resolve(self._queries[relation], column, self._tables, 0)
        followed = (
            each
            for each in found.columns
            if each[1].lower() not in KEYS and each[0] != LANDED_FILES
        )
        return _Origins(found.expressions, tuple(followed))

    def _step(self, relation: str, read: _ColumnsRead) -> Step:
        node = self._nodes.get(relation)
        if relation not in self._files:
            self._files[relation] = _raw_files(self._connection, node) if node else ()
        return Step(
            layer=_layer(node, relation),
            relation=relation,
            columns=tuple(name for name in read.columns if name != ALL),
            expressions=tuple(read.expressions.values()),
            reads=tuple(read.relations),
            files=self._files[relation],
        )


def columns_read(query: ParsedQuery, column: str, tables: Columns) -> tuple[tuple[str, str], ...]:
    """Return the columns of other relations, each (relation, name), that a query's column reads.

    Args:
        query: the query.
        column: one of its columns.
        tables: the columns of every relation of the warehouse.
    """
    return _resolve(query, column, _lower(tables), 0).columns


def _lower(tables: Columns) -> Columns:
    return {name: frozenset(map(str.lower, columns)) for name, columns in tables.items()}


def _resolve(query: ParsedQuery, column: str, tables: Columns, depth: int) -> _Origins:
    origins = [_in_select(each, column, tables, depth) for each in query.selects]
    return _merged(origins if depth < MAX_DEPTH else [])


def _in_select(select: Select, column: str, tables: Columns, depth: int) -> _Origins:
    if column == ALL:
        # Rows are counted: those of the leftmost source, which the others are joined to.
        leftmost = next(iter(select.sources.values()), None)
        return _Origins((), ()) if leftmost is None else _from(leftmost, ALL, tables, depth)
    item = select.named.get(column.lower())
    if item is None:
        owner = _owner(select, "", column, tables)
        return _from(owner, column, tables, depth) if owner is not None else _Origins((), ())
    own = () if item.is_plain else (Expression(item.name, item.text),)
    return _merged([_Origins(own, ()), *_read_by(select, item, tables, depth)])


def _read_by(select: Select, item: SelectItem, tables: Columns, depth: int) -> Iterator[_Origins]:
    if item.counts_rows:
        yield _in_select(select, ALL, tables, depth + 1)
    for alias, name in item.reads:
        owner = _owner(select, alias, name, tables)
        if owner is not None:
            yield _from(owner, name, tables, depth)
        elif not alias and name.lower() in select.named and name.lower() != item.name.lower():
            yield _in_select(select, name, tables, depth + 1)


def _owner(select: Select, alias: str, column: str, tables: Columns) -> ParsedQuery | str | None:
    """Return the source that a reference means; none where it is not one of this select's."""
    if alias:
        return select.sources.get(alias)
    having = (each for each in select.sources.values() if _has(each, column.lower(), tables))
    return next(having, None)


def _has(source: ParsedQuery | str, column: str, tables: Columns) -> bool:
    if isinstance(source, str):
        return column in tables.get(source, ())
    return any(
        column in select.named
        or any(
            column not in star.excluded
            and any(
                _has(inner, column, tables)
                for alias, inner in select.sources.items()
                if star.alias in ("", alias)
            )
            for star in select.stars
        )
        for select in source.selects
    )


def _from(source: ParsedQuery | str, column: str, tables: Columns, depth: int) -> _Origins:
    if isinstance(source, str):
        return _Origins((), ((source, column),))
    return _resolve(source, column, tables, depth + 1)


def _merged(origins: list[_Origins]) -> _Origins:
    return _Origins(
        tuple(dict.fromkeys(each for one in origins for each in one.expressions)),
        tuple(dict.fromkeys(each for one in origins for each in one.columns)),
    )


LAYERS = ("feature", "target", "marts", "intermediate", "staging", "seed", "landed")


def _layer(node: Node | None, relation: str) -> str:
    if node is None:
        return relation.split(".", maxsplit=1)[0]
    if node["resource_type"] != "model":
        return "landed" if node["resource_type"] == "source" else str(node["resource_type"])
    return "feature" if "family" in meta(node) else str(node["schema"])


def _depth(nodes: Mapping[str, Node], relation: str) -> int:
    layer = _layer(nodes.get(relation), relation)
    return LAYERS.index(layer) if layer in LAYERS else 3


def _raw_files(connection: duckdb.DuckDBPyConnection, node: Node) -> tuple[str, ...]:
    """Return the patterns that the source declares; where it has none, the files that were read."""
    if node["resource_type"] != "source":
        return ()
    source, table = node["source_name"], node["name"]
    landed = connection.execute(
        "select file from landed.files where source = ? and table_name = ? and bytes > 0 "
        "order by file",
        [source, table],
    ).fetchall()
    declared = meta(node).get("files")
    if isinstance(declared, dict):
        form = connection.execute(
            "select form from landed.workspace__sources where source = ?", [source]
        ).fetchone()
        declared = declared.get(form[0]) if form else None
    if declared:
        return tuple(declared) if isinstance(declared, list) else (str(declared),)
    return tuple(str(file) for (file,) in landed)
