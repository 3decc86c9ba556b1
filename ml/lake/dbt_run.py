"""dbt, run for a lake: in a process of its own, quiet unless it fails.

Who kills a build leaves its dbt running for some seconds. So dbt holds the lock of the folder that
it writes: the next build waits for it.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ml.workspace.errors import NotBuilt
from ml.workspace.files import locked
from ml.workspace.settings import dbt_profiles, dbt_project, environment


def run_dbt(home: Path, target: Path, profile: str, arguments: Sequence[str], next: str) -> None:
    """Run a command of dbt on the project.

    Args:
        home: the workspace's folder that dbt is to see.
        target: the folder for what dbt makes of the code.
        profile: the output of profiles.yml.
        arguments: the command and its options.
        next: the next command to tell of in an error.

    Raises:
        NotBuilt: dbt failed; the message carries dbt's own.
        AlmanacError: the disk refuses.
    """
    project, profiles = dbt_project(), dbt_profiles()
    command = [sys.executable, "-m", "dbt.cli.main", "--no-use-colors", "--quiet", *arguments]
    command += ["--target", profile]
    command += ["--project-dir", str(project), "--profiles-dir", str(profiles)]
    variables = environment(
        ALMANAC_HOME=str(home),
        DBT_PROJECT_DIR=str(project),
        DBT_TARGET_PATH=str(target),
        DBT_LOG_PATH=str(home / "logs"),
    )
    with locked(target) as lock:
        done = subprocess.run(
            command,
            cwd=home,
            env=variables,
            pass_fds=[lock],
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        told = done.stdout.strip() or done.stderr.strip()
        raise NotBuilt(f"dbt {arguments[0]} failed in {project}:\n{told}", next)
