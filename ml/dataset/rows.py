"""A target's label rows with their features, as a training set for models."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from ml.data.elsewhere import Elsewhere
from ml.data.feature import Feature
from ml.data.mapped import file_of
from ml.data.training_set import Matrix, TrainingSet, relabelled, training_set
from ml.lake.training import training_room
from ml.workspace.errors import NotBuilt
from ml.workspace.settings import Workspace
from ml.workspace.targets import Target
from ml.workspace.warehouse import open_warehouse

# Each file that training sets are made from, as far as the file system knows it.
Files = tuple[tuple[int, int, int] | None, ...]


class RowsReader:
    """Reads the label rows of one target after another.

    Targets of the same customers, moments and features, as those of the bank, share one matrix:
    reading the next target's rows uses up the last one's, so that two are never in memory.
    """

    def __init__(self) -> None:
        """Return a reader that has read nothing."""
        self._last: TrainingSet | None = None
        self._files: Files | None = None

    def read(self, ws: Workspace, target: Target, features: Sequence[Feature]) -> TrainingSet:
        """Return the target's rows as `labelled_rows` does; `features` are its service's.

        Raises:
            AlmanacError: as `labelled_rows`.
        """
        files = files_of(ws)
        same = files is not None and files == self._files
        rows = self._again(ws, target, features) if same else None
        # What is not used again must go before as much is read.
        self._last = None
        self._last = labelled_rows(ws, target) if rows is None else rows
        self._files = files
        return self._last

    def _again(
        self, ws: Workspace, target: Target, features: Sequence[Feature]
    ) -> TrainingSet | None:
        if self._last is None or self._last.features != tuple(features):
            return None
        with open_warehouse(ws.warehouse) as connection:
            return relabelled(self._last, connection.sql(target.label_sql).to_arrow_table())


def files_of(ws: Workspace) -> Files | None:
    """Return what tells whether warehouse, manifest or registry were written in between.

    None where that cannot be told, because one of them is no file of the workspace.
    """
    log = ws.warehouse.with_name(f"{ws.warehouse.name}.wal")
    found = tuple(_state(each) for each in (ws.warehouse, ws.manifest, ws.home / "registry.db"))
    return None if None in found else (*found, _state(log))


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def labelled_rows(ws: Workspace, target: Target) -> TrainingSet:
    """Return the target's label rows with the features known at their timestamps.

    Raises:
        AlmanacError: no label row has any feature.
    """
    # Feast takes seconds to import; only what reads features pays for it.
    from ml import store

    room = training_room(ws)
    found = store.training_matrix(ws, target.name, target.label_sql, room.matrix)
    view_of = {name: view for name, view, _ in store.feature_names(ws, target.name)}
    features = [Feature(name, str(kind), view_of[name]) for name, kind in found.types.items()]
    elsewhere = room if file_of(found.values) else None
    return usable_rows(found.rows, features, found.values, target, elsewhere)


def usable_rows(
    table: pa.Table,
    features: Sequence[Feature],
    values: Matrix,
    target: Target,
    elsewhere: Elsewhere | None = None,
) -> TrainingSet:
    """Return the label rows of `table` that have at least one feature, in canonical order.

    Raises:
        AlmanacError: no row has any feature.
    """
    rows = training_set(table, features, values, elsewhere)
    if not len(rows):
        raise NotBuilt(
            f"None of the {table.num_rows} label rows of {target.name} has a feature at its time.",
            "Build the features first: dbt build, then feast apply",
            target=target.name,
        )
    return rows
