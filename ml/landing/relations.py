"""The relations that schema `landed` must hold: declared tables, and tables on the workspace."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from ml.landing.decimals import decimal_signs
from ml.landing.declarations import DeclaredSource, DeclaredTable, digest, read_sources
from ml.landing.delimited import load_table, new_table
from ml.landing.forgotten import kept, kept_lines, read_forgotten
from ml.landing.mapped_query import ColumnMapping
from ml.landing.mappings import ChosenMapping, choose_mapping, load_mapped
from ml.landing.parquet import empty_query, parquet_query
from ml.landing.raw_files import RawFile, SourceFiles, find_files, find_source, unknown_files
from ml.landing.response_files import notes_on_responses, response_files
from ml.landing.workspace_tables import (
    IDENTITIES,
    identities_query,
    notes_on_defaults,
    settings_in_force,
)
from ml.workspace.errors import BadInput
from ml.workspace.monitoring import monitoring_settings
from ml.workspace.responses import SECTION as RESPONSES
from ml.workspace.responses import responses
from ml.workspace.settings import Workspace
from ml.workspace.sql import literal, quoted

FILES_TABLE = "files"
WORKSPACE = "workspace"
NEXT = (
    "Put raw files there, or name their folder in ALMANAC_RAW; "
    "to try a made-up company: ml simulate"
)
SOURCES = {
    "source": "varchar",
    "is_present": "boolean",
    "form": "varchar",
    "files": "bigint",
    "bytes": "bigint",
}
RULES = {
    "kind": "varchar",
    "pattern": "varchar",
    "warn": "double",
    "alarm": "double",
    "until": "date",
    "reason": "varchar",
}
RESPONSE_TARGETS = {
    "response": "varchar",
    "file": "varchar",
    "horizon_months": "integer",
    "description": "varchar",
}
CODE = Path(__file__).parent


@dataclass(frozen=True)
class Prepared:
    """A relation's query, notes to print, and the decimal sign of each of its text files."""

    query: str
    notes: list[str]
    signs: Mapping[str, str] = field(default_factory=dict)


Preparation = Callable[[duckdb.DuckDBPyConnection, tuple[RawFile, ...]], Prepared]


@dataclass(frozen=True)
class LandedRelation:
    """A relation to land; `prepare` reads files of it, all or some, and writes nothing to `landed`.

    `kept` is the SQL condition of the rows that are landed: those of customers not forgotten.
    `customer` is the column of the source's own customer ids, if it has one.
    """

    source: str
    table: str
    identifier: str
    kind: str
    files: tuple[RawFile, ...]
    digest: str
    prepare: Preparation
    kept: str = "true"
    customer: str | None = None

    @property
    def file_rows(self) -> list[tuple[str, str, str, int, int, int, str]]:
        """Its rows of `landed.files` up to what is learnt from reading the files."""
        stamps = [
            (file.name, file.bytes, file.modified_ns, file.changed_ns) for file in self.files
        ] or [("", 0, 0, 0)]
        return [(self.source, self.table, *stamp, self.digest) for stamp in stamps]


@dataclass(frozen=True)
class Plan:
    """What schema `landed` must hold, notes to print, and the raw files that no source takes."""

    relations: list[LandedRelation]
    notes: list[str]
    unknown: list[str]

    @property
    def present(self) -> set[str]:
        """The sources that have files."""
        return {relation.source for relation in self.relations if relation.files} - {WORKSPACE}


