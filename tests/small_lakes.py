"""What makes builds of small lakes cheap: fewer families of a kind, and no other processes."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import pytest

from ml.lake.engines.processes import Processes
from ml.lake.project import Project, compile_project
from ml.workspace.settings import Workspace

T = TypeVar("T")
# Families that are other slices of what the remaining ones are made of.
ALIKE = (
    "features.ftr_dialog_topic",
    "features.ftr_spend_category",
    "features.ftr_spend_time",
    "features.ftr_trx_dst_",
    "features.ftr_trx_event_",
    "features.ftr_trx_src_",
    "features.ftr_trx_time",
)


def fewer_families(ws: Workspace) -> Project:
    """The project without families that are built exactly as others of it."""
    project = compile_project(ws)
    return replace(
        project,
        models=tuple(m for m in project.models if not m.relation.startswith(ALIKE)),
        measures={r: sql for r, sql in project.measures.items() if not r.startswith(ALIKE)},
    )


def run_here(_engine: Processes, _words: str, tasks: Sequence[Callable[[], T]]) -> list[T]:
    """Run the tasks of a build in this process, which spares their own ones."""
    return [task() for task in tasks]


def build_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have lakes built of fewer families and in this process."""
    monkeypatch.setattr("ml.lake.build.compile_project", fewer_families)
    monkeypatch.setattr(Processes, "run", run_here)
