"""Workspaces for tests: raw files in, the commands a person types, queries out."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import pytest
import yaml

from ml.workspace.settings import Workspace, workspace_at

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED_DATA = REPOSITORY.parent / "shared" / "data"
BIN = Path(sys.executable).parent


def real_data(name: str) -> Path:
    """The folder of a genuine data set, or a skipped test where this machine has none."""
    folder = SHARED_DATA / name
    if not folder.exists():
        pytest.skip(f"the genuine files of {name} are not on this machine")
    return folder


@dataclass(frozen=True)
class Ran:
    """What a command left: exit code and both streams as one text."""

    code: int
    text: str


@dataclass(frozen=True)
class TestWorkspace:
    """A workspace in a folder of its own, used through the commands a person types."""

    __test__ = False
    home: Path
    raw: Path

    def opened(self) -> Workspace:
        """The same workspace as the code sees it."""
        return replace(workspace_at(self.home), raw=self.raw, target=self.home / "target")

    def run(self, *command: str) -> Ran:
        environment = os.environ | {
            "ALMANAC_HOME": str(self.home),
            "ALMANAC_RAW": str(self.raw),
            "DBT_PROJECT_DIR": str(REPOSITORY / "dbt_project"),
            "DBT_PROFILES_DIR": str(REPOSITORY / "dbt_project"),
            "DBT_TARGET_PATH": str(self.home / "target"),
            "DBT_LOG_PATH": str(self.home / "logs"),
            "FEATURE_REPO_DIR_ENV_VAR": str(REPOSITORY / "feature_repo"),
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        }
        done = subprocess.run(
            command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
        )
        return Ran(done.returncode, done.stdout + done.stderr)

    def must(self, *command: str) -> str:
        ran = self.run(*command)
        assert ran.code == 0, f"{' '.join(command)}\n{ran.text[-4000:]}"
        return ran.text

    def query(self, sql: str) -> list[tuple]:
        with duckdb.connect(str(self.home / "warehouse.duckdb"), read_only=True) as warehouse:
            return warehouse.execute(sql).fetchall()

    def value(self, sql: str) -> object:
        return self.query(sql)[0][0]

    def change(self, sql: str) -> None:
        with duckdb.connect(str(self.home / "warehouse.duckdb")) as warehouse:
            warehouse.execute(sql)


def make_workspace(home: Path, raw: Path, **settings: object) -> TestWorkspace:
    """A workspace at `home` over the raw folder, not built yet."""
    home.mkdir(parents=True, exist_ok=True)
    if settings:
        (home / "workspace.yml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return TestWorkspace(home, raw)


def copy_raw(source: Path, target: Path, *patterns: str) -> Path:
    """The files of `source` that match, below `target`, in the same folders."""
    for pattern in patterns:
        for file in source.glob(pattern):
            place = target / file.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)
    return target
