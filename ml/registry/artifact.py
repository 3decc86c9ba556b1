"""Model artifacts: a folder each, written whole or not at all, in formats that run no code."""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ml.data.feature import Feature
from ml.models import FORMATS, Model
from ml.registry import history
from ml.registry.card import Card
from ml.registry.listing import CARD, read_card, train_again
from ml.workspace.errors import AlmanacError, NotTrained
from ml.workspace.files import fresh_folder, write_json
from ml.workspace.settings import Workspace

PREDICTIONS, IMPORTANCE, CONTRIBUTIONS, DATASET, HASHES = (
    "predictions.parquet",
    "importance.json",
    "contributions.parquet",
    "dataset.json",
    "hashes.json",
)
# What a file holds: a table, or what JSON can say.
Record: TypeAlias = pa.Table | Mapping[str, Any] | Sequence[Mapping[str, Any]]
_PACKAGES = ("almanac", "duckdb", "feast", "lightgbm", "numpy", "scikit-learn", "skops")


@dataclass(frozen=True)
class Artifact:
    """A trained model with its card, as read from its folder."""

    folder: Path
    card: Card
    model: Model

    @property
    def model_id(self) -> str:
        """The model's id, which is its folder's name."""
        return self.card.model_id

    @property
    def features(self) -> tuple[Feature, ...]:
        """The model's inputs in its own order."""
        return self.card.features

    def predictions(self) -> pa.Table:
        """Return the held-out predictions, one row each."""
        return pq.read_table(self.folder / PREDICTIONS)

    def contributions(self) -> pa.Table | None:
        """Return what values did to the log-odds in a sample of rows; None where none is kept."""
        path = self.folder / CONTRIBUTIONS
        return pq.read_table(path) if path.exists() else None

    def importance(self) -> list[dict[str, Any]]:
        """Return each feature's share of all contributions, direction and description."""
        return read_importance(self.folder)


def read_importance(folder: Path) -> list[dict[str, Any]]:
    """Return what `Artifact.importance` does of the artifact in `folder`, its model unread."""
    found: list[dict[str, Any]] = json.loads((folder / IMPORTANCE).read_text(encoding="utf-8"))
    return found


def package_versions() -> dict[str, str]:
    """Return the versions of the packages that a model's numbers depend on."""
    return {name: version(name) for name in _PACKAGES}


def save(
    ws: Workspace,
    card: Card,
    model: Model,
    predictions: pa.Table,
    records: Mapping[str, Record],
) -> Path:
    """Write the artifact to `models/<target>/<model id>/` and return that folder.

    `records` are its other files by name, tables as Parquet and all else as JSON: IMPORTANCE,
    CONTRIBUTIONS where the model has any, and DATASET, how its training set is made again. A reader
    never sees half an artifact. The model's id is a hash of what it is, so writing the same model
    again changes nothing but what the card says of its surroundings.
    """
    folder = ws.models / card.target / card.model_id
    with fresh_folder(folder) as temporary:
        model.save(temporary / FORMATS[model.family].file)
        for name, record in {CARD: card.record(), PREDICTIONS: predictions, **records}.items():
            _write(temporary / name, record)
        write_json(temporary / HASHES, _hashes(temporary))
    return folder


def forget_customer(ws: Workspace, customer: str) -> list[tuple[str, int]]:
    """Remove the customer from the tables of all models; return each changed model and its rows.

    Those are held-out predictions and sampled contributions; the models themselves hold no ids.
    A model that was changed outside training is left as it is, and stays refused.
    """
    changed = []
    for listed in sorted(ws.models.glob(f"[!.]*/[!.]*/{HASHES}")):
        folder = listed.parent
        hashes = _written(folder)
        tables = {
            name: pq.read_table(folder / name)
            for name in (PREDICTIONS, CONTRIBUTIONS)
            if (folder / name).exists() and _sha256(folder / name) == hashes.get(name)
        }
        left = {
            name: table.filter(pc.not_equal(table["customer_id"], customer))
            for name, table in tables.items()
            if "customer_id" in table.column_names
        }
        lost = sum(tables[name].num_rows - table.num_rows for name, table in left.items())
        if lost:
            with fresh_folder(folder) as temporary:
                shutil.copytree(folder, temporary, dirs_exist_ok=True)
                for name, table in left.items():
                    pq.write_table(table, temporary / name)
                hashes |= {name: _sha256(temporary / name) for name in left}
                write_json(temporary / HASHES, hashes)
            changed.append((f"model {folder.name}", lost))
    return changed


def champion_id(ws: Workspace, target: str) -> str | None:
    """Return the id of the model that scores `target`; None where none was trained."""
    reigns = history.champions(history.read(ws.models / target))
    return reigns[-1] if reigns else None


def champion(ws: Workspace, target: str) -> Artifact:
    """Return the model that scores `target`.

    Raises:
        AlmanacError: none was trained, or its folder is not as it was written.
    """
    reigning = champion_id(ws, target)
    if reigning is None:
        raise NotTrained(
            f"No model for {target} in {ws.models}.",
            f"Train one: ml train --target {target}",
            target=target,
        )
    return load(ws.models / target / reigning)


def load(folder: Path) -> Artifact:
    """Return the artifact in `folder`, every file of which is as it was written.

    Raises:
        AlmanacError: a file is missing, was changed or added, or cannot be read.
    """
    again = train_again(folder)
    try:
        _refuse_changed(folder)
        card = read_card(folder)
        form = FORMATS[card.family]
        model = form.load(folder / form.file).calibrated(**card.calibration.model_dump())
        return Artifact(folder, card, model)
    except AlmanacError:
        raise
    except Exception as error:
        # Each library has its own errors for a spoilt file; to the user they are one.
        raise NotTrained(
            f"The model in {folder} cannot be read: {error}", again, target=folder.parent.name
        ) from error


def _write(path: Path, record: Record) -> None:
    if isinstance(record, pa.Table):
        pq.write_table(record, path)
    else:
        write_json(path, record)


def _refuse_changed(folder: Path) -> None:
    """Raise AlmanacError unless the folder holds what was written, no more and nothing else."""
    strange = [path.name for path in folder.glob("*") if path.is_symlink() or not path.is_file()]
    if strange:
        raise NotTrained(
            f"{folder} holds what is no file of its own: {', '.join(sorted(strange))}.",
            train_again(folder),
            target=folder.parent.name,
        )
    if not (folder / HASHES).exists():
        raise NotTrained(
            f"{folder} lacks {HASHES}.", train_again(folder), target=folder.parent.name
        )
    written = _written(folder)
    found = _hashes(folder)
    for said, names in {
        "lacks": written.keys() - found.keys(),
        "holds what training did not write:": found.keys() - written.keys(),
        "was changed after training:": {n for n in written if found.get(n) != written[n]},
    }.items():
        if names:
            raise NotTrained(
                f"{folder} {said} {', '.join(sorted(names))}.",
                train_again(folder),
                target=folder.parent.name,
            )


def _written(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file as it was written.

    Raises:
        AlmanacError: the list of them is damaged.
    """
    try:
        return dict(json.loads((folder / HASHES).read_text(encoding="utf-8")).items())
    except (ValueError, AttributeError) as error:
        raise NotTrained(
            f"{folder / HASHES} cannot be read: {error}",
            train_again(folder),
            target=folder.parent.name,
        ) from error


def _hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file in the folder but the list of these."""
    files = sorted(path for path in folder.iterdir() if path.name != HASHES)
    return {path.name: _sha256(path) for path in files}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
