"""Checks of the machine and of what is installed on it; they need no workspace."""

import os
import platform
import shutil
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from ml.doctor.check import Finding, broken, fine, warning
from ml.workspace.memory import bytes_of, machine_memory
from ml.workspace.settings import DBT_PROJECT, REPOSITORY, Workspace, environment, is_checkout
from ml.workspace.texts import few

OURS = "almanac"
# So many packages are named.
NAMED = 3
# With fewer free bytes on its disk nothing can be written.
LEAST_FREE = 100 * 10**6


def python() -> Finding:
    """Compare this Python with the versions that the project asks for."""
    asked = str(metadata(OURS)["Requires-Python"])
    here = platform.python_version()
    if here not in SpecifierSet(asked):
        return broken(f"Python {here}, where {asked} is needed", _install())
    return fine(f"Python {here}")


def packages() -> Finding:
    """Compare the installed packages with what the project asks for."""
    wrong = []
    required = [Requirement(each) for each in requires(OURS) or ()]
    requirements = [each for each in required if each.marker is None or each.marker.evaluate()]
    for each in requirements:
        try:
            found = version(each.name)
        except PackageNotFoundError:
            return broken(f"{each.name} is not installed", _install())
        if not each.specifier.contains(found, prereleases=True):
            wrong.append(f"{each.name} {found} (needed: {each.specifier})")
    if wrong:
        return warning(f"other versions than tested: {few(wrong, NAMED)}", _install())
    return fine(f"{len(requirements)} packages; DuckDB {version('duckdb')}")


def variables(ws: Workspace) -> Finding:
    """Compare what `.envrc` sets with this repository, or the user's project, and workspace."""
    found = environment()
    # A project that `ml init` wrote is where its own `.envrc` says.
    root = REPOSITORY if is_checkout() else Path(found.get("DBT_PROJECT_DIR") or ".").parent
    wanted = {
        "DBT_PROJECT_DIR": root / "dbt_project",
        "DBT_PROFILES_DIR": DBT_PROJECT,
        "DBT_TARGET_PATH": ws.home / "target",
        "FEATURE_REPO_DIR_ENV_VAR": root / "feature_repo",
    }
    if absent := [name for name in wanted if not found.get(name)]:
        what = f"{', '.join(absent)} not set: dbt and feast would look elsewhere"
        return warning(what, "source .envrc")
    for name, place in wanted.items():
        if os.path.realpath(found[name]) != os.path.realpath(place):
            return warning(f"{name} is {found[name]}, not {place}", "source .envrc")
    return fine(f"as .envrc sets them, for {ws.home}")


def memory() -> Finding:
    """Compare the machine's memory with what DuckDB may take by dbt's profile."""
    limit = str(_profile()["settings"]["memory_limit"])
    allowed, there = bytes_of(limit), machine_memory()
    cores = len(os.sched_getaffinity(0))
    what = f"{there / 1e9:.1f} GB, {cores} cores; DuckDB takes up to {limit}"
    if allowed > there:
        place = DBT_PROJECT / "profiles.yml"
        return warning(what, f"Lower memory_limit in {place} below the machine's memory.")
    return fine(what)


def disk(ws: Workspace) -> Finding:
    """Compare the free space with what a build, a publishing or an erasure writes anew."""
    place = ws.home
    while not place.exists():
        place = place.parent
    if not os.access(place, os.W_OK | os.X_OK):
        return broken(
            f"nothing can be written below {place}",
            "Own it, or set ALMANAC_HOME to a folder of yours.",
        )
    free = shutil.disk_usage(place).free
    needed = sum(path.stat().st_size for path in (ws.warehouse, ws.published) if path.is_file())
    what = f"{free / 1e9:.1f} GB free; warehouse and published copy take {needed / 1e9:.1f} GB"
    free_some = f"Free space on the disk of {ws.home}."
    if free < LEAST_FREE:
        return broken(what, free_some)
    if free < needed:
        return warning(f"{what}, and are written anew", free_some)
    return fine(what)


def _install() -> str:
    if is_checkout():
        return "make setup"
    return "pip install --force-reinstall --constraint constraints.txt <the wheel of Almanac>"


def _profile() -> Mapping[str, Any]:
    text = (DBT_PROJECT / "profiles.yml").read_text(encoding="utf-8")
    profile: Mapping[str, Any] = yaml.safe_load(text)["almanac"]["outputs"]["local"]
    return profile
