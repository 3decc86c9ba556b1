"""What is told: runs, and the tables and files they read and write, in OpenLineage's names."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ml.data.feature import Feature
from ml.workspace.manifest import meta, models_with, relation
from ml.workspace.settings import Workspace

DUCKDB = "duckdb://"
FILES = "file"
# OpenLineage has no naming for Feast: the project's name stands where a host would.
ONLINE = "feast://almanac"


@dataclass(frozen=True)
class NamedDataset:
    """What a command reads or writes.

    See https://openlineage.io/docs/spec/naming for namespaces and names.

    Attributes:
        namespace: the store, such as `duckdb:///data/warehouse.duckdb`, or `file`.
        name: the name in it, such as `warehouse.scores.scores`, or a path.
        fields: columns and their types; of a table they are read from its file when it is told.
        origins: for columns, the datasets and columns that they are computed from.
        copied_from: the table that has the same columns, where this one is a copy.
    """

    namespace: str
    name: str
    fields: Mapping[str, str] = field(default_factory=dict)
    origins: Mapping[str, "list[tuple[NamedDataset, str]]"] = field(default_factory=dict)
    copied_from: "NamedDataset | None" = None


@dataclass
class JobRun:
    """What one run of a job read and wrote; its body fills it in.

    `id` is a UUID, `job` the job's name, such as `score.purchase_any`; `whole` is the run that this
    one is a part of.
    """

    id: str
    job: str
    whole: "JobRun | None" = None
    reads: list[NamedDataset] = field(default_factory=list)
    writes: list[NamedDataset] = field(default_factory=list)


def table(
    ws: Workspace, name: str, origins: Mapping[str, list[tuple[NamedDataset, str]]] | None = None
) -> NamedDataset:
    """Return the warehouse's table `name`, a `schema.table`, as integrations of dbt name it."""
    return NamedDataset(*_in_file(ws.warehouse, name), origins=origins or {})


def published(ws: Workspace, name: str) -> NamedDataset:
    """Return the published copy of the warehouse's table `name`, a `schema.table`."""
    return NamedDataset(*_in_file(ws.published, name), copied_from=table(ws, name))


def folder(
    path: Path,
    fields: Mapping[str, str] | None = None,
    origins: Mapping[str, list[tuple[NamedDataset, str]]] | None = None,
) -> NamedDataset:
    """Return a file or folder: raw rows, a training set, a model."""
    return NamedDataset(FILES, str(path), fields or {}, origins or {})


def online_view(name: str, features: Iterable[Feature] = ()) -> NamedDataset:
    """Return a feature view in the online store."""
    return NamedDataset(ONLINE, f"online.{name}", {each.name: each.dtype for each in features})


def feature_tables(ws: Workspace, views: Iterable[str]) -> dict[str, NamedDataset]:
    """Return the tables of feature views, by the names of these; none of what dbt knows no longer.

    Raises:
        NotBuilt: there is no manifest.
    """
    tables = {str(meta(node)["family"]): relation(node) for node in models_with(ws, "family")}
    return {view: table(ws, tables[view]) for view in sorted(set(views)) if view in tables}


def _in_file(path: Path, name: str) -> tuple[str, str]:
    return f"{DUCKDB}{path}", f"{path.stem}.{name}"
