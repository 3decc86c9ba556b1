"""Export of a champion as SQL; refused unless SQL and artifact give the same probabilities."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from ml.registry import artifact
from ml.registry.artifact import Artifact
from ml.serving.export.comparison import Exported, compared
from ml.serving.export.dbt_files import TOLERANCE, ExportedFamily, ExportedModel, files
from ml.serving.export.formula import formula
from ml.serving.export.probes import evaluate_sql
from ml.workspace.errors import NotTrained
from ml.workspace.files import write_text
from ml.workspace.manifest import models_with
from ml.workspace.settings import Workspace
from ml.workspace.targets import Target

# How many of the probe rows go into the test that `dbt build` runs.
TEST_ROWS = 60


def export_sql(ws: Workspace, target: Target, project: Path) -> Exported:
    """Write the target's champion into the dbt project as a model of plain SQL, with its tests.

    Before that, formula and artifact are compared on the scoring population of today and on probe
    rows with nulls and with values unseen in training.

    Raises:
        AlmanacError: no champion, a model that cannot be written as SQL, or different results.
    """
    champion = artifact.champion(ws, target.name)
    text = formula(champion.model, [feature.name for feature in champion.features])
    names = [feature.name for feature in champion.features]
    found = compared(ws, champion, "SQL", partial(evaluate_sql, text, names), TOLERANCE)
    families = _families(ws, champion)
    placed = [feature for family in families for feature in family.features]
    place_of = {feature.name: place for place, feature in enumerate(champion.features)}
    kept = found.probes[:TEST_ROWS]
    probe_rows = (kept[:, [place_of[name] for name in placed]], champion.model.predict(kept))
    exported = ExportedModel(target.name, champion.model_id, ws.home)
    written = files(exported, text, families, probe_rows)
    return Exported(
        champion.model_id, _write(project, written), found.rows, found.largest_difference
    )


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
