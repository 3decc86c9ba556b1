"""All checks of a workspace, in the order in which it is made; whatever is broken, none raises."""

from collections.abc import Callable, Mapping
from functools import partial

from ml.doctor import machine, results, sources
from ml.doctor.check import FINE, Check, Diagnosis, Finding, broken, warning
from ml.workspace.errors import AlmanacError, Held
from ml.workspace.faults import Refused
from ml.workspace.settings import Workspace, workspace
from ml.workspace.texts import one_line

OF_MACHINE: Mapping[str, Callable[[], Finding]] = {
    "python": machine.python,
    "packages": machine.packages,
    "memory": machine.memory,
}
SETTINGS, WAREHOUSE = "workspace.yml", "warehouse"
OF_WORKSPACE: Mapping[str, Callable[[Workspace], Finding]] = {
    "variables": machine.variables,
    "disk": machine.disk,
    SETTINGS: sources.settings,
    "erasures": results.erasures,
    "raw files": sources.raw_files,
    "extras": sources.optional_packages,
    "dbt project": sources.manifest,
    "last build": results.last_build,
    WAREHOUSE: results.warehouse,
    "models": results.models,
}
# Of a warehouse that cannot be read they would all say the same.
OF_WAREHOUSE: Mapping[str, Callable[[Workspace], Finding]] = {
    "landed files": results.landed_files,
    "registry": results.registry,
    "champions": results.champions,
    "scores": results.scores,
    "marts of scores": results.marts,
    "online store": results.online_store,
    "published copy": results.published,
}


def examine() -> Diagnosis:
    """Look at the machine, and at the workspace that ALMANAC_HOME names; nothing is changed."""
    found = {name: _told(check) for name, check in OF_MACHINE.items()}
    try:
        ws = workspace()
    except AlmanacError as error:
        found[SETTINGS] = _finding(broken, error)
    else:
        found |= {name: _told(partial(check, ws)) for name, check in OF_WORKSPACE.items()}
        if found[WAREHOUSE].state == FINE:
            found |= {name: _told(partial(check, ws)) for name, check in OF_WAREHOUSE.items()}
    checks = (Check(name, each.state, each.what, each.next) for name, each in found.items())
    return Diagnosis(tuple(checks))


def _told(check: Callable[[], Finding]) -> Finding:
    """Return what a check finds; an error is a finding too, whatever it is."""
    try:
        return check()
    except AlmanacError as error:
        is_held = isinstance(error, Held) and not isinstance(error, Refused)
        return _finding(warning if is_held else broken, error)
    except Exception as error:
        return broken(f"it cannot be examined: {one_line(repr(error))}", "")


def _finding(state: Callable[[str, str], Finding], error: AlmanacError) -> Finding:
    return state(one_line(error.what), one_line(error.next))