def plan(connection: duckdb.DuckDBPyConnection, project: Path, workspace: Workspace) -> Plan:
    """Return every relation of schema `landed`; reads names and headers only.

    Raises:
        AlmanacError: no raw folder, no source in it, or a declaration or setting is wrong.
    """
    if not workspace.raw.is_dir():
        raise BadInput(f"No raw folder at {workspace.raw}.", NEXT)
    sources = read_sources(project)
    settings = settings_in_force(sources, workspace)
    chosen = {
        table.identifier: choose_mapping(connection, table, project, workspace)
        for source in sources
        for table in source.tables
        if table.format == "mapping"
    }
    mapped = {identifier: mapping_choice.files for identifier, mapping_choice in chosen.items()}
    found = [find_source(source, workspace, mapped) for source in sources]
    _check_any(found, workspace)
    code = _code_digest()
    forgotten = read_forgotten(workspace)
    # The list comes first: the others read it.
    hashes = [(forgotten.key, each) for each in forgotten.hashes]
    # Text that was landed before somebody was forgotten is landed anew; views follow by themselves.
    listed = digest(forgotten.hashes)
    relations = [_listing("forgotten", {"key": "varchar", "hash": "varchar"}, hashes)]
    relations += [
        _relation(found_source, table, chosen.get(table.identifier), workspace.raw, (code, listed))
        for found_source in found
        for table in found_source.source.tables
    ]
    settings_rows = [(name, value) for name, value in settings.items()]
    answers = [each.name for each in _files_of(RESPONSES, found)]
    response_rows = response_files(workspace, project, answers)
    relations += [
        _listing("settings", {"name": "varchar", "value": "varchar"}, settings_rows),
        _listing("sources", SOURCES, [_source_row(found_source, chosen) for found_source in found]),
        _listing("responses", RESPONSE_TARGETS, _response_targets(response_rows, workspace)),
        _listing("monitoring", RULES, list(monitoring_settings(workspace).rules())),
        _identities(sources, workspace, digest(code, listed)),
    ]
    unknown = _unknown(sources, relations, workspace.raw)
    notes = _notes(found, chosen, workspace) + notes_on_responses(response_rows, answers)
    return Plan(relations, notes, unknown)


def _response_targets(
    files: Iterable[tuple[str, str]], workspace: Workspace
) -> list[tuple[str, str, int, str]]:
    """Return the rows of RESPONSE_TARGETS for the responses with their files."""
    declared = responses(workspace)
    return [
        (name, file, declared[name].horizon_months, declared[name].words) for name, file in files
    ]


def _files_of(name: str, found: Iterable[SourceFiles]) -> list[RawFile]:
    """Return the files of the source called `name`."""
    return [
        file
        for found_source in found
        if found_source.source.name == name
        for table in found_source.source.tables
        for file in found_source.of(table)
    ]


def _relation(
    found_source: SourceFiles,
    table: DeclaredTable,
    mapping_choice: ChosenMapping | None,
    raw: Path,
    read_by: tuple[str, str],
) -> LandedRelation:
    files = found_source.of(table)
    code, listed = read_by
    mapping = mapping_choice.mapping if mapping_choice else None
    prepare: Preparation
    if table.format == "parquet":
        prepare = partial(_prepare_parquet, table, raw, found_source.layout(table) == "arrays")
    elif mapping is not None:
        prepare = partial(_prepare_mapped, table, mapping)
    else:
        prepare = partial(_prepare_csv, table)
    return LandedRelation(
        source=table.source,
        table=table.name,
        identifier=table.identifier,
        kind="view" if table.format == "parquet" else "table",
        files=files,
        # A view holds absolute paths, so it is created again when the raw folder moves.
        digest=digest(
            code,
            table.digest,
            found_source.layout(table),
            mapping.digest if mapping else None,
            str(raw) if table.format == "parquet" else listed,
        ),
        prepare=prepare,
        kept=_kept(table),
        customer=table.customer,
    )


def _kept(table: DeclaredTable) -> str:
    """Return the SQL condition of a table's rows that are not of forgotten customers."""
    if table.customer is None:
        return "true"
    source = literal(table.source)
    rows = kept(source, quoted(table.customer))
    return rows if table.format == "parquet" else f"{rows} and {kept_lines(source)}"


def _prepare_parquet(
    table: DeclaredTable,
    raw: Path,
    arrays: bool,
    connection: duckdb.DuckDBPyConnection,
    files: tuple[RawFile, ...],
) -> Prepared:
    if not files:
        return Prepared(empty_query(connection, table), [])
    return Prepared(parquet_query(connection, table, files, raw, arrays), [])


def _prepare_csv(
    table: DeclaredTable, connection: duckdb.DuckDBPyConnection, files: tuple[RawFile, ...]
) -> Prepared:
    if not files:
        return Prepared(empty_query(connection, table), [])
    new_table(connection, table.identifier, [column.name for column in table.columns])
    broken = sum(load_table(connection, table, file) for file in files)
    return _text(connection, table, f"select * from temp.{quoted(table.identifier)}", broken)


def _prepare_mapped(
    table: DeclaredTable,
    mapping: ColumnMapping,
    connection: duckdb.DuckDBPyConnection,
    files: tuple[RawFile, ...],
) -> Prepared:
    if not files:
        return Prepared(empty_query(connection, table), [])
    query, broken, left_out = load_mapped(connection, table, mapping, files)
    made = _text(connection, table, query, broken)
    if not left_out:
        return made
    note = f"{table.source}: `where` of mapping {mapping.name} leaves {left_out:,} rows out."
    return replace(made, notes=[*made.notes, note])


