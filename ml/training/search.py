"""A search with Optuna: which candidate comes next, and where it was when it was stopped."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.data.training_set import Labels
from ml.models import FAMILIES, Choice, Parameters, Range
from ml.training.crossfit import Candidate
from ml.training.plan import Plan
from ml.workspace.progress import Progress

if TYPE_CHECKING:
    import optuna

# What a trial is worth, by its number and its candidate.
Worth = Callable[[int, Candidate], float]
# A bar over so many of such units; without a number, one that only counts.
Bar = Callable[[int | None, str], Progress]


def progress(title: str, *, quiet: bool) -> Bar:
    """Return what makes progress bars with this title, shown on a terminal unless `quiet`."""
    return lambda total, unit: Progress(total=total, desc=title, unit=unit, disable=quiet)


class Search:
    """A search among candidates: each family's defaults first, then what the sampler suggests."""

    def __init__(
        self, plan: Plan, families: Sequence[str], labels: Labels, journal: Path | None
    ) -> None:
        """Open the search of `plan`, in memory or where `journal` keeps it."""
        self._plan, self._families, self._labels = plan, families, labels
        self._study = _opened(f"{plan.key()}-{'-'.join(families)}", journal)

    def run(self, worth: Worth, show: Bar) -> None:
        """Make trials until the plan's budget is spent.

        Trials of earlier runs count; a budget in seconds is that of this run.
        """
        with show(self._plan.trials, "trial") as bar:
            bar.update(len(self._done()))
            for _ in self._while_budget_lasts():
                trial = self._next()
                candidate = self._suggested(trial)
                self._study.tell(trial, worth(trial.number, candidate))
                bar.set_postfix_str(f"best {self._study.best_value:.4f}, {candidate.family}")
                bar.update()

    def tried(self) -> list[tuple[Candidate, float]]:
        """Return every candidate with what it is worth, in the order of trials."""
        return [(_candidate(trial.params), trial.value or 0.0) for trial in self._done()]

    def best(self) -> dict[int, Candidate]:
        """Return the best candidate of each family, by its trial's number."""
        ranked = sorted(self._done(), key=lambda trial: (-(trial.value or 0.0), trial.number))
        first: dict[str, tuple[int, Candidate]] = {}
        for trial in ranked:
            candidate = _candidate(trial.params)
            first.setdefault(candidate.family, (trial.number, candidate))
        return dict(first.values())

    def _while_budget_lasts(self) -> Iterator[None]:
        end = time.monotonic() + (self._plan.budget or 0.0)
        while self._lasts(end):
            yield

    def _lasts(self, end: float) -> bool:
        done = len(self._done())
        if self._plan.trials is not None:
            return done < self._plan.trials
        return time.monotonic() < end or not done

    def _next(self) -> "optuna.Trial":
        """Return the next trial. A study that goes on suggests what it would have, unstopped."""
        from optuna.samplers import TPESampler

        done = len(self._done())
        self._study.sampler = TPESampler(seed=self._plan.seed + done, n_startup_trials=0)
        starts = self._plan.starts(len(self._labels))
        if done < len(starts):
            self._study.enqueue_trial(self._start(*starts[done]))
        return self._study.ask()

    def _start(self, name: str, parameters: Parameters) -> dict[str, Any]:
        settings = {**FAMILIES[name].defaults(self._labels), **parameters}
        own = {f"{name}.{key}": value for key, value in settings.items()}
        return {"family": name, f"{name}.sampling": self._samplings(name)[0], **own}

    def _samplings(self, name: str) -> list[str]:
        """Return what may be done to the classes; weights mean nothing to some families."""
        wanted = self._plan.sampling
        weighted = FAMILIES[name].weighted
        return [each for each in wanted if weighted or each != "balanced"] or ["none"]

    def _suggested(self, trial: "optuna.Trial") -> Candidate:
        name = trial.suggest_categorical("family", self._families)
        trial.suggest_categorical(f"{name}.sampling", self._samplings(name))
        for key, space in FAMILIES[name].space.items():
            _suggest(trial, f"{name}.{key}", space)
        return _candidate(trial.params)

    def _done(self) -> "list[optuna.trial.FrozenTrial]":
        from optuna.trial import TrialState

        return self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def _opened(name: str, journal: Path | None) -> "optuna.Study":
    import optuna
    from optuna.storages import InMemoryStorage, JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if journal is None:
        return optuna.create_study(storage=InMemoryStorage(), direction="maximize")
    journal.parent.mkdir(parents=True, exist_ok=True)
    return optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(journal))),
        study_name=name,
        direction="maximize",
        load_if_exists=True,
    )


def _suggest(trial: "optuna.Trial", name: str, space: Range | Choice) -> None:
    if isinstance(space, Choice):
        trial.suggest_categorical(name, space.options)
    elif space.whole:
        trial.suggest_int(name, int(space.low), int(space.high), log=space.log)
    else:
        trial.suggest_float(name, space.low, space.high, log=space.log)


def _candidate(params: dict[str, Any]) -> Candidate:
    """Return the candidate of a trial, whose parameters are called `<family>.<name>`."""
    name = params["family"]
    own = {
        key.removeprefix(f"{name}."): value
        for key, value in params.items()
        if key.startswith(f"{name}.")
    }
    sampling = own.pop("sampling")
    return Candidate(name, own, sampling)
