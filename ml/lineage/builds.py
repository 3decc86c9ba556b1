"""What the last dbt command read and wrote, from the raw files on."""

import json
from importlib.util import find_spec

from ml.lineage.described import JobRun, folder, table
from ml.lineage.job_run import run
from ml.workspace import extras
from ml.workspace.errors import AlmanacError, BadInput, NotBuilt
from ml.workspace.settings import Workspace, dbt_project
from ml.workspace.warehouse import open_warehouse


def tell_build(ws: Workspace) -> int:
    """Tell OpenLineage of the raw files that are landed, and of the last dbt command's models.

    Returns:
        How many models, seeds and tests of dbt were told.

    Raises:
        AlmanacError: OpenLineage is not configured, not installed or does not answer, or nothing
            was built.
    """
    if find_spec("openlineage") is None:
        raise AlmanacError("openlineage is not installed.", extras.advice("openlineage"))
    results = ws.manifest.with_name("run_results.json")
    if not results.exists():
        raise NotBuilt(f"No results of a dbt command at {results}.", "Build first: dbt build")
    with run("dbt") as told:
        if told is None:
            raise BadInput(
                "OpenLineage is not configured.",
                "Set OPENLINEAGE_URL, or OPENLINEAGE_CONFIG to a file (docs/scheduling.md).",
            )
        from ml.lineage.dbt_events import tell_models
        from ml.lineage.run_events import Teller

        _tell_landed(ws, told)
        tell_models(ws, dbt_project(), told)
        if Teller.gave_up:
            raise AlmanacError(
                "OpenLineage was not told of the build.",
                "See that the server of its configuration answers, then: ml lineage",
            )
    return len(json.loads(results.read_text(encoding="utf-8"))["results"])


def _tell_landed(ws: Workspace, whole: JobRun) -> None:
    """Tell of each landed table with the raw files that it holds."""
    with open_warehouse(ws.warehouse) as connection:
        landed = connection.execute(
            "select source || '__' || table_name, list(file order by file) from landed.files "
            "group by all order by 1"
        ).fetchall()
    for name, files in landed:
        with run(f"land.{name}", whole) as told:
            if told:
                told.reads += [folder(ws.raw / file) for file in files]
                told.writes.append(table(ws, f"landed.{name}"))
