"""The folder of a new project, copied from `templates/`: what all kinds share, then the kind's own.

Nothing is filled in: a project's files name no path, and so do those of any other project.
"""

import shutil
from pathlib import Path

from ml.workspace.errors import BadInput
from ml.workspace.files import fresh_folder
from ml.workspace.settings import REPOSITORY

TEMPLATES = Path(__file__).parent / "templates"
COMMON = "common"
# The one file that a project has as Almanac has it, for its owner to change.
FEAST_SETTINGS = Path("feature_repo") / "feature_store.yaml"
KINDS = ("shop", "bank")


def write_project(kind: str, folder: Path) -> list[Path]:
    """Write a project of a kind, whole or not at all; return its files, relative to `folder`.

    Args:
        kind: one of KINDS.
        folder: where; it must not exist, or be empty and not the current one.

    Raises:
        AlmanacError: the folder holds something, is a file, or cannot be written.
    """
    folder = folder.resolve()
    if taken := _taken(folder):
        raise BadInput(f"{folder} {taken}.", f"Name another folder: ml init {kind} <folder>")
    with fresh_folder(folder) as fresh:
        for part in (COMMON, kind):
            shutil.copytree(
                TEMPLATES / part,
                fresh,
                # pip compiles what it installs.
                ignore=shutil.ignore_patterns("__pycache__"),
                copy_function=_copied,
                dirs_exist_ok=True,
            )
        shutil.copyfile(REPOSITORY / FEAST_SETTINGS, fresh / FEAST_SETTINGS)
        return sorted(path.relative_to(fresh) for path in fresh.rglob("*") if path.is_file())


def _taken(folder: Path) -> str:
    """Return why no project can take the folder's place; empty where one can."""
    if not folder.exists():
        return ""
    if not folder.is_dir():
        return "is a file"
    if folder == Path.cwd():
        # A shell would stay in the folder that was replaced.
        return "is the current folder, which cannot be replaced"
    found = sorted(each.name for each in folder.iterdir())
    return f"is not empty: it holds {found[0]}{', …' if len(found) > 1 else ''}" if found else ""


def _copied(source: str, target: str) -> None:
    """Copy the content alone: installed files may be read-only, a project's own are not."""
    shutil.copyfile(source, target)