def _text(
    connection: duckdb.DuckDBPyConnection, table: DeclaredTable, query: str, broken: int
) -> Prepared:
    found = decimal_signs(connection, query, table.numbers)
    notes = [note for file, evidence in found.items() if (note := evidence.note(file))]
    signs = {file: evidence.sign for file, evidence in found.items()}
    return Prepared(query, _note_broken(table, broken) + notes, signs)


def _note_broken(table: DeclaredTable, broken: int) -> list[str]:
    if not broken:
        return []
    lines = "1 line" if broken == 1 else f"{broken} lines"
    return [f"{table.source}: {lines} of {table.name} cannot be read; staging.rejects says why."]


def _listing(table: str, columns: Mapping[str, str], rows: list[tuple[Any, ...]]) -> LandedRelation:
    values = ", ".join(f"({', '.join(_sql(value) for value in row)})" for row in rows)
    values = values or f"({', '.join('null' for _ in columns)})"
    types = ", ".join(f"cast({name} as {kind}) as {name}" for name, kind in columns.items())
    query = f"select {types} from (values {values}) as rows ({', '.join(columns)})"
    query += "" if rows else " where false"
    return LandedRelation(
        source=WORKSPACE,
        table=table,
        identifier=f"{WORKSPACE}__{table}",
        kind="table",
        files=(),
        digest=digest(query),
        prepare=lambda _connection, _files: Prepared(query, []),
    )


def _identities(
    sources: Iterable[DeclaredSource], workspace: Workspace, code: str
) -> LandedRelation:
    names = [source.name for source in sources]
    files = find_files(workspace.raw, [IDENTITIES])
    return LandedRelation(
        source=WORKSPACE,
        table="identities",
        identifier=f"{WORKSPACE}__identities",
        kind="table",
        files=files,
        digest=digest(code, names),
        prepare=lambda connection, found: Prepared(identities_query(connection, found, names), []),
        kept=kept("source", "source_id"),
    )


def _unknown(
    sources: Iterable[DeclaredSource], relations: Iterable[LandedRelation], raw: Path
) -> list[str]:
    # The files of a form that is not read are known; a note says which form was chosen.
    globs = [
        glob
        for source in sources
        for table in source.tables
        for form in table.files.values()
        for glob in form
    ]
    known = {file.name for relation in relations for file in relation.files}
    return unknown_files(raw, known | {file.name for file in find_files(raw, globs)})


def _source_row(found_source: SourceFiles, chosen: Mapping[str, ChosenMapping]) -> tuple[Any, ...]:
    files = [file for table in found_source.source.tables for file in found_source.of(table)]
    choices = [
        chosen[t.identifier].mapping for t in found_source.source.tables if t.identifier in chosen
    ]
    form = found_source.form or next(
        (mapping_choice.name for mapping_choice in choices if mapping_choice), None
    )
    size = sum(file.bytes for file in files)
    return (
        found_source.source.name,
        found_source.is_present,
        form if files else None,
        len(files),
        size,
    )


def _notes(
    found: Iterable[SourceFiles], chosen: Mapping[str, ChosenMapping], workspace: Workspace
) -> list[str]:
    notes = [note for mapping_choice in chosen.values() for note in mapping_choice.notes]
    for found_source in found:
        notes += found_source.notes
        if found_source.is_present:
            notes += notes_on_defaults(found_source.source, workspace)
    return notes


def _check_any(found: Iterable[SourceFiles], workspace: Workspace) -> None:
    if any(found_source.is_present for found_source in found):
        return
    wanted = "; ".join(
        f"{found_source.source.name}: {_wanted(found_source.source)}" for found_source in found
    )
    raise BadInput(f"{workspace.raw} holds no known source. Looked for {wanted}.", NEXT)


def _wanted(source: DeclaredSource) -> str:
    required = [table for table in source.tables if not table.optional]
    globs = [
        " or ".join(glob for form in table.files.values() for glob in form) for table in required
    ]
    return ", ".join(glob or "the files of a mapping" for glob in globs)


def _code_digest() -> str:
    """Return a hash of this package's code: another version of it lands every file again."""
    return digest([path.read_text() for path in sorted(CODE.glob("*.py"))])


def _sql(value: str | bool | float | None) -> str:
    if isinstance(value, str):
        return literal(value)
    return "null" if value is None else str(value)
