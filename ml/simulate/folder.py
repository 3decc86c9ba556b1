"""The folders of a run: written aside, moved in when complete, never over a person's own files."""

import json
import shutil
from pathlib import Path

import yaml

from ml.simulate.scenario import Scenario
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


def make_work_folder(home: Path) -> Path:
    """Return an empty folder in `home` to write the run's files to."""
    refuse_foreign(home)
    work = home / UNFINISHED
    shutil.rmtree(work, ignore_errors=True)
    for folder in ("raw/transactions", "truth"):
        (work / folder).mkdir(parents=True)
    return work


def move_into_place(home: Path, work: Path, scenario: Scenario) -> None:
    """Replace `raw/` and the truth by those in `work`; set the snapshot months in the settings."""
    refuse_foreign(home)
    _mark(work / "raw", scenario)
    old = home / REPLACED
    shutil.rmtree(old, ignore_errors=True)
    if (home / "raw").exists():
        put(home / "raw", old)
    put(work / "raw", home / "raw")
    (home / TRUTH).parent.mkdir(exist_ok=True)
    put(work / TRUTH, home / TRUTH)
    _set_snapshot_months(home / SETTINGS, scenario)
    shutil.rmtree(old, ignore_errors=True)
    shutil.rmtree(work)


def _files(folder: Path) -> set[str]:
    return {str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()}


def _mark(raw: Path, scenario: Scenario) -> None:
    """Write the marker file: the run's arguments and the names of all files in `raw`."""
    marks = {name: getattr(scenario, name) for name in ("customers", "months", "seed", "form")}
    planted = scenario.plants.since.items()
    if planted:
        marks["plants"] = [f"{kind}@{scenario.calendar[month]}" for kind, month in planted]
    marks["files"] = [*sorted(_files(raw)), MARKER]
    (raw / MARKER).write_text(json.dumps(marks, indent=1) + "\n", encoding="utf-8")


def _own_files(raw: Path) -> set[str]:
    """Return the names of the files in `raw` that the simulator wrote; none without its marker."""
    try:
        return set(json.loads((raw / MARKER).read_text(encoding="utf-8"))["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _set_snapshot_months(path: Path, scenario: Scenario) -> None:
    before = read_settings(path)
    snapshot = scenario.calendar[scenario.months - 1].astype("datetime64[D]")
    # Each source gets a date object of its own: YAML would write a shared one as an alias.
    dated = {
        source: {**(before.get(source) or {}), "snapshot_month": snapshot.item()}
        for source in ("one_click", "retailtech")
    }
    settings = {**before, **dated}
    if settings != before:
        write_text(path, yaml.safe_dump(settings, allow_unicode=True, sort_keys=False))
