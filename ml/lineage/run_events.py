"""OpenLineage's events of runs; imported only where they are wanted."""

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import (
    InputDataset,
    Job,
    OutputDataset,
    RunEvent,
    RunState,
    set_producer,
)
from openlineage.client.event_v2 import Run as EventRun
from openlineage.client.facet_v2 import (
    column_lineage_dataset,
    error_message_run,
    job_type_job,
    parent_run,
    schema_dataset,
)
from openlineage.client.uuid import generate_new_uuid
from openlineage.common.provider.dbt.utils import get_parent_run_metadata

from ml.lineage.described import DUCKDB, JobRun, NamedDataset
from ml.workspace.errors import BadInput
from ml.workspace.settings import lineage_namespace
from ml.workspace.warehouse import open_warehouse

LOG = logging.getLogger("almanac.lineage")
PRODUCER = f"urn:almanac:{version('almanac')}"
CLOSING_SECONDS = 30.0
# Columns with their types, by a dataset's namespace and name.
Columns = dict[tuple[str, str], Mapping[str, str]]
Described = TypeVar("Described", InputDataset, OutputDataset)


class Teller:
    """Sends events to where OpenLineage's own configuration says; failures are logged warnings.

    A server that is away costs seconds an event, so the first that is lost is the last one tried.
    """

    gave_up: ClassVar[bool] = False

    def __init__(self) -> None:
        """Open the transport that is configured.

        Raises:
            BadInput: OpenLineage's client refuses its configuration.
        """
        # It tells which transport it uses.
        logging.getLogger("openlineage").setLevel(logging.WARNING)
        set_producer(PRODUCER)
        self.namespace = lineage_namespace()
        try:
            self._client = OpenLineageClient()
        except Exception as error:
            raise BadInput(
                f"OpenLineage refuses its configuration: {error}",
                "Correct it (docs/scheduling.md), or: export OPENLINEAGE_DISABLED=true",
            ) from error

    @staticmethod
    def new_id() -> str:
        """Return a new run's id."""
        return str(generate_new_uuid())

    def start(self, run: JobRun) -> None:
        """Tell that the run has begun."""
        self._tell(run.job, partial(self._event, RunState.START, run))

    def complete(self, run: JobRun) -> None:
        """Tell that the run is done, with what it read and wrote."""
        self._tell(run.job, partial(self._event, RunState.COMPLETE, run))

    def fail(self, run: JobRun, error: BaseException) -> None:
        """Tell that the run failed, or that somebody stopped it."""
        state = RunState.FAIL if isinstance(error, Exception) else RunState.ABORT
        message = error_message_run.ErrorMessageRunFacet(
            message=str(error) or type(error).__name__, programmingLanguage="python"
        )
        self._tell(run.job, partial(self._event, state, run, errorMessage=message))

    def send(self, events: Iterable[RunEvent]) -> None:
        """Send events that another integration made."""
        for event in events:
            self._tell(event.job.name, partial(_itself, event))

    def close(self) -> None:
        """Wait until what is sent in the background has arrived."""
        self._client.close(CLOSING_SECONDS)

    def _tell(self, job: str, make: Callable[[], RunEvent]) -> None:
        if Teller.gave_up:
            return
        try:
            event = make()
        except Exception as error:
            LOG.warning("OpenLineage was not told of %s: %s", job, error)
            return
        try:
            self._client.emit(event)
        except Exception as error:
            Teller.gave_up = True
            told = "OpenLineage is not told of %s, nor of what this command does after it: %s"
            LOG.warning(told, job, error)

    def _event(self, state: RunState, run: JobRun, **facets: Any) -> RunEvent:  # noqa: ANN401
        columns = _columns([*run.reads, *run.writes])
        if parent := self._parent(run):
            facets["parent"] = parent
        kind = job_type_job.JobTypeJobFacet("BATCH", "ALMANAC", "COMMAND")
        return RunEvent(
            eventType=state,
            eventTime=datetime.now(UTC).isoformat(),
            run=EventRun(run.id, facets),
            job=Job(self.namespace, run.job, {"jobType": kind}),
            inputs=[_described(InputDataset, each, columns) for each in run.reads],
            outputs=[_described(OutputDataset, each, columns) for each in run.writes],
            producer=PRODUCER,
        )

    def _parent(self, run: JobRun) -> parent_run.ParentRunFacet | None:
        """Return the run that this one is part of, which may be a scheduler's."""
        if run.whole:
            return parent_run.ParentRunFacet(
                parent_run.Run(run.whole.id), parent_run.Job(self.namespace, run.whole.job)
            )
        scheduler = get_parent_run_metadata()
        return scheduler.to_openlineage() if scheduler else None


def _itself(event: RunEvent) -> RunEvent:
    return event


def _columns(datasets: Iterable[NamedDataset]) -> Columns:
    """Return each dataset's columns and types, by namespace and name."""
    found = {(each.namespace, each.name): each.fields for each in datasets}
    files = {namespace for namespace, _ in found if namespace.startswith(DUCKDB)}
    for namespace in sorted(files):
        path = Path(namespace.removeprefix(DUCKDB))
        for name, columns in _in_database(path, path.stat().st_mtime_ns).items():
            found[namespace, name] = columns
    return found


# The parts of a run ask for the same file one after another.
@lru_cache(maxsize=2)
def _in_database(path: Path, _modified_ns: int) -> dict[str, dict[str, str]]:
    """Return the columns and types of every table of a DuckDB file."""
    found: dict[str, dict[str, str]] = {}
    with open_warehouse(path) as connection:
        rows = connection.execute(
            "select concat_ws('.', table_catalog, table_schema, table_name), "
            "column_name, data_type from information_schema.columns "
            "where table_catalog = current_database() order by table_schema, "
            "table_name, ordinal_position"
        ).fetchall()
    for name, column, kind in rows:
        found.setdefault(name, {})[column] = kind
    return found


def _described(kind: type[Described], dataset: NamedDataset, columns: Columns) -> Described:
    fields = columns[dataset.namespace, dataset.name]
    source = dataset.copied_from
    origins = {name: [(source, name)] for name in fields} if source else dataset.origins
    facets: dict[str, Any] = {}
    if fields:
        facets["schema"] = schema_dataset.SchemaDatasetFacet(
            [schema_dataset.SchemaDatasetFacetFields(*field) for field in fields.items()]
        )
    if origins:
        facets["columnLineage"] = column_lineage_dataset.ColumnLineageDatasetFacet(
            {name: _origins(of) for name, of in origins.items()}
        )
    return kind(dataset.namespace, dataset.name, facets=facets)


def _origins(of: Iterable[tuple[NamedDataset, str]]) -> column_lineage_dataset.Fields:
    return column_lineage_dataset.Fields(
        [
            column_lineage_dataset.InputField(each.namespace, each.name, column)
            for each, column in of
        ]
    )
