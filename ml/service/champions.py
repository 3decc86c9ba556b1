"""The champions that the service answers with, exchanged while it runs.

A champion answers records. Customers by id are answered with the model whose input the online store
holds: between a promotion and the next `ml materialize` that is the champion before.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TypeVar

import numpy as np

from ml.registry import artifact, history
from ml.registry.artifact import Artifact
from ml.registry.listing import read_card
from ml.serving.predict import Predictor
from ml.serving.reasons import Meaning, meanings
from ml.store import ModelInput, PublishedInputs, TargetInput, ViewVersion, target_inputs
from ml.workspace.errors import AlmanacError, NotBuilt
from ml.workspace.settings import Workspace

Signature = tuple[tuple[str, int, int], ...]
Result = TypeVar("Result")
ONLINE = "online store"
REGISTRY = "registry.db"
REGISTRY_SECONDS = 30.0


@dataclass(frozen=True)
class Served:
    """A loaded model: how it answers, its inputs and their layout, the seconds that a row takes."""

    predictor: Predictor
    names: tuple[str, ...]
    meanings: list[Meaning]
    layout: str
    seconds: float
    files: Signature

    @property
    def artifact(self) -> Artifact:
        """The model and its card."""
        return self.predictor.artifact

    @property
    def is_unchanged(self) -> bool:
        """Whether its files are those that were loaded."""
        return self.files == signature(self.artifact.folder)

    @property
    def model_id(self) -> str:
        """The model's id."""
        return self.artifact.model_id


@dataclass(frozen=True)
class ServedTarget:
    """A target's champion, and the model that answers by id; None where no input is published."""

    champion: Served
    by_id: Served | None


@dataclass
class Champions:
    """All targets' models in memory; a change is taken over whole, between two requests.

    `problems` says by target (or "online store") what could not be taken over: what was served
    before goes on. `as_of` has the moment (naive UTC) of each target's published input.
    """

    ws: Workspace
    targets: Mapping[str, ServedTarget] = field(default_factory=dict)
    inputs: Mapping[str, TargetInput] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    as_of: Mapping[str, datetime] = field(default_factory=dict)
    _registry: Signature = ()
    _opened: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    def load(self) -> None:
        """Load every target's champion, without the online store; for what workers share."""
        with self._lock:
            self._take({}, {})

    def refresh(self) -> None:
        """Take over what was promoted, rolled back or materialized since."""
        with self._lock:
            problems: dict[str, str] = {}
            _attempt(problems, ONLINE, self._open_inputs, None)
            found = {
                target: _attempt(problems, f"{target} by id", partial(_version, reader), None)
                for target, reader in self.inputs.items()
                if target in self.targets
            }
            self.as_of = {target: each.moment for target, each in found.items() if each}
            layouts = {target: each and each.layout for target, each in found.items()}
            self._take(layouts, problems)

    def published(self, target: str, customers: list[str]) -> tuple[Served, PublishedInputs]:
        """Return the customers' inputs and the model that they are for, of one generation.

        Raises:
            AlmanacError: nothing is published for the target, or what no champion can read.
        """
        for last in (False, True):
            reader, held = self.inputs.get(target), self.targets.get(target)
            if reader and held:
                found = reader.read(customers)
                for served in (held.champion, held.by_id):
                    if served and found.layout in ("", served.layout):
                        return served, found
            if not last:
                # A generation that appeared since the last refresh.
                self.refresh()
        raise NotBuilt(
            f"No input of {target} is published that a champion of it can read.",
            "Publish it: feast apply && ml materialize",
            target=target,
        )

    def _open_inputs(self) -> None:
        registry = signature(self.ws.home, REGISTRY)
        # A registry in a database has no file that changes.
        is_old = not registry and time.monotonic() > self._opened + REGISTRY_SECONDS
        if registry != self._registry or not self.inputs or is_old:
            self.inputs = target_inputs(self.ws)
            self._registry, self._opened = registry, time.monotonic()

    def _take(self, published: Mapping[str, str | None], problems: dict[str, str]) -> None:
        taken: dict[str, ServedTarget] = {}
        for folder in sorted(path.parent for path in self.ws.models.glob(f"*/{history.HISTORY}")):
            target = folder.name
            before = self.targets.get(target)
            load: Callable[[], Served | None] = partial(self._champion, target, before)
            champion = _attempt(problems, target, load, before.champion if before else None)
            if champion is not None:
                find = partial(self._by_id, folder, champion, before, published.get(target))
                by_id = _attempt(problems, target, find, before.by_id if before else None)
                taken[target] = ServedTarget(champion, by_id)
        # Folders that vanished: what is in memory goes on.
        for target, held in self.targets.items():
            if target not in taken:
                taken[target] = held
                problems.setdefault(target, f"{self.ws.models / target} has no models any more.")
        self.targets, self.problems = taken, problems

    def _champion(self, target: str, before: ServedTarget | None) -> Served:
        named = artifact.champion_id(self.ws, target)
        if before and named:
            # A roll-back gives the place to a model that may be loaded still.
            for held in (before.champion, before.by_id):
                if held and held.model_id == named and held.is_unchanged:
                    return held
        return self._served(artifact.champion(self.ws, target))

    def _by_id(
        self, folder: Path, champion: Served, before: ServedTarget | None, layout: str | None
    ) -> Served | None:
        """Return the newest model that was champion and reads the published layout."""
        if layout is None:
            return before.by_id if before else None
        known = (champion, before.champion, before.by_id) if before else (champion,)
        for served in known:
            if served and layout in ("", served.layout):
                return served
        for model_id in reversed(history.champions(history.read(folder))):
            card = read_card(folder / model_id)
            if ModelInput.of(card.target, model_id, card.features).layout == layout:
                return self._served(artifact.load(folder / model_id))
        return None

    def _served(self, model: Artifact) -> Served:
        predictor = Predictor.of(model)
        layout = ModelInput.of(model.card.target, model.model_id, model.features).layout
        files = signature(model.folder)
        names = tuple(feature.name for feature in model.features)
        return Served(predictor, names, meanings(model), layout, _seconds_a_row(model), files)


def _version(reader: TargetInput) -> ViewVersion | None:
    found = reader.read([])
    return ViewVersion(found.moment, found.layout)


def signature(folder: Path, *names: str) -> Signature:
    """Return names, sizes and times of a folder's files, or of those named; empty where none is."""
    try:
        paths = [folder / name for name in names] if names else sorted(folder.iterdir())
        found = [(path, path.stat()) for path in paths if path.exists()]
    except OSError:
        return ()
    return tuple((str(path), status.st_ino, status.st_mtime_ns) for path, status in found)


def _seconds_a_row(model: Artifact) -> float:
    """Return what a prediction of one row takes, the least of three."""
    row = np.zeros((1, len(model.features)), dtype=np.float32)

    def once() -> float:
        start = time.perf_counter()
        model.model.predict(row)
        return time.perf_counter() - start

    return min(once() for _ in range(3))


def _attempt(
    problems: dict[str, str], what: str, job: Callable[[], Result], otherwise: Result
) -> Result:
    """Return what the job returns; where it fails, note that as a problem of `what`."""
    try:
        return job()
    except AlmanacError as error:
        problems[what] = str(error)
        return otherwise
