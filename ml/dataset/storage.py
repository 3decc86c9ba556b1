"""Training sets on disk: one folder each, created completely or not at all."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ml import lineage
from ml.data.feature import Feature
from ml.data.training_set import TrainingSet, check_features, matrix_of
from ml.dataset.recipe import Contents, Manifest, describe, from_json, to_json
from ml.dataset.rows import RowsReader, files_of, usable_rows
from ml.registry.artifact import DATASET
from ml.workspace.errors import BadInput, Held, NotTrained
from ml.workspace.files import fresh_folder, point, pointed, remove_folder, write_json
from ml.workspace.settings import Workspace
from ml.workspace.suggest import nearest
from ml.workspace.targets import Target

ROWS = "rows.parquet"
KEYS = (
    pa.field("customer_id", pa.string()),
    pa.field("event_timestamp", pa.timestamp("us")),
    pa.field("label", pa.int32()),
)
ROWS_PER_GROUP = 65_536
NAME = re.compile(r"[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True)
class Dataset:
    """A training set: its manifest, the manifest's path, and the folder with the kept rows, if any.

    `names` are the names that the user gave it.
    """

    manifest: Manifest
    path: Path | None = None
    folder: Path | None = None
    names: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The training set's id, which is its folder's name."""
        return self.manifest.id

    @property
    def bytes(self) -> int:
        """The size of the kept files in bytes; 0 where no rows are kept."""
        return sum(each.stat().st_size for each in self.folder.iterdir()) if self.folder else 0

    def kept_file(self) -> Path:
        """Return the file of the kept rows, which is as it was written.

        Raises:
            AlmanacError: the rows are not kept, or the file was changed.
        """
        contents = self.manifest.contents
        if self.folder is None or contents is None:
            raise NotTrained(
                f"The rows of {self.id} are not kept; only how they were made is recorded.",
                "Where the warehouse still gives them: "
                f"ml dataset make {self.manifest.target.name}",
            )
        path = self.folder / ROWS
        if not path.exists() or _sha256(path) != contents.sha256:
            raise NotTrained(
                f"{path} is not the file that was written.",
                f"Remove it: ml dataset remove {self.id}",
            )
        return path

    def table(self) -> pa.Table:
        """Return the kept rows, ordered by timestamp and customer: keys, label, then features.

        Raises:
            AlmanacError: as `kept_file`.
        """
        return pq.read_table(self.kept_file())

    def rows(self) -> TrainingSet:
        """Return the kept rows as a training set for models; raises as `table` does."""
        table, features = self.table(), self.manifest.features
        return usable_rows(table, features, matrix_of(table, features), self.manifest.target)


def current(
    ws: Workspace, target: Target, reader: RowsReader | None = None
) -> tuple[Dataset, TrainingSet]:
    """Return the target's training set as of now with its rows, read from disk if they are kept.

    Args:
        ws: the workspace.
        target: the target.
        reader: reads several targets' rows; those that it gave before are used up.

    Raises:
        AlmanacError: the warehouse is not ready, or changed meanwhile.
    """
    files = files_of(ws)
    manifest = describe(ws, target)
    folder = ws.datasets / manifest.id
    if folder.exists():
        kept = _read(folder)
        return kept, kept.rows()
    with lineage.run(f"dataset.{target.name}") as told:
        rows = (reader or RowsReader()).read(ws, target, manifest.features)
        if files is None or files_of(ws) != files:
            _refuse_changed(ws, manifest)
        if told:
            _describe(told, ws, manifest)
    return Dataset(manifest), rows


def make(ws: Workspace, target: Target, name: str | None = None) -> Dataset:
    """Keep the target's training set as of now, optionally under a name, and return it.

    If it is kept already, its files are left unchanged.

    Raises:
        AlmanacError: the name is taken, or the warehouse is not ready or changed meanwhile.
    """
    manifest = describe(ws, target)
    if name:
        _refuse_taken(ws, name, manifest.id)
    folder = ws.datasets / manifest.id
    if not folder.exists():
        with lineage.run(f"dataset.{target.name}") as told:
            table = retrieved(ws, manifest)
            with fresh_folder(folder) as temporary:
                _write(table, temporary / ROWS)
                write_json(temporary / DATASET, to_json(_with_contents(manifest, table, temporary)))
            if told:
                _describe(told, ws, manifest)
    if name:
        point(ws.datasets / name, manifest.id)
    return find(ws, manifest.id)


def _describe(told: lineage.JobRun, ws: Workspace, manifest: Manifest) -> None:
    """Say which tables the rows of a training set come from, column by column."""
    labels = lineage.table(ws, manifest.target.relation)
    tables = lineage.feature_tables(ws, (each.view for each in manifest.features))
    fields = {field.name: str(field.type) for field in KEYS}
    origins = {name: [(labels, name)] for name in fields}
    for each in manifest.features:
        fields[each.name] = each.dtype
        origins[each.name] = [(tables[each.view], each.name)] if each.view in tables else []
    told.reads += [labels, *tables.values()]
    told.writes.append(lineage.folder(ws.datasets / manifest.id, fields, origins))


def datasets(ws: Workspace) -> list[Dataset]:
    """Return the kept training sets, then those that models recorded, each by id."""
    kept = {each.name: _read(each) for each in _folders(ws)}
    recorded = {each.id: each for each in _recorded(ws) if each.id not in kept}
    return [found[key] for found in (kept, recorded) for key in sorted(found)]


