"""Putting a company in its place: whole or not at all, and never over someone's own files."""

import json
import shutil
from pathlib import Path

import yaml

from ml.simulate.scenario import Plan
from ml.simulate.truth import TRUTH
from ml.workspace.errors import BadInput
from ml.workspace.files import put, write_text
from ml.workspace.settings import read_settings

MARKER = ".simulated"
UNFINISHED, REPLACED = ".simulate-unfinished", ".simulate-replaced"
SETTINGS = "workspace.yml"


def refuse_foreign(home: Path) -> None:
    """Return quietly where a company may be written.

    Raises:
        AlmanacError: `home/raw` holds files that the simulator did not write, or the workspace
            reads its raw files from elsewhere.
    """
    raw = home / "raw"
    foreign = sorted(_files(raw) - _own_files(raw))
    if foreign:
        raise BadInput(
            f"{raw} holds files that the simulator did not write, such as {foreign[0]}.",
            "Name another workspace: ALMANAC_HOME=<folder> ml simulate",
        )
    elsewhere = read_settings(home / SETTINGS).get("raw", "raw")
    if (home / elsewhere).resolve() != raw.resolve():
        raise BadInput(
            f"{home / SETTINGS} reads raw files from {elsewhere}, not from {raw}.",
            "Name another workspace: ALMANAC_HOME=<folder> ml simulate",
        )


def start(home: Path) -> Path:
    """Return an empty folder beside the final ones."""
    refuse_foreign(home)
    work = home / UNFINISHED
    shutil.rmtree(work, ignore_errors=True)
    for part in ("raw/transactions", "truth"):
        (work / part).mkdir(parents=True)
    return work


def finish(home: Path, work: Path, plan: Plan) -> None:
    """Swap the finished folders in and set the snapshot months; other settings stay."""
    refuse_foreign(home)
    _mark(work / "raw", plan)
    old = home / REPLACED
    shutil.rmtree(old, ignore_errors=True)
    if (home / "raw").exists():
        put(home / "raw", old)
    put(work / "raw", home / "raw")
    (home / TRUTH).parent.mkdir(exist_ok=True)
    put(work / TRUTH, home / TRUTH)
    _settle(home / SETTINGS, plan)
    shutil.rmtree(old, ignore_errors=True)
    shutil.rmtree(work)


def _files(folder: Path) -> set[str]:
    return {str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()}


def _mark(raw: Path, plan: Plan) -> None:
    """Leave in `raw` the arguments it was made with and the names of its files."""
    marks = {name: getattr(plan, name) for name in ("customers", "months", "seed", "form")}
    marks["files"] = [*sorted(_files(raw)), MARKER]
    (raw / MARKER).write_text(json.dumps(marks, indent=1) + "\n", encoding="utf-8")


def _own_files(raw: Path) -> set[str]:
    """Return the names of the files in `raw` that the simulator wrote; none without its marker."""
    try:
        return set(json.loads((raw / MARKER).read_text(encoding="utf-8"))["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _settle(path: Path, plan: Plan) -> None:
    before = read_settings(path)
    snapshot = plan.calendar[plan.months - 1].astype("datetime64[D]")
    # A date of its own each: YAML would write a shared one as an alias.
    dated = {
        source: {**(before.get(source) or {}), "snapshot_month": snapshot.item()}
        for source in ("one_click", "retailtech")
    }
    settings = {**before, **dated}
    if settings != before:
        write_text(path, yaml.safe_dump(settings, allow_unicode=True, sort_keys=False))
