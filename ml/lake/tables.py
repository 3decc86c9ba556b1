"""The lake's tables: Delta tables whose files others write, and one process commits.

A table lies at `<lake>/tables/<schema>/<name>/`. What of it counts is the version that the lake's
pointer names (`ml.lake.snapshot`): a newer one was left by a build that died, and the next commit
goes back before it. Whoever commits or cleans holds the lake's lock (`ml.lake.build_lock`).
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
from deltalake import DeltaTable, Schema, TableFeatures
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, CommitProperties, create_table_with_add_actions

from ml.lake.entry import Replaced
from ml.workspace.errors import Held, NotBuilt
from ml.workspace.faults import lost_file, rebuild, writing

# The log of a version that the pointer names must not expire. Every tenth commit sums up the ones
# before it, so that a table opens as fast after hundreds of them.
SETTINGS: Mapping[str, str | None] = {
    "delta.enableExpiredLogCleanup": "false",
    "delta.checkpointInterval": "10",
}
# Somebody else's commit in between is an error, never merged with.
ALONE = CommitProperties(max_commit_retries=0)


@dataclass(frozen=True)
class WrittenFile:
    """A Parquet file of a table.

    Attributes:
        path: below the table's folder, with `/`; a name that no earlier file of the table had.
        bytes: its size.
        rows: how many it has.
        partition: the value of each partition column, which the file itself does not have.
    """

    path: str
    bytes: int
    rows: int
    partition: Mapping[str, int]


def table_folder(lake: Path, relation: str) -> Path:
    """Return the folder of a table, by the relation's name `<schema>.<name>`."""
    schema, _, name = relation.partition(".")
    return lake / "tables" / schema / name


def commit(  # noqa: PLR0913
    folder: Path,
    base_version: int | None,
    *,
    schema: pa.Schema,
    partition_by: tuple[str, ...],
    files: Sequence[WrittenFile],
    replaced: Replaced,
) -> int:
    """Add files to a table, and take out those they replace, in one commit.

    Args:
        folder: the table's; it may be new.
        base_version: the version that the commit builds on; None for a table that is new.
        schema: all columns, the partition columns too. It may differ from the earlier one only
            where everything is replaced.
        partition_by: the partition columns; as for `schema`.
        files: what is added; each lies in the folder.
        replaced: which earlier files go; of values, each added file has one of them.

    Returns:
        The version that has the files.

    Raises:
        AlmanacError: a file is not there, the table is missing or damaged, another process
            commits, or the disk refuses.
        ValueError: the files or the schema do not fit the table or `replaced`.
    """
    _check_files(folder, partition_by, files, replaced)
    with _named(folder), writing(folder):
        actions = [_added(folder, file) for file in files]
        if base_version is None or replaced == "everything":
            return _replace_all(folder, schema, partition_by, actions)
        table = _at(folder, base_version)
        _check_same(folder, table, schema, partition_by)
        filters = []
        if isinstance(replaced, Mapping):
            filters = [
                (column, "in", [str(value) for value in sorted(values)])
                for column, values in replaced.items()
            ]
        table.create_write_transaction(
            [*actions],
            mode="overwrite" if filters else "append",
            schema=schema,
            partition_by=list(partition_by),
            partition_filters=filters or None,
            commit_properties=ALONE,
        )
        return table.version() + 1


def files_at(folder: Path, version: int) -> list[WrittenFile]:
    """Return the files of a version of a table, in the order of their paths.

    Raises:
        NotBuilt: the table or its version is missing or damaged, or one of the files.
    """
    with _named(folder):
        files = _files(DeltaTable(folder, version=version))
    for file in files:
        path = folder / file.path
        if not path.is_file() or path.stat().st_size != file.bytes:
            raise lost_file(folder.parents[2], path)
    return files


def clean(folder: Path, versions: Collection[int]) -> list[Path]:
    """Delete the files that none of the versions has, and return them.

    They are what later versions took out, what versions of dead builds added, and what no commit
    knows. So nobody may be writing files of this table. The library only names them: it would
    add two versions to the log for each time that it deletes them itself.

    Args:
        folder: the table's.
        versions: those to keep, at least one.

    Raises:
        NotBuilt: the table or a version is missing or damaged.
        AlmanacError: the disk refuses.
    """
    with _named(folder), writing(folder):
        # Seen from the newest of them, files of later versions are unknown, and go.
        unneeded = DeltaTable(folder, version=max(versions)).vacuum(
            retention_hours=0,
            dry_run=True,
            enforce_retention_duration=False,
            full=True,
            keep_versions=sorted(versions),
        )
        deleted = [folder / name for name in sorted(set(unneeded))]
        deleted = [path for path in deleted if path.exists()]
        for path in deleted:
            path.unlink()
        return deleted


