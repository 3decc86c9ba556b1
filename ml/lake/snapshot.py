"""The lake's one pointer: which version of each table counts, all of them at once.

`<lake>/lake.json` is replaced in one step, after every table is committed. A reader takes it once
and reads the versions that it names; what a build commits meanwhile it does not see. Files stay as
long as the pointer or the one before it names a version that has them.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter, ValidationError

from ml.workspace.errors import BadInput, NotBuilt
from ml.workspace.faults import rebuild
from ml.workspace.files import write_json
from ml.workspace.validation import wrong_fields

FORMAT = 1
POINTER = "lake.json"


@dataclass(frozen=True)
class TableState:
    """A table as a snapshot has it.

    Attributes:
        version: of its Delta table.
        partition_by: its partition columns.
        fingerprint: of what it was made from.
        columns: the DuckDB type of each column, in their order.
        content: a hash of its rows, of a relation of the whole alone.
    """

    version: int
    partition_by: tuple[str, ...]
    fingerprint: str
    columns: Mapping[str, str]
    content: str = ""


@dataclass(frozen=True)
class Snapshot:
    """What `lake.json` says.

    Attributes:
        build: the id of the build that made it.
        buckets: how many buckets of customers every table has.
        duckdb: the version of DuckDB that wrote the files.
        tables: each relation's table, by `<schema>.<name>`.
        before: each relation's version in the snapshot before this one.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    build: str
    buckets: int
    duckdb: str
    tables: Mapping[str, TableState]
    before: Mapping[str, int] = field(default_factory=dict)

    def after(self, earlier: "Snapshot | None") -> "Snapshot":
        """Return this snapshot, which remembers the versions of the one it takes the place of."""
        tables = earlier.tables if earlier else {}
        return replace(self, before={name: state.version for name, state in tables.items()})

    def kept(self) -> dict[str, set[int]]:
        """Return the versions of each relation whose files stay: this snapshot's and before."""
        kept: dict[str, set[int]] = {name: {version} for name, version in self.before.items()}
        for name, state in self.tables.items():
            kept.setdefault(name, set()).add(state.version)
        return kept


def read(lake: Path) -> Snapshot | None:
    """Return what a lake's pointer says; None where no build has ended yet.

    Raises:
        BadInput: it is damaged, or of another format.
    """
    path = lake / POINTER
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise _damaged(path, str(error)) from error
    if not isinstance(said, dict):
        raise _damaged(path, "it holds no object")
    written = said.pop("format", None)
    if type(written) is not int:
        raise _damaged(path, "it does not say its format")
    if written != FORMAT:
        raise BadInput(
            f"The lake {lake} is of format {written}; this version of Almanac has {FORMAT}.",
            f"Use the version that made it, or build it again: {rebuild(lake)}",
        )
    try:
        return TypeAdapter(Snapshot).validate_json(json.dumps(said), strict=True)
    except ValidationError as error:
        raise BadInput(wrong_fields(error, f"{path} is damaged"), _again(lake)) from error


def built(lake: Path) -> Snapshot:
    """Return what a lake's pointer says.

    Raises:
        AlmanacError: no build has ended yet, or it is damaged, or of another format.
    """
    snapshot = read(lake)
    if snapshot is None:
        raise NotBuilt(f"There is no lake at {lake} yet.", "Build it first: ml lake build")
    return snapshot


def write(lake: Path, snapshot: Snapshot) -> None:
    """Make a snapshot the one that readers take from now on.

    Its tables are committed, and the caller holds the lake's lock.

    Raises:
        AlmanacError: the disk refuses.
    """
    write_json(lake / POINTER, {"format": FORMAT, **asdict(snapshot)})


def check(lake: Path, snapshot: Snapshot, *, buckets: int, duckdb: str) -> None:
    """Raise BadInput where a build could not go on with what the lake has.

    Args:
        lake: the lake, for the error.
        snapshot: what it has.
        buckets: how many the build is asked to make.
        duckdb: the version of DuckDB that the build has.
    """
    if snapshot.buckets != buckets:
        raise BadInput(
            f"The lake {lake} has {snapshot.buckets} buckets; {buckets} are asked for.",
            f"Set `buckets: {snapshot.buckets}` below `lake:` in workspace.yml, or build it again: "
            f"{rebuild(lake)}",
        )
    if snapshot.duckdb != duckdb:
        raise BadInput(
            f"DuckDB {snapshot.duckdb} made the lake {lake}; this is DuckDB {duckdb}.",
            f"pip install duckdb=={snapshot.duckdb}, or build it again: {rebuild(lake)}",
        )


def _damaged(path: Path, why: str) -> BadInput:
    return BadInput(f"{path} is damaged: {why}.", _again(path.parent))


def _again(lake: Path) -> str:
    return f"Build the lake again: {rebuild(lake)}"