def find(ws: Workspace, wanted: str) -> Dataset:
    """Return the training set of this id or name: a kept one, or one that a model recorded.

    Raises:
        AlmanacError: there is none; known ones are named, nearest first.
    """
    folder = _named(ws, wanted)
    if folder:
        return _read(folder)
    known = datasets(ws)
    for each in known:
        if each.id == wanted:
            return each
    raise NotTrained(
        f"There is no dataset {wanted} in {ws.home}. Here are: "
        f"{nearest(wanted, [key for each in known for key in (each.id, *each.names)])}.",
        "See them: ml dataset list",
    )


def remove(ws: Workspace, wanted: str) -> Dataset:
    """Remove the kept rows of this id or name, with the names that they had; return what it was.

    Raises:
        AlmanacError: there is no such dataset, or its rows are not kept.
    """
    found = find(ws, wanted)
    if found.folder is None:
        raise NotTrained(
            f"The rows of {found.id} are not kept: there is nothing to remove.",
            "See what is kept: ml dataset list",
        )
    for name in found.names:
        (ws.datasets / name).unlink()
    remove_folder(found.folder)
    return found


def forget_customer(ws: Workspace, customer: str) -> list[tuple[str, int]]:
    """Remove the customer from all kept rows; return each changed training set and its rows.

    A changed training set keeps its id and says how many rows it lost.

    Raises:
        AlmanacError: the rows of a training set are not those that were written.
    """
    changed = []
    for kept in (_read(folder) for folder in _folders(ws)):
        table = kept.table()
        left = table.filter(pc.not_equal(table["customer_id"], customer))
        lost = table.num_rows - left.num_rows
        if lost and kept.folder:
            with fresh_folder(kept.folder) as temporary:
                _write(left, temporary / ROWS)
                manifest = replace(kept.manifest, forgotten=kept.manifest.forgotten + lost)
                write_json(temporary / DATASET, to_json(_with_contents(manifest, left, temporary)))
            changed.append((f"dataset {kept.id}", lost))
    return changed


def retrieved(ws: Workspace, manifest: Manifest) -> pa.Table:
    """Retrieve the rows that the manifest describes.

    Raises:
        AlmanacError: the warehouse changed since the manifest was made, or a feature is missing.
    """
    from ml import store

    table = store.training_set(ws, manifest.target.name, manifest.spine)
    _refuse_changed(ws, manifest)
    check_features(table.schema, manifest.features)
    schema = pa.schema([*KEYS, *(_field(table, feature) for feature in manifest.features)])
    return table.select(schema.names).cast(schema)


def _field(table: pa.Table, feature: Feature) -> pa.Field:
    kind = table.schema.field(feature.name).type
    # A column that is all null may have no type.
    return pa.field(feature.name, pa.type_for_alias(feature.dtype) if kind == pa.null() else kind)


def _refuse_changed(ws: Workspace, manifest: Manifest) -> None:
    if describe(ws, manifest.target).id != manifest.id:
        raise Held(
            "The warehouse changed while the training set was read.",
            "Wait for the build, then run the command again.",
        )


def _write(table: pa.Table, path: Path) -> None:
    # Fixed row groups of contiguous arrays make the file's bytes independent of Arrow's chunks.
    with pq.ParquetWriter(path, table.schema, compression="zstd", version="2.6") as writer:
        for start in range(0, table.num_rows, ROWS_PER_GROUP):
            writer.write_table(table.slice(start, ROWS_PER_GROUP).combine_chunks())


def _with_contents(manifest: Manifest, table: pa.Table, folder: Path) -> Manifest:
    positives = pc.sum(table["label"]).as_py() or 0
    contents = Contents(table.num_rows, positives, _sha256(folder / ROWS))
    return replace(manifest, contents=contents)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _refuse_taken(ws: Workspace, name: str, wanted: str) -> None:
    if not NAME.fullmatch(name):
        raise BadInput(
            f"{name} cannot be a name: letters, digits, `_`, `.` and `-` can.",
            "Choose another one.",
        )
    folder = _named(ws, name)
    if folder and (name == folder.name or folder.name != wanted):
        raise BadInput(
            f"{name} names {folder.name} already, and a name keeps its meaning.",
            f"Choose another one, or remove that dataset: ml dataset remove {name}",
        )


def _named(ws: Workspace, wanted: str) -> Path | None:
    """Return the folder of the kept training set of this id or name, if there is one."""
    place = ws.datasets / wanted
    if not NAME.fullmatch(wanted) or not place.exists():
        return None
    folder = place if place.is_dir() else pointed(place)
    return folder if folder.exists() else None


def _folders(ws: Workspace) -> list[Path]:
    return sorted(each.parent for each in ws.datasets.glob(f"[!.]*/{DATASET}"))


def _recorded(ws: Workspace) -> Iterator[Dataset]:
    for path in sorted(ws.models.glob(f"[!.]*/[!.]*/{DATASET}")):
        yield Dataset(_manifest(path), path)


def _read(folder: Path) -> Dataset:
    files = (each for each in folder.parent.glob("[!.]*") if each.is_file())
    names = sorted(each.name for each in files if pointed(each) == folder)
    path = folder / DATASET
    return Dataset(_manifest(path), path, folder, tuple(names))


def _manifest(path: Path) -> Manifest:
    try:
        return from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotTrained(
            f"{path} is not the manifest of a dataset: {error!r}",
            "Remove its folder, then make it again: ml dataset make",
        ) from error
