"""The section `monitoring` of workspace.yml: what is compared with what, what is an alarm."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated

from pydantic import ConfigDict, Field

from ml.workspace.errors import BadInput
from ml.workspace.settings import Workspace
from ml.workspace.validation import Number, Whole, section

SECTION = "monitoring"
NEXT = "Correct it (docs/monitoring.md lists the settings), then: dbt build"


@dataclass(frozen=True)
class Reference:
    """The first and the last month that all others are compared with; any day of them."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    first: date
    until: date


@dataclass(frozen=True)
class Thresholds:
    """From which population stability index, less its noise, a feature is warned of and alarmed."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    warn: Annotated[Number, Field(gt=0, allow_inf_nan=False)] = 0.1
    alarm: Annotated[Number, Field(gt=0, allow_inf_nan=False)] = 0.25


@dataclass(frozen=True)
class Silence:
    """What raises no alarm until the end of a day, and why: features, targets or tables by name.

    `what` may have `*` for any characters.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    what: Annotated[str, Field(min_length=1)]
    until: date
    reason: Annotated[str, Field(min_length=1)]


@dataclass(frozen=True)
class MonitoringSettings:
    """What workspace.yml says of monitoring.

    `reference` goes before the months that champions learnt from. A month is measured by about
    `customers` customers, and the newest `months` months are. `families` has thresholds of its own
    for families by name (`*` for any characters), the first that fits; `psi` those of all others.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    reference: Reference | None = None
    customers: Annotated[Whole, Field(ge=100)] = 10_000
    months: Annotated[Whole, Field(ge=2)] = 24
    psi: Thresholds = Thresholds()
    families: dict[str, Thresholds] = field(default_factory=dict)
    silence: tuple[Silence, ...] = ()

    def values(self) -> dict[str, str]:
        """Return what SQL reads as settings, `monitoring.<name>`, as text."""
        reference = self.reference
        return {
            "monitoring.reference_from": _month(reference.first) if reference else "",
            "monitoring.reference_until": _month(reference.until) if reference else "",
            "monitoring.customers": str(self.customers),
            "monitoring.months": str(self.months),
        }

    def rules(self) -> Iterator[tuple[str, str, float | None, float | None, str | None, str]]:
        """Yield what SQL reads as rules: kind, pattern, warn, alarm, until (ISO date), reason."""
        for pattern, psi in (*self.families.items(), ("*", self.psi)):
            yield "thresholds", pattern, psi.warn, psi.alarm, None, ""
        for each in self.silence:
            yield "silence", each.what, None, None, each.until.isoformat(), each.reason


def monitoring_settings(ws: Workspace) -> MonitoringSettings:
    """Return the workspace's settings of monitoring; the defaults where it has no such section.

    Raises:
        BadInput: a setting is unknown or wrong; the error names the file and the place in it.
    """
    found = section(ws, SECTION, MonitoringSettings, NEXT)
    place = f"{ws.home / 'workspace.yml'}: {SECTION}"
    if found.reference and found.reference.first > found.reference.until:
        raise BadInput(f"{place}.reference: `first` comes after `until`.", NEXT)
    for name, each in {"psi": found.psi, **found.families}.items():
        if each.warn > each.alarm:
            raise BadInput(f"{place}: {name}: `warn` is more than `alarm`.", NEXT)
    return found


def _month(day: date) -> str:
    return day.replace(day=1).isoformat()
