"""Exporting a champion as SQL: refused unless the database answers as the artifact does."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml.data.training_set import Matrix
from ml.registry import artifact
from ml.registry.artifact import Artifact
from ml.serving.batch import whom
from ml.serving.batch_inputs import Source
from ml.serving.export.dbt_files import TOLERANCE, Family, files
from ml.serving.export.formula import formula
from ml.serving.export.probes import answers, distance, probes
from ml.workspace.errors import AlmanacError, NotTrained
from ml.workspace.files import write_text
from ml.workspace.manifest import models_with
from ml.workspace.settings import Workspace
from ml.workspace.targets import Target

TRIED = 3_000
# The tests of the build carry so many of them.
KEPT = 60


@dataclass(frozen=True)
class Exported:
    """What was written, on how many rows it was compared, and the largest difference there."""

    model_id: str
    paths: tuple[Path, ...]
    rows: int
    distance: float


def export_sql(ws: Workspace, target: Target, project: Path) -> Exported:
    """Write the target's champion into the dbt project as a model of plain SQL, with its tests.

    Beforehand its formula is compared with the artifact on every customer of today and on rows
    with nulls and with values that training did not see.

    Raises:
        AlmanacError: no champion, one that has no SQL or is too large, or answers that differ.
    """
    champion = artifact.champion(ws, target.name)
    text = formula(champion.model, [feature.name for feature in champion.features])
    rows, largest, sample = _compared(ws, champion, text)
    families = _families(ws, champion)
    names = [feature for family in families for feature in family.features]
    place_of = {feature.name: place for place, feature in enumerate(champion.features)}
    kept = sample[:KEPT]
    tried = (kept[:, [place_of[name] for name in names]], champion.model.predict(kept))
    written = files(target.name, champion.model_id, text, families, tried)
    return Exported(champion.model_id, _write(project, written), rows, largest)


def _compared(ws: Workspace, champion: Artifact, text: str) -> tuple[int, float, Matrix]:
    """Return on how many rows SQL and artifact agree, how closely, and rows for the build's test.

    Raises:
        AlmanacError: they differ.
    """
    as_of, customers = whom(ws, champion, None)
    names = [feature.name for feature in champion.features]
    rows, largest, tried = 0, 0.0, np.empty((0, len(names)), np.float32)
    for _, real in Source(ws, champion, as_of, online=False).batches(customers):
        matrix = real
        if len(real) and not len(tried):
            tried = probes(real, TRIED)
            matrix = np.concatenate([tried, real])
        far = distance(answers(text, names, matrix), champion.model.predict(matrix))
        rows, largest = rows + len(matrix), max(largest, far)
    if not rows or largest > TOLERANCE:
        told = (
            f"differ by up to {largest:.3g}" if rows else "cannot be compared: no customer has any"
        )
        raise AlmanacError(
            f"The SQL of {champion.model_id} and its artifact {told}; nothing was written.",
            "Score with the artifact: ml score",
            target=champion.card.target,
        )
    return rows, largest, tried


def _families(ws: Workspace, champion: Artifact) -> list[Family]:
    # Feast takes seconds to import; only what reads features pays for it.
    from ml import store

    recipe = store.training_recipe(ws, champion.card.target, _NOBODY)
    life_of = {source.view: source.ttl for source in recipe.sources}
    models = {
        str(n["config"]["meta"]["family"]): str(n["alias"]) for n in models_with(ws, "family")
    }
    found = []
    for view in dict.fromkeys(feature.view for feature in champion.features):
        life = life_of.get(view)
        if life is None or view not in models:
            raise NotTrained(
                f"{champion.model_id} uses features of {view}, no family with a lifetime.",
                "Train again on what there is now: ml train",
                target=champion.card.target,
            )
        names = tuple(each.name for each in champion.features if each.view == view)
        found.append(Family(models[view], names, life))
    return found


# The retrieval of no row tells the features' sources as well as that of many.
_NOBODY = "select 'nobody' as customer_id, timestamp '2000-01-01' as event_timestamp"


def _write(project: Path, texts: Mapping[str, str]) -> tuple[Path, ...]:
    """Write the files, each whole or not at all."""
    paths = []
    for place, text in texts.items():
        path = project / place
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)
        paths.append(path)
    return tuple(paths)
