"""Builds a warehouse from a folder of raw files with dbt, up to the feature models."""

import re
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from ml.workspace.errors import NotBuilt
from ml.workspace.progress import Progress
from ml.workspace.settings import dbt_profiles, environment

STEP = re.compile(r"\b(\d+) of (\d+) (?:OK|ERROR|SKIP|NO-OP|PASS|WARN|FAIL)")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
KEPT_LINES = 60


def build_models(project: Path, home: Path, raw: Path, models: Sequence[str], what: str) -> Path:
    """Build `models`, and all that they are made from, in a fresh warehouse; tests are left out.

    Args:
        project: the dbt project.
        home: the folder of the workspace, which has no warehouse yet.
        raw: the raw files.
        models: names of dbt models.
        what: words for what is built, for progress and errors.

    Returns:
        The warehouse.

    Raises:
        AlmanacError: dbt failed; the message carries dbt's own.
    """
    command = [sys.executable, "-m", "dbt.cli.main", "--no-use-colors", "build"]
    command += ["--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"]
    command += ["--project-dir", str(project), "--profiles-dir", str(dbt_profiles())]
    command += ["--select", *(f"+{model}" for model in models)]
    variables = environment(
        ALMANAC_HOME=str(home),
        ALMANAC_RAW=str(raw),
        DBT_PROJECT_DIR=str(project),
        DBT_TARGET_PATH=str(home / "target"),
        DBT_LOG_PATH=str(home / "logs"),
    )
    code, lines = _run(command, home, variables, f"building {what}")
    if code:
        raise NotBuilt(
            f"dbt cannot build {what}:\n{_error_text(lines)}",
            "See whether the workspace itself still builds: dbt build --full-refresh",
        )
    return home / "warehouse.duckdb"


def _run(
    command: list[str], folder: Path, variables: dict[str, str], title: str
) -> tuple[int, list[str]]:
    """Run dbt with a bar of its steps; return its exit code and its last lines."""
    lines: deque[str] = deque(maxlen=KEPT_LINES)
    with (
        subprocess.Popen(
            command,
            cwd=folder,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process,
        Progress(desc=title, leave=False) as bar,
    ):
        for line in process.stdout or ():
            lines.append(COLOURS.sub("", line).rstrip())
            if step := STEP.search(line):
                bar.total = int(step[2])
                bar.update()
    return process.returncode, list(lines)


def _error_text(lines: Sequence[str]) -> str:
    """The output of dbt from its first error on, without the times."""
    plain = [re.sub(r"^\d\d:\d\d:\d\d\s*", "", line) for line in lines]
    first = next((n for n, line in enumerate(plain) if "Error" in line), max(0, len(plain) - 15))
    return "\n".join(line for line in plain[first:] if line.strip())
