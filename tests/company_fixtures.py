"""The simulated company as the code sees it: its workspace, and `ml` within this process."""

import pytest
from click.testing import CliRunner, Result

from ml.cli import main
from ml.workspace.settings import Workspace


@pytest.fixture
def ws(company) -> Workspace:
    return company.opened()


@pytest.fixture
def ml(company, monkeypatch):
    def run(*arguments: str) -> Result:
        monkeypatch.setenv("ALMANAC_HOME", str(company.home))
        monkeypatch.setenv("DBT_TARGET_PATH", str(company.home / "target"))
        monkeypatch.setenv("COLUMNS", "140")
        return CliRunner().invoke(main, arguments)

    return run


def families(company) -> list[tuple[str, str]]:
    return company.query("select distinct family, relation from marts.dim_features order by 1")
