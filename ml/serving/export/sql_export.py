"""Export of a champion as SQL; refused unless SQL and artifact give the same probabilities."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from ml.data.training_set import Matrix
from ml.registry import artifact
from ml.registry.artifact import Artifact
from ml.serving.batch import scoring_population
from ml.serving.batch_inputs import rows_per_batch
from ml.serving.export.dbt_files import TOLERANCE, ExportedFamily, ExportedModel, files
from ml.serving.export.formula import formula
from ml.serving.export.probes import evaluate_sql, largest_difference, probes
from ml.serving.scorer import have_any, inputs
from ml.workspace.errors import AlmanacError, NotTrained
from ml.workspace.files import write_text
from ml.workspace.manifest import models_with
from ml.workspace.settings import Workspace
from ml.workspace.targets import Target

PROBE_ROWS = 3_000
# How many of the probe rows go into the test that `dbt build` runs.
TEST_ROWS = 60


@dataclass(frozen=True)
class Exported:
    """The files written, the number of rows compared, and the largest absolute difference."""

    model_id: str
    paths: tuple[Path, ...]
    rows: int
    largest_difference: float


def export_sql(ws: Workspace, target: Target, project: Path) -> Exported:
    """Write the target's champion into the dbt project as a model of plain SQL, with its tests.

    Before that, formula and artifact are compared on the scoring population of today and on probe
    rows with nulls and with values unseen in training.

    Raises:
        AlmanacError: no champion, a model that cannot be written as SQL, or different results.
    """
    champion = artifact.champion(ws, target.name)
    text = formula(champion.model, [feature.name for feature in champion.features])
    rows, largest, sample = _compared(ws, champion, text)
    families = _families(ws, champion)
    names = [feature for family in families for feature in family.features]
    place_of = {feature.name: place for place, feature in enumerate(champion.features)}
    kept = sample[:TEST_ROWS]
    probe_rows = (kept[:, [place_of[name] for name in names]], champion.model.predict(kept))
    exported = ExportedModel(target.name, champion.model_id, ws.home)
    written = files(exported, text, families, probe_rows)
    return Exported(champion.model_id, _write(project, written), rows, largest)


def _compared(ws: Workspace, champion: Artifact, text: str) -> tuple[int, float, Matrix]:
    """Compare SQL and artifact; return the rows compared, the largest difference, probe rows.

    Raises:
        AlmanacError: they differ by more than the tolerance, or there is no row to compare.
    """
    as_of, customers = scoring_population(ws, champion, None)
    names = [feature.name for feature in champion.features]
    rows, largest, probe_rows = 0, 0.0, np.empty((0, len(names)), np.float32)
    for real in _inputs(ws, champion, as_of, customers):
        matrix = real
        if len(real) and not len(probe_rows):
            probe_rows = probes(real, PROBE_ROWS)
            matrix = np.concatenate([probe_rows, real])
        difference = largest_difference(
            evaluate_sql(text, names, matrix), champion.model.predict(matrix)
        )
        rows, largest = rows + len(matrix), max(largest, difference)
    if not rows or largest > TOLERANCE:
        outcome = (
            f"differ by up to {largest:.3g}" if rows else "cannot be compared: no customer has any"
        )
        raise AlmanacError(
            f"The SQL of {champion.model_id} and its artifact {outcome}; nothing was written.",
            "Score with the artifact: ml score",
            target=champion.card.target,
        )
    return rows, largest, probe_rows


def _inputs(
    ws: Workspace, champion: Artifact, as_of: datetime, customers: pa.Array
) -> Iterator[Matrix]:
    """Yield the inputs of the customers who have any feature, in batches."""
    # Feast takes seconds to import; only what reads features pays for it.
    from ml import store

    names = [feature.name for feature in champion.features]
    asked = store.rows_at(customers, as_of)
    for found in store.training_matrices(ws, names, asked, rows_per_batch(champion)):
        matrix = inputs(found, champion.features)
        yield matrix[have_any(matrix)]


def _families(ws: Workspace, champion: Artifact) -> list[ExportedFamily]:
    # Feast takes seconds to import; only what reads features pays for it.
    from ml import store

    recipe = store.training_recipe(ws, champion.card.target, _NO_CUSTOMER)
    ttl_of = {source.view: source.ttl for source in recipe.sources}
    models = {
        str(n["config"]["meta"]["family"]): str(n["alias"]) for n in models_with(ws, "family")
    }
    found = []
    for view in dict.fromkeys(feature.view for feature in champion.features):
        ttl = ttl_of.get(view)
        if ttl is None or view not in models:
            raise NotTrained(
                f"{champion.model_id} uses features of {view}, no family with a lifetime.",
                "Train again on what there is now: ml train",
                target=champion.card.target,
            )
        names = tuple(each.name for each in champion.features if each.view == view)
        found.append(ExportedFamily(models[view], names, ttl))
    return found


# A retrieval of one row that matches nobody is enough to learn the features' sources.
_NO_CUSTOMER = "select 'nobody' as customer_id, timestamp '2000-01-01' as event_timestamp"


def _write(project: Path, texts: Mapping[str, str]) -> tuple[Path, ...]:
    """Write the files, each completely or not at all; return their paths."""
    paths = []
    for place, text in texts.items():
        path = project / place
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)
        paths.append(path)
    return tuple(paths)
