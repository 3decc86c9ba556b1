"""The champions that the service answers with, exchanged while it runs.

A champion answers records. Customers by id are answered with a model whose input the online store
holds: between a promotion or a roll-back and the next `ml materialize` that is the champion before.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
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
ONLINE, BY_ID = "online store", "{} by id"
REGISTRY = "registry.db"
REGISTRY_SECONDS = 30.0
LOG = logging.getLogger("almanac.champions")
MATERIALIZE = "feast apply && ml materialize"


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

    def reads(self, layout: str) -> bool:
        """Return whether a materialized input is one of its; Feast's own tells no layout."""
        return layout in ("", self.layout)


@dataclass(frozen=True)
class ServedTarget:
    """A target's champion, and the model that answers by id; None where none can."""

    champion: Served
    by_id: Served | None


@dataclass
class Champions:
    """All targets' models in memory; a change is taken over whole, between two requests.

    `problems` says by target, or "online store", what could not be taken over: what was served
    before goes on; and by "<target> by id" why not the champion scores customers. `as_of` has the
    moment (naive UTC) of each target's materialized input.
    """

    ws: Workspace
    targets: Mapping[str, ServedTarget] = field(default_factory=dict)
    inputs: Mapping[str, TargetInput] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    as_of: Mapping[str, datetime] = field(default_factory=dict)
    _registry: Signature = ()
    _opened: float = 0.0
    _layouts: dict[Path, str] = field(default_factory=dict)
    _told: Mapping[str, str] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def load(self) -> None:
        """Load the models that answer, for workers to share; no connection to the store stays."""
        with self._lock:
            self._look()
            self.inputs, self._registry = {}, ()

    def refresh(self) -> None:
        """Take over what was promoted, rolled back or materialized since, and log it."""
        with self._lock:
            before = self.targets
            self._look()
            self._tell(before)

    def published(self, target: str, customers: list[str]) -> tuple[Served, PublishedInputs]:
        """Return the customers' inputs and the model that they are for, of one generation.

        Raises:
            AlmanacError: nothing is materialized for the target, or what no model here can read.
        """
        for last in (False, True):
            reader, held = self.inputs.get(target), self.targets.get(target)
            if reader and held:
                found = reader.read(customers)
                for served in (held.champion, held.by_id):
                    if served and served.reads(found.layout):
                        return served, found
            if not last:
                # A generation that appeared since the last refresh.
                self.refresh()
        raise NotBuilt(
            f"No input of {target} is materialized that a model of it can read.",
            f"Materialize it: {MATERIALIZE}",
            target=target,
        )

    def _look(self) -> None:
        problems: dict[str, str] = {}
        folders = sorted(path.parent for path in self.ws.models.glob(f"*/{history.HISTORY}"))
        if folders or self.targets:
            _attempt(problems, ONLINE, self._open_inputs, None)
        known = {folder.name for folder in folders} | self.targets.keys()
        found = {
            target: _attempt(problems, BY_ID.format(target), partial(_version, reader), None)
            for target, reader in self.inputs.items()
            if target in known
        }
        layouts = {target: each.layout for target, each in found.items() if each}
        targets = self._taken(folders, layouts, problems)
        for target, held in targets.items():
            name = BY_ID.format(target)
            # Where the store cannot be read, that is said already.
            if target in layouts or not {ONLINE, name} & problems.keys():
                told = _not_by_champion(target, held, layouts.get(target))
                if lines := [line for line in (told, problems.get(name)) if line]:
                    problems[name] = "\n".join(lines)
        self.as_of = {target: each.moment for target, each in found.items() if each}
        self.targets, self.problems = targets, problems

    def _open_inputs(self) -> None:
        registry = signature(self.ws.home, REGISTRY)
        # A registry in a database has no file that changes.
        is_old = not registry and time.monotonic() > self._opened + REGISTRY_SECONDS
        if registry != self._registry or not self.inputs or is_old:
            self.inputs = target_inputs(self.ws)
            self._registry, self._opened = registry, time.monotonic()

    def _taken(
        self, folders: Iterable[Path], layouts: Mapping[str, str], problems: dict[str, str]
    ) -> dict[str, ServedTarget]:
        """Return what is served from now on, given the layouts of what is materialized."""
        taken: dict[str, ServedTarget] = {}
        for folder in folders:
            target = folder.name
            before = self.targets.get(target)
            load: Callable[[], Served | None] = partial(self._champion, target, before)
            champion = _attempt(problems, target, load, before.champion if before else None)
            if champion is not None:
                given = (champion, before, layouts.get(target), problems)
                find = partial(self._by_id, folder, *given)
                by_id = _attempt(problems, target, find, before.by_id if before else None)
                taken[target] = ServedTarget(champion, by_id)
        # Folders that vanished: what is in memory goes on.
        for target, held in self.targets.items():
            if target not in taken:
                taken[target] = held
                problems.setdefault(target, f"{self.ws.models / target} has no models any more.")
        return taken

    def _champion(self, target: str, before: ServedTarget | None) -> Served:
        named = artifact.champion_id(self.ws, target)
        if before and named:
            # A roll-back gives the place to a model that may be loaded still.
            for held in (before.champion, before.by_id):
                if held and held.model_id == named and held.is_unchanged:
                    return held
        return self._served(artifact.champion(self.ws, target))

    def _by_id(
        self,
        folder: Path,
        champion: Served,
        before: ServedTarget | None,
        layout: str | None,
        problems: dict[str, str],
    ) -> Served | None:
        """Return the champion if it reads the materialized layout, else the best one that does.

        Which one that is follows from what is on the disk alone: it is the same after a restart.
        """
        if layout is None:
            return before.by_id if before else None
        if champion.reads(layout):
            return champion
        held = (before.champion, before.by_id) if before else ()
        in_memory = {each.model_id: each for each in held if each}
        missed: dict[str, str] = {}
        for model_id in self._candidates(folder, layout):
            path, found = folder / model_id, in_memory.get(model_id)
            find = partial(self._layout, path)
            if (found.layout if found else _attempt(missed, model_id, find, None)) != layout:
                continue
            if found is None or not found.is_unchanged:
                load: Callable[[], Served | None] = partial(self._loaded, path)
                found = _attempt(missed, model_id, load, found)
            if found:
                missed = {model_id: missed[model_id]} if model_id in missed else {}
                break
        else:
            found = None
        if missed:
            problems[BY_ID.format(folder.name)] = next(iter(missed.values()))
        return found

    def _candidates(self, folder: Path, layout: str) -> Iterable[str]:
        """Return the models that may answer in the champion's place, the best first.

        The champions before it, the model that this input was made for, those rolled back.
        """
        events = history.read(folder)
        reader = self.inputs.get(folder.name)
        made_for = reader.model_of(layout) if reader else None
        were = [event.model_id for event in events if event.what == "promoted"]
        named = [*reversed(history.champions(events)), made_for, *reversed(were)]
        return dict.fromkeys(each for each in named if each)

    def _layout(self, folder: Path) -> str:
        # A model's id is a hash of what it is: its layout stays.
        if folder not in self._layouts:
            card = read_card(folder)
            self._layouts[folder] = ModelInput.of(card.target, folder.name, card.features).layout
        return self._layouts[folder]

    def _loaded(self, folder: Path) -> Served:
        return self._served(artifact.load(folder))

    def _served(self, model: Artifact) -> Served:
        predictor = Predictor.of(model)
        layout = ModelInput.of(model.card.target, model.model_id, model.features).layout
        files = signature(model.folder)
        names = tuple(feature.name for feature in model.features)
        return Served(predictor, names, meanings(model), layout, _seconds_a_row(model), files)

    def _tell(self, before: Mapping[str, ServedTarget]) -> None:
        """Log which models were taken over, and once each what could not be."""
        for target, held in self.targets.items():
            was = before.get(target)
            for what, now, then in (
                ("records", held.champion, was and was.champion),
                ("customers by id", held.by_id, was and was.by_id),
            ):
                if now is not None and now is not then:
                    told = {"target": target, "model_id": now.model_id, "what": what}
                    LOG.info("model taken over", extra=told)
        for name, problem in self.problems.items():
            if self._told.get(name) != problem:
                target = name.removesuffix(BY_ID.format(""))
                told = {"target": target, "model_id": self._named(target), "what": problem}
                LOG.warning("not taken over", extra=told)
        self._told = self.problems

    def _named(self, target: str) -> str:
        """Return the champion's id, `""` where none can be read."""
        try:
            return artifact.champion_id(self.ws, target) or ""
        except AlmanacError:
            return ""


def _not_by_champion(target: str, held: ServedTarget, layout: str | None) -> str:
    """Return who scores customers by id in the champion's place, `""` where the champion does.

    `layout` is that of the materialized input, None where there is none.
    """
    champion, by_id = held.champion.model_id, held.by_id
    if layout is None or by_id is None or not by_id.reads(layout):
        return (
            f"No customer of {target} can be scored by id: no input is materialized that a model "
            f"of it can read. Next: {MATERIALIZE}"
        )
    if by_id.model_id == champion:
        return ""
    return (
        f"Customers of {target} are scored by {by_id.model_id} instead of the champion {champion}, "
        f"whose input is not materialized. Next: {MATERIALIZE}"
    )


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
