"""What a training shall try: read from a TOML file or given on the command line."""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from ml.data.resampling import SAMPLINGS
from ml.data.window import parse_window
from ml.evaluation.thresholds import CRITERIA, Costs
from ml.models import FAMILIES, MIXTURES, Blend, Parameters, Stack
from ml.workspace.errors import BadInput
from ml.workspace.validation import Number, Texts, Whole, validated

SEED = 7
# What is compared without a search: on many rows what is fast, on few what differs most.
QUICK = ("lightgbm", "logistic")
VARIED = (*QUICK, "extra_trees", "svc")
FEW_ROWS = 5_000


@dataclass(frozen=True)
class Plan:
    """What to try and how to choose.

    `families` names those of `ml.models.FAMILIES` to try, `blend` for the mean of the best and
    `stack` for their weighted sum; empty, those that suit the rows. `budget` (seconds) or `trials`
    make it a search over parameters and samplings; a budget in trials gives the same model each
    time, one in seconds depends on the machine. `features` is the most inputs a model may have.
    `windows` are the months to learn from (`all`, a number of the last ones, `half-life:` and a
    number of months); of several a backtest chooses, and the first is what another has to beat.
    `customers` is the share of the customers to learn from and be judged on, None for all.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    families: Texts = ()
    budget: Annotated[Number, Field(gt=0)] | None = None
    trials: Annotated[Whole, Field(gt=0)] | None = None
    sampling: Texts = SAMPLINGS
    features: Annotated[Whole, Field(gt=0)] | None = None
    windows: Texts = ()
    customers: Annotated[Number, Field(gt=0, le=1)] | None = None
    criterion: str = "f1"
    costs: Costs = field(default_factory=Costs)
    seed: Whole = SEED

    @property
    def searches(self) -> bool:
        """Whether there is anything to search; else families are taken as they come."""
        return self.budget is not None or self.trials is not None

    @property
    def blends(self) -> bool:
        """Whether the mean of several families may be chosen."""
        return not self.families or Blend.family in self.families

    @property
    def stacks(self) -> bool:
        """Whether a weighted sum of several families may be chosen."""
        return not self.families or Stack.family in self.families

    def families_for(self, rows: int) -> list[str]:
        """Return the families to try on so many rows, in the order of `FAMILIES`."""
        return [name for name in self._wanted(rows) if not _reason(name, rows)]

    def starts(self, rows: int) -> list[tuple[str, Parameters]]:
        """Return what to try first: each family's defaults, on few rows their variants too."""
        families = [FAMILIES[name] for name in self.families_for(rows)]
        few = rows <= FEW_ROWS
        return [
            (family.name, parameters)
            for family in families
            for parameters in ({}, *(family.variants if few else ()))
        ]

    def left_out(self, rows: int) -> list[str]:
        """Return the families that were wanted and cannot be had, each with the reason."""
        reasons = {name: _reason(name, rows) for name in self._wanted(rows)}
        return [f"{name} ({reason})" for name, reason in reasons.items() if reason]

    def record(self) -> dict[str, Any]:
        """Return the plan for a model's card; `Plan.read` reads it."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def key(self) -> str:
        """Return a name for all that decides which trials are made, budgets aside."""
        searched = asdict(replace(self, budget=None, trials=None, criterion="", costs=Costs()))
        spaces = {name: repr(family.space) for name, family in FAMILIES.items()}
        text = json.dumps([searched, spaces], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def _wanted(self, rows: int) -> list[str]:
        if self.families:
            return [name for name in FAMILIES if name in self.families]
        if self.searches:
            return list(FAMILIES)
        return list(VARIED if rows <= FEW_ROWS else QUICK)


@dataclass(frozen=True)
class _Targets:
    targets: Texts


def read_plan(table: Mapping[str, Any], place: str) -> Plan:
    """Return the plan that the table describes.

    Raises:
        AlmanacError: a name or a value in it is not one of a plan's; `place` is named.
    """
    return checked(validated(Plan, table, place), place)


def read_config(path: Path) -> tuple[tuple[str, ...], Plan]:
    """Return the targets that a TOML file names (none: all) and its plan.

    Raises:
        AlmanacError: it is absent, no TOML, or not a plan.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadInput(f"There is no file {path}.", "See docs/models.md.") from error
    except (ValueError, OSError) as error:
        raise BadInput(f"{path} is not TOML: {error}", "Correct it, then train again.") from error
    wanted = validated(_Targets, {"targets": table.pop("targets", ())}, str(path))
    return wanted.targets, read_plan(table, str(path))


def checked(plan: Plan, place: str) -> Plan:
    """Return the plan.

    Raises:
        AlmanacError: it names what does not exist, or asks for what cannot be.
    """
    _refuse_unknown(place, "model family", plan.families, (*FAMILIES, *MIXTURES))
    _refuse_unknown(place, "sampling", plan.sampling, SAMPLINGS)
    _refuse_unknown(place, "criterion", (plan.criterion,), CRITERIA)
    for window in plan.windows:
        parse_window(window)
    if plan.budget is not None and plan.trials is not None:
        raise BadInput(f"{place}: a search ends by its budget or by its trials; give one.")
    if not plan.sampling or (plan.families and MIXTURES.keys() >= set(plan.families)):
        raise BadInput(f"{place}: there is nothing to try.", "Name a sampling and a family.")
    return plan


def _refuse_unknown(place: str, kind: str, names: tuple[str, ...], known: tuple[str, ...]) -> None:
    for name in names:
        if name not in known:
            raise BadInput(
                f"{place}: there is no {kind} {name}; there are {', '.join(known)}.",
                "Correct it, then: ml train",
            )


def _reason(name: str, rows: int) -> str:
    family = FAMILIES[name]
    if not family.installed:
        return "not installed"
    if family.most_rows is not None and rows > family.most_rows:
        return f"takes at most {family.most_rows} rows"
    return ""
