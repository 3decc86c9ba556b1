"""OpenLineage's own integration of dbt, on what the last dbt command left."""

import logging
from pathlib import Path
from typing import Any

from openlineage.common.provider.dbt.facets import ParentRunMetadata
from openlineage.common.provider.dbt.local import DbtLocalArtifactProcessor

from ml.lineage.described import JobRun
from ml.lineage.run_events import PRODUCER, Teller
from ml.workspace.settings import Workspace


class _Artifacts(DbtLocalArtifactProcessor):  # type: ignore[misc]
    """Calls the tables of sources by their own names."""

    def get_dbt_metadata(self) -> Any:  # noqa: ANN401
        """Return manifest, results, profile and catalog."""
        manifest, *others = super().get_dbt_metadata()
        for source in manifest["sources"].values():
            # What it reads is the name in dbt, which two sources may share.
            source["name"] = source["identifier"]
        return manifest, *others


def tell_models(ws: Workspace, project: Path, run: JobRun) -> None:
    """Tell of the models, seeds and tests of the last dbt command, as parts of `run`."""
    teller = Teller()
    artifacts = _Artifacts(
        project_dir=str(project),
        target_path=str(ws.manifest.parent),
        producer=PRODUCER,
        job_namespace=teller.namespace,
        logger=logging.getLogger("almanac.lineage"),
    )
    artifacts.dbt_run_metadata = ParentRunMetadata(run.id, run.job, teller.namespace)
    teller.send(artifacts.parse().events())
    teller.close()
