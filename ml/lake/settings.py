"""The section `lake` of workspace.yml: where the lake is, how many buckets, what builds it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml.workspace.errors import BadInput
from ml.workspace.memory import bytes_of
from ml.workspace.settings import Workspace
from ml.workspace.suggest import did_you_mean

SECTION = "lake"
ENGINES = ("processes", "spark")
MOST_BUCKETS = 100_000
MEMORY = re.compile(r"\d+(\.\d+)?\s*(MB|GB|MiB|GiB)")
MEMORY_WORDS = "an amount of memory, such as 4GB"
NEXT = "Correct it (docs/scaling.md lists the settings), then: ml lake build"


@dataclass(frozen=True)
class LakeSettings:
    """What workspace.yml says of the lake.

    `buckets` is fixed for the lake's life; `bucket_memory` is what DuckDB may hold for a bucket
    before it spills to disk; `master` is Spark's own word, of the engine `spark` alone: empty, it
    is what spark-defaults.conf says, else `local[*]`. A training set that takes more than
    `training_memory` (empty: half the machine's memory) is no longer held in memory.
    """

    path: Path
    buckets: int
    engine: str = "processes"
    master: str = ""
    bucket_memory: str = "4GB"
    training_memory: str = ""


def lake_settings(ws: Workspace) -> LakeSettings:
    """Return the settings of the workspace's lake.

    Raises:
        BadInput: there is no section `lake`, or a setting is missing, unknown or wrong.
    """
    given = ws.settings.get(SECTION)
    place = ws.home / "workspace.yml"
    if given is None:
        raise BadInput(
            f"{place} names no lake.",
            "Add `lake: {path: /shared/folder, buckets: 8}` to it (docs/scaling.md), then: "
            "ml lake build",
        )
    if not isinstance(given, Mapping):
        raise BadInput(f"{place}: lake is {given!r}; it must hold `name: value` lines.", NEXT)
    known = list(LakeSettings.__dataclass_fields__)
    for name in given:
        if name not in known:
            hint = did_you_mean(str(name), known)
            raise BadInput(f"{place}: lake has no setting `{name}`{hint}.", NEXT)
    values = {name: _checked(name, given.get(name), f"{place}: lake") for name in known}
    path = values.pop("path")
    found = {name: value for name, value in values.items() if value is not None}
    return LakeSettings(path=(ws.home / path).resolve(), **found)


def _checked(name: str, value: Any, place: str) -> Any:  # noqa: ANN401
    if value is None and name not in ("path", "buckets"):
        return None
    wanted = {
        "path": (isinstance(value, str) and bool(value), "a folder that all executors share"),
        "buckets": (
            isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_BUCKETS,
            f"a whole number from 1 to {MOST_BUCKETS:,}",
        ),
        "engine": (value in ENGINES, " or ".join(ENGINES)),
        "master": (isinstance(value, str) and bool(value), "a master of Spark, such as local[*]"),
        "bucket_memory": (_is_memory(value), MEMORY_WORDS),
        "training_memory": (_is_memory(value), MEMORY_WORDS),
    }
    is_right, words = wanted[name]
    if value is None:
        raise BadInput(f"{place}.{name} is missing; it must be {words}.", NEXT)
    if not is_right:
        raise BadInput(f"{place}.{name} is {value!r}; it must be {words}.", NEXT)
    return value


def _is_memory(value: object) -> bool:
    return isinstance(value, str) and bool(MEMORY.fullmatch(value)) and bytes_of(value) > 0
