"""Mappings: how the columns of a company's own transaction files become the declared columns."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from ml.landing.declarations import DeclaredTable, read_yaml
from ml.landing.delimited import (
    DELIMITERS,
    META,
    Header,
    load_file,
    new_table,
    read_header,
    repeated,
)
from ml.landing.expressions import bind, check_time_format, scalar_expression, session_names
from ml.landing.lines import WHITESPACE
from ml.landing.mapped_query import ColumnMapping, kept, query
from ml.landing.raw_files import RawFile, find_files
from ml.workspace.errors import AlmanacError, BadInput, NotBuilt
from ml.workspace.settings import Workspace, dbt_folders
from ml.workspace.sql import quoted
from ml.workspace.suggest import did_you_mean

KEYS = ("name", "files", "delimiter", "time_format", "optional", "columns", "where", "duplicates")


@dataclass(frozen=True)
class ChosenMapping:
    """The mapping a table is read through and its files; None where there are no files."""

    mapping: ColumnMapping | None
    files: tuple[RawFile, ...]
    notes: tuple[str, ...] = ()


def choose_mapping(
    connection: duckdb.DuckDBPyConnection, table: DeclaredTable, project: Path, workspace: Workspace
) -> ChosenMapping:
    """Return the mapping that workspace.yml names, else the first in `mappings/` that fits.

    Raises:
        AlmanacError: no such mapping, or files are there that no mapping fits.
    """
    setting = (workspace.settings.get(table.source) or {}).get("mapping")
    known = _mapping_files(project)
    if setting is None:
        mappings = (_mapping(read_yaml(path), str(path), table) for path in known)
        return _first_fitting(connection, table, mappings, workspace)
    mapping = _mapping(*_named(setting, known, workspace), table)
    files = find_files(workspace.raw, mapping.files)
    if files:
        return ChosenMapping(mapping, files)
    looked = ", ".join(mapping.files)
    return ChosenMapping(None, (), (f"{table.source}: mapping {mapping.name} finds no {looked}.",))


def mapping_named(name: str, source: str, project: Path, workspace: Workspace) -> ColumnMapping:
    """Return the mapping called `name`, through which landing read `source`.

    Raises:
        AlmanacError: it is gone.
    """
    setting = (workspace.settings.get(source) or {}).get("mapping")
    if isinstance(setting, dict):
        return _column_mapping(*_named(setting, [], workspace))
    own = [workspace.home / str(setting)] if setting else []
    for path in [*own, *_mapping_files(project)]:
        node = read_yaml(path) if path.is_file() else {}
        if node and name in (str(node.get("name") or path.stem), path.stem):
            return _column_mapping(node, str(path))
    raise NotBuilt(
        f"{source} was read through the mapping {name}, which is not in {project / 'mappings'} "
        "any more.",
        "Build the workspace, then audit it: dbt build",
    )


def load_mapped(
    connection: duckdb.DuckDBPyConnection,
    table: DeclaredTable,
    mapping: ColumnMapping,
    files: Iterable[RawFile],
) -> tuple[str, int, int]:
    """Load `files` into a temporary table; return the query that maps it to the declared columns.

    Returns:
        The query, with the declared columns and the meta columns, the number of broken lines, and
        that of the rows that the mapping's `where` leaves out.

    Raises:
        AlmanacError: a file cannot be read, or lacks a column that the mapping uses.
    """
    headers = _headers(connection, mapping, files)
    columns = list(dict.fromkeys(name for header in headers.values() for name in header.names))
    _check_spellings(columns, mapping)
    relation = f"{table.identifier}__files"
    new_table(connection, relation, [*columns, *_absent(mapping, columns)])
    broken = 0
    for file, header in headers.items():
        positions = {name: header.names.index(name) for name in header.names}
        broken += load_file(connection, relation, file, header, positions)
    left_out = connection.execute(
        f"select count(*) from temp.{quoted(relation)} where not ({kept(mapping)})"
    ).fetchall()[0][0]
    return query(table, mapping, relation, columns), broken, left_out


def _first_fitting(
    connection: duckdb.DuckDBPyConnection,
    table: DeclaredTable,
    mappings: Iterable[ColumnMapping],
    workspace: Workspace,
) -> ChosenMapping:
    misfit: AlmanacError | None = None
    for mapping in mappings:
        files = find_files(workspace.raw, mapping.files)
        try:
            if files:
                _headers(connection, mapping, files[:1])
        except AlmanacError as error:
            misfit = misfit or error
        else:
            if files:
                note = f"{table.source}: reading {_listed(files)} through mapping {mapping.name}."
                return ChosenMapping(mapping, files, (note,))
    if misfit is not None:
        raise BadInput(
            f"{misfit}",
            "Or describe the file's own columns in a mapping: see "
            f"dbt_project/mappings/ and `{table.source}: {{mapping: …}}` in workspace.yml.",
        )
    return ChosenMapping(None, ())


def _mapping_files(project: Path) -> list[Path]:
    return [
        path for folder in dbt_folders(project) for path in sorted(folder.glob("mappings/*.yml"))
    ]


def _named(setting: object, known: list[Path], workspace: Workspace) -> tuple[dict[str, Any], str]:
    place = str(workspace.home / "workspace.yml")
    if isinstance(setting, dict):
        return {"name": "workspace.yml", **setting}, place
    by_name = {path.stem: path for path in known}
    path = by_name.get(str(setting), workspace.home / str(setting))
    if not path.is_file():
        raise BadInput(
            f"{place}: no mapping `{setting}`{did_you_mean(str(setting), by_name)}. Known: "
            f"{', '.join(by_name)}, or a file's path, or the mapping itself.",
            "Correct it, then: dbt build",
        )
    return read_yaml(path), str(path)


def _mapping(node: Mapping[str, Any], origin: str, table: DeclaredTable) -> ColumnMapping:
    _check_mapping(node, origin, table)
    return _column_mapping(node, origin)


def _column_mapping(node: Mapping[str, Any], origin: str) -> ColumnMapping:
    files, formats = node["files"], node.get("time_format") or ()
    return ColumnMapping(
        name=str(node.get("name") or Path(origin).stem),
        origin=origin,
        files=(files,) if isinstance(files, str) else tuple(files),
        delimiter=node.get("delimiter"),
        time_formats=(formats,) if isinstance(formats, str) else tuple(formats),
        optional=tuple(node.get("optional") or ()),
        columns={name: str(value) for name, value in node["columns"].items()},
        where=str(node.get("where") or "true"),
        rejects_duplicates=node.get("duplicates", "keep") == "reject",
    )


def _check_mapping(node: Mapping[str, Any], origin: str, table: DeclaredTable) -> None:
    declared = [column.name for column in table.columns if not column.generated]
    needed = [c.name for c in table.columns if not c.generated and not c.optional]
    columns = node.get("columns")
    wrong = [f"no key `{key}`{did_you_mean(str(key), KEYS)}" for key in node if key not in KEYS]
    if not node.get("files"):
        wrong.append("`files` is missing")
    for key in ("files", "time_format", "optional"):
        if node.get(key) is not None and not _are_texts(node[key], single=key != "optional"):
            wrong.append(f"`{key}` is {'a text or ' if key != 'optional' else ''}a list of texts")
    if not isinstance(columns, dict):
        wrong.append("`columns` must map our columns to SQL over the file's columns")
    else:
        wrong += [
            f"no column `{c}`{did_you_mean(str(c), declared)}" for c in columns if c not in declared
        ]
        wrong += [f"column `{name}` is missing" for name in needed if name not in columns]
    delimiter = node.get("delimiter")
    if delimiter is not None and not _is_delimiter(delimiter):
        wrong.append(f"`delimiter` is one character or {WHITESPACE}, not {delimiter!r}")
    expressions = (
        {f"column `{name}`": text for name, text in columns.items()}
        if isinstance(columns, dict)
        else {}
    )
    if "where" in node:
        expressions["`where`"] = node["where"]
    for name, text in expressions.items():
        if text is None or text == "":
            wrong.append(f"{name} has no expression")
            continue
        try:
            scalar_expression(str(text))
        except ValueError as error:
            wrong.append(f"{name}: `{text}`: {error}")
    wrong += _wrong_formats(node.get("time_format"))
    if node.get("duplicates", "keep") not in ("keep", "reject"):
        wrong.append("`duplicates` is keep or reject")
    if wrong:
        raise BadInput(
            f"{origin}: {'; '.join(wrong)}. Keys: {', '.join(KEYS)}; columns: "
            f"{', '.join(declared)}.",
            "Correct it, then: dbt build",
        )


def _wrong_formats(formats: object) -> Iterator[str]:
    listed = formats if isinstance(formats, list) else [formats]
    for text in listed if formats else ():
        try:
            check_time_format(str(text))
        except ValueError as error:
            yield f"`time_format`: `{text}`: {error}"


def _are_texts(value: object, *, single: bool) -> bool:
    listed = [value] if single and isinstance(value, str) else value
    return isinstance(listed, list) and all(isinstance(each, str) and each for each in listed)


def _is_delimiter(value: object) -> bool:
    return value == WHITESPACE or (
        isinstance(value, str) and len(value) == 1 and value not in '"\r\n\0'
    )


def _headers(
    connection: duckdb.DuckDBPyConnection, mapping: ColumnMapping, files: Iterable[RawFile]
) -> dict[RawFile, Header]:
    checked: dict[tuple[str, ...], str | None] = {}

    def fits(names: tuple[str, ...]) -> str | None:
        if names not in checked:
            checked[names] = _complaint(connection, mapping, names)
        return checked[names]

    delimiters = (mapping.delimiter,) if mapping.delimiter else DELIMITERS
    # The project's own mappings are no place for a person to mend.
    own = None if Path(mapping.origin).parent.name == "mappings" else mapping.origin
    return {file: read_header(file, delimiters, fits, own) for file in files}


def _complaint(
    connection: duckdb.DuckDBPyConnection, mapping: ColumnMapping, names: tuple[str, ...]
) -> str | None:
    """Return why the mapping does not fit columns of these names; None where it fits."""
    reserved = next((name for name in names if name.lower() in META), None)
    if reserved:
        return (
            f"column `{reserved}` has a name that landing keeps for its own; "
            "rename it in the header"
        )
    if wrong := repeated(names):
        return wrong
    columns = [*names, *_absent(mapping, names)]
    complaints = (
        _misfit(mapping, name, expression, columns)
        for name, expression in {**mapping.columns, "where": mapping.where}.items()
    )
    return next((each for each in complaints if each), None)


def _misfit(mapping: ColumnMapping, name: str, expression: str, columns: list[str]) -> str | None:
    """Return why an expression cannot be computed from the columns; None where it can."""
    place = f"{mapping.origin}: {name}: `{expression}`"
    nulls = ", ".join(f"cast(null as varchar) as {quoted(each)}" for each in columns)
    try:
        checked = scalar_expression(expression)
        unsteady = session_names(checked) - {each.lower() for each in columns}
        kind = "" if unsteady else bind(checked, nulls)
    except duckdb.Error as error:
        missing = re.search(r'Referenced column "([^"]+)" not found', str(error))
        if missing is None:
            return f"{place}: {str(error).splitlines()[0]}"
        return (
            f"column `{missing[1]}` is missing (mapping {mapping.name})"
            f"{did_you_mean(missing[1], columns)}. Found: {', '.join(columns)}"
        )
    if unsteady:
        return f"{place}: {', '.join(sorted(unsteady))} is no column"
    is_condition = name != "where" or kind == "BOOLEAN"
    return None if is_condition else f"{place}: it is of type {kind}, no condition"


def _absent(mapping: ColumnMapping, names: Iterable[str]) -> list[str]:
    there = {name.lower() for name in names}
    return [name for name in mapping.optional if name.lower() not in there]


def _check_spellings(columns: list[str], mapping: ColumnMapping) -> None:
    lowered = [name.lower() for name in columns]
    twice = [name for name in columns if lowered.count(name.lower()) > 1]
    if twice:
        raise BadInput(
            f"The files of mapping {mapping.name} have columns that differ in case only: "
            f"{', '.join(twice)}.",
            "Rename them, then: dbt build",
        )


def _listed(files: tuple[RawFile, ...]) -> str:
    return files[0].name if len(files) == 1 else f"{len(files)} files like {files[0].name}"
