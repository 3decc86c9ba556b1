"""The sources that `models/staging/<source>/_<source>.yml` declare for landing, as data."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from ml.workspace.errors import BadInput
from ml.workspace.settings import dbt_folders

SCHEMA = "landed"
FORMATS = ("parquet", "csv", "mapping")
# Every dbt command reads the declarations; libyaml is twenty times faster than pure Python.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class DeclaredColumn:
    """One landed column: its name and type, and where its values come from in the files.

    `number` says that its text is a number, which may have a decimal comma; `customer` that it is
    the source's id of a customer.
    """

    name: str
    data_type: str
    aliases: tuple[str, ...] = ()
    optional: bool = False
    from_path: str | None = None
    generated: bool = False
    number: bool = False
    customer: bool = False


@dataclass(frozen=True)
class DeclaredTable:
    """One relation of schema `landed` and its files, as globs by form ('' for any form)."""

    source: str
    name: str
    identifier: str
    format: str
    files: Mapping[str, tuple[str, ...]]
    optional: bool
    columns: tuple[DeclaredColumn, ...]
    digest: str

    @property
    def numbers(self) -> list[str]:
        """The text columns that hold numbers."""
        return [column.name for column in self.columns if column.number]

    @property
    def customer(self) -> str | None:
        """The column of the source's ids of customers; None where none is declared."""
        return next((column.name for column in self.columns if column.customer), None)


@dataclass(frozen=True)
class DeclaredSource:
    """One source system: its forms (name -> rows | arrays), default settings and tables."""

    name: str
    forms: Mapping[str, str]
    settings: Mapping[str, Any]
    tables: tuple[DeclaredTable, ...]
    origin: Path


def read_sources(project: Path) -> list[DeclaredSource]:
    """Return the sources declared for schema `landed`, those without raw files left out.

    Args:
        project: the dbt project's folder; its packages declare sources too.

    Raises:
        AlmanacError: a declaration cannot be read.
    """
    sources = []
    folders = dbt_folders(project)
    for path in (p for f in folders for p in sorted(f.glob("models/staging/*/_*.yml"))):
        for node in read_yaml(path).get("sources") or []:
            source = _source(node, path) if node.get("schema") == SCHEMA else None
            if source and source.tables:
                sources.append(source)
    return sources


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the YAML mapping in `path`.

    Raises:
        AlmanacError: it is no YAML mapping.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), LOADER)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInput(f"{path} cannot be read: {error}", "Correct it, then: dbt build") from error
    if not isinstance(content, dict):
        raise BadInput(f"{path} must hold `name: value` lines.", "Correct it, then: dbt build")
    return content


def digest(*parts: object) -> str:
    """Return a short hash of JSON-like values; equal values give equal hashes."""
    text = json.dumps(parts, default=str, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _source(node: Mapping[str, Any], path: Path) -> DeclaredSource:
    meta = _meta(node)
    tables = [_table(node["name"], table, path) for table in node.get("tables") or []]
    return DeclaredSource(
        name=node["name"],
        forms=meta.get("forms") or {},
        settings=meta.get("settings") or {},
        tables=tuple(table for table in tables if table is not None),
        origin=path,
    )


def _table(source: str, node: Mapping[str, Any], path: Path) -> DeclaredTable | None:
    meta = _meta(node)
    if "format" not in meta:
        return None
    columns = tuple(_columns(node, path))
    if meta["format"] not in FORMATS or (meta["format"] != "mapping" and not meta.get("files")):
        raise BadInput(
            f"{path}: table {node['name']} needs meta `format` (one of {', '.join(FORMATS)}) and "
            "`files`.",
            "Correct it, then: dbt build",
        )
    return DeclaredTable(
        source=source,
        name=node["name"],
        identifier=node.get("identifier") or node["name"],
        format=meta["format"],
        files=_globs(meta.get("files") or {}),
        optional=bool(meta.get("optional")),
        columns=columns,
        digest=digest(meta, [asdict(column) for column in columns]),
    )


def _columns(node: Mapping[str, Any], path: Path) -> Iterator[DeclaredColumn]:
    for column in node.get("columns") or []:
        # YAML reads an unquoted `no` or `2024` as a boolean or a number.
        if not isinstance(column.get("name"), str) or "data_type" not in column:
            raise BadInput(
                f"{path}: column `{column.get('name')}` of table {node['name']} needs a data_type "
                "and a name that is text (in quotes if need be).",
                "Correct it, then: dbt build",
            )
        meta = _meta(column)
        yield DeclaredColumn(
            name=column["name"],
            data_type=column["data_type"],
            aliases=tuple(meta.get("aliases") or ()),
            optional=bool(meta.get("optional")),
            from_path=meta.get("from_path"),
            generated=bool(meta.get("generated")),
            number=bool(meta.get("number")),
            customer=bool(meta.get("customer")),
        )


def _meta(node: Mapping[str, Any]) -> Mapping[str, Any]:
    return (node.get("config") or {}).get("meta") or {}


def _globs(files: str | list[str] | Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    if isinstance(files, dict):
        return {form: _globs(globs)[""] for form, globs in files.items()}
    return {"": (files,) if isinstance(files, str) else tuple(files)}
