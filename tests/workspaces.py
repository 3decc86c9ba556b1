"""Workspaces for tests: raw files in, the commands a person types, queries out."""

import functools
import os
import pprint
import shutil
import subprocess
import sys
import tempfile
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import msgpack
import pytest
import yaml
from dbt.adapters.contracts.connection import Credentials
from dbt.config.profile import Profile, read_profile
from dbt.config.renderer import ProfileRenderer
from dbt.contracts.files import FileHash
from dbt.flags import set_from_args
from dbt_common.context import set_invocation_context

from ml.workspace.settings import Workspace, workspace_at
from tests import warm_commands

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED_DATA = REPOSITORY.parent / "shared" / "data"
PROJECT = REPOSITORY / "dbt_project"
BIN = Path(sys.executable).parent
# The file that dbt keeps the parsed project in.
PARSED = "partial_parse.msgpack"


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
        environment = environment_of(self.home, self.raw)
        if "dbt" in command and not (self.home / "target").exists():
            put_parsed_project(self)
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


def put_parsed_project(ws: TestWorkspace, project: Path = PROJECT) -> None:
    """Spare a new workspace the ten seconds in which dbt parses the project from nothing.

    dbt goes on from what it parsed before where the hash of the connection is the same
    (`dbt.parser.manifest`, `ManifestLoader.build_manifest_state_check`); so the hash becomes that
    of this workspace's connection. Where dbt trusts it not, it parses anew.
    """
    content = msgpack.unpackb(parsed_project(), strict_map_key=False)
    environment = environment_of(ws.home, ws.raw) | {"DBT_PROJECT_DIR": str(project)}
    connection = pprint.pformat(sorted(_credentials(environment).connection_info()))
    content["state_check"]["profile_hash"] = FileHash.from_contents(connection).to_dict()
    (ws.home / "target").mkdir()
    (ws.home / "target" / PARSED).write_bytes(msgpack.packb(content))


@functools.cache
def parsed_project() -> bytes:
    """What dbt keeps of the project once it is parsed; once a process."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        subprocess.run(
            ["dbt", "parse", "--quiet"], env=environment_of(home, home), check=True, cwd=REPOSITORY
        )
        return (home / "target" / PARSED).read_bytes()


def _credentials(environment: Mapping[str, str]) -> Credentials:
    set_from_args(Namespace(), None)
    set_invocation_context(environment)
    raw_profiles = read_profile(str(PROJECT))
    return Profile.from_raw_profiles(raw_profiles, "almanac", ProfileRenderer({})).credentials


def environment_of(home: Path, raw: Path) -> dict[str, str]:
    """The environment of commands on the workspace at `home` over the raw folder."""
    return os.environ | {
        "ALMANAC_HOME": str(home),
        "ALMANAC_RAW": str(raw),
        "DBT_PROJECT_DIR": str(PROJECT),
        "DBT_PROFILES_DIR": str(PROJECT),
        "DBT_TARGET_PATH": str(home / "target"),
        "DBT_LOG_PATH": str(home / "logs"),
        "FEATURE_REPO_DIR_ENV_VAR": str(REPOSITORY / "feature_repo"),
        "PATH": os.pathsep.join([str(warm_commands.folder()), str(BIN), os.environ["PATH"]]),
    }


def copy_raw(source: Path, target: Path, *patterns: str) -> Path:
    """The files of `source` that match, below `target`, in the same folders."""
    for pattern in patterns:
        for file in source.glob(pattern):
            place = target / file.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)
    return target
