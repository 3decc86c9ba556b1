"""What a lake holds while it is built: the relations as the next snapshot will have them."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal

from ml.lake.stored import Stored, partition_of
from ml.workspace.errors import BadInput

BUCKET = "bucket"
BATCH = "batch"
# Which earlier files a commit takes out: all, none, or those whose partition column has one of
# the values; with several columns, those that meet them all.
Replaced = Literal["everything", "nothing"] | Mapping[str, Collection[int]]


@dataclass(frozen=True)
class Written:
    """A file that a task wrote: its path, and how many rows it has."""

    path: str
    rows: int


def files_with_rows(written: Iterable[Written]) -> list[str]:
    """Return the files that tasks wrote, those without a row left out.

    Raises:
        BadInput: a file is not there, seen from here.
    """
    files = [each.path for each in written if each.rows]
    for file in files:
        if not Path(file).exists():
            raise BadInput(
                f"{file} was written by a task, and is not there, seen from the driver.",
                "lake.path in workspace.yml must be a folder that the driver and every executor "
                "share under the same path. Correct it, then: ml lake build",
            )
    return files


def by_bucket(stored: Stored, buckets: Iterable[int]) -> dict[int, Stored]:
    """Return the rows of each of these buckets: its own files, and those that are of no bucket."""
    files: dict[int, list[str]] = {bucket: [] for bucket in buckets}
    for file in stored.files:
        owner = partition_of(file).get(BUCKET)
        for bucket in files if owner is None else files.keys() & {owner}:
            files[bucket].append(file)
    return {bucket: Stored(tuple(own), stored.types) for bucket, own in files.items()}


@dataclass
class Entry:
    """A relation: files, DuckDB types, a hash of what it is made of and, of facts, one of its rows.

    `by` are the columns that partition it. `months` are those that a model built month by month
    has, each with its version. `base` is the version of its table in the last snapshot, None where
    it is new. Of a change, `fresh` are the new files, and `replaced` says which earlier ones went:
    all, or those whose partition column has one of these values.
    """

    types: dict[str, str]
    by: tuple[str, ...] = ()
    files: list[str] = field(default_factory=list)
    fingerprint: str = ""
    content: str = ""
    months: dict[date, int] = field(default_factory=dict)
    base: int | None = None
    fresh: list[str] = field(default_factory=list)
    replaced: Replaced | None = None

    @property
    def is_changed(self) -> bool:
        """Whether this build changed it."""
        return self.replaced is not None

    @property
    def is_fact(self) -> bool:
        """Whether its rows are of the whole, in a file that no bucket owns."""
        return not self.by

    def of(self, bucket: int) -> Stored:
        """Return the rows of one bucket."""
        return by_bucket(self.whole, [bucket])[bucket]

    @property
    def whole(self) -> Stored:
        """All rows."""
        return Stored(tuple(self.files), self.types)

    def replace(self, fresh: list[str], replaced: Replaced) -> None:
        """Put files in the place of all earlier ones, or of those with these partition values."""
        kept = list(self.files) if replaced == "nothing" else []
        if isinstance(replaced, Mapping):
            kept = [
                file
                for file in self.files
                if not all(partition_of(file)[name] in values for name, values in replaced.items())
            ]
        self.files = kept + fresh
        self.fresh = fresh
        self.replaced = replaced