def _replace_all(
    folder: Path, schema: pa.Schema, partition_by: tuple[str, ...], actions: list[AddAction]
) -> int:
    """Make the table, or replace its files, columns and partition columns."""
    folder.mkdir(parents=True, exist_ok=True)
    newest = DeltaTable(folder).version() if DeltaTable.is_deltatable(str(folder)) else -1
    create_table_with_add_actions(
        str(folder),
        Schema.from_arrow(schema),
        actions,
        mode="overwrite",
        partition_by=list(partition_by),
        configuration=SETTINGS,
        commit_properties=ALONE,
    )
    return newest + 1


def _at(folder: Path, version: int) -> DeltaTable:
    """Return the newest version of a table, after a return to `version`."""
    table, base = DeltaTable(folder), DeltaTable(folder, version=version)
    if table.version() == version:
        return table
    # The library panics where it would go back to a version that needs a feature the newest lacks.
    needed = set(base.protocol().writer_features or ())
    if needed - set(table.protocol().writer_features or ()):
        table.alter.add_feature(
            TableFeatures.TimestampWithoutTimezone, allow_protocol_versions_increase=True
        )
        table = DeltaTable(folder)
    table.restore(version, commit_properties=ALONE)
    return DeltaTable(folder)


def _files(table: DeltaTable) -> list[WrittenFile]:
    added = table.get_add_actions(flatten=True)
    columns = table.metadata().partition_columns
    values = [added[f"partition.{column}"].to_pylist() for column in columns]
    rows = zip(
        added["path"].to_pylist(),
        added["size_bytes"].to_pylist(),
        added["num_records"].to_pylist(),
        *values,
        strict=True,
    )
    return sorted(
        (
            # The log has paths as parts of addresses.
            WrittenFile(unquote(path), size, count, dict(zip(columns, partition, strict=True)))
            for path, size, count, *partition in rows
        ),
        key=lambda file: file.path,
    )


def _added(folder: Path, file: WrittenFile) -> AddAction:
    path = folder / file.path
    found = path.stat() if path.is_file() else None
    if found is None or found.st_size != file.bytes:
        told = "is not there" if found is None else f"has {found.st_size} bytes"
        raise NotBuilt(
            f"{path} {told}; the task that wrote it told of {file.bytes} bytes.",
            "Run the build again.",
        )
    return AddAction(
        path=file.path,
        size=file.bytes,
        partition_values={column: str(value) for column, value in file.partition.items()},
        modification_time=int(found.st_mtime * 1000),
        data_change=True,
        stats=json.dumps({"numRecords": file.rows}),
    )


def _check_files(
    folder: Path, partition_by: tuple[str, ...], files: Sequence[WrittenFile], replaced: Replaced
) -> None:
    """Refuse what the library would take, and readers would not see as it was meant."""
    if isinstance(replaced, Mapping) and not (replaced and replaced.keys() <= set(partition_by)):
        raise ValueError(f"{folder}: {list(replaced)} are none of the columns {partition_by}")
    for file in files:
        if file.partition.keys() != set(partition_by):
            raise ValueError(f"{folder / file.path}: {file.partition} is no {partition_by}")
        if isinstance(replaced, Mapping) and any(
            file.partition[column] not in values for column, values in replaced.items()
        ):
            raise ValueError(f"{folder / file.path}: {file.partition} is not in {replaced}")


def _check_same(
    folder: Path, table: DeltaTable, schema: pa.Schema, partition_by: tuple[str, ...]
) -> None:
    """Refuse another schema, which the library would ignore, or give to files that lack it."""
    if table.metadata().partition_columns != list(partition_by):
        raise ValueError(f"{folder} is partitioned by {table.metadata().partition_columns}")
    if table.schema() != Schema.from_arrow(schema):
        raise ValueError(f"{folder} has other columns: replace everything, or keep them")


@contextmanager
def _named(folder: Path) -> Iterator[None]:
    again = rebuild(folder.parents[2])
    try:
        yield
    except CommitFailedError as error:
        raise Held(
            f"Another process has changed the table {folder} meanwhile.",
            "See that one build of this lake runs at a time, then run the command again.",
        ) from error
    except TableNotFoundError as error:
        raise NotBuilt(
            f"The table {folder} is not there.", f"Build the lake again: {again}"
        ) from error
    except DeltaError as error:
        raise NotBuilt(
            f"The table {folder} cannot be used: {str(error).splitlines()[0]}",
            f"If it is damaged, build the lake again: {again}",
        ) from error
