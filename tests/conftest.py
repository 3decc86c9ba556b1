"""Workspaces that several modules look at; each is built once a session and only read."""

from pathlib import Path

import pytest

from tests.workspaces import TestWorkspace, make_workspace, real_data


def built(home: Path, raw: Path, **settings: object) -> TestWorkspace:
    ws = make_workspace(home, raw, **settings)
    ws.must("dbt", "build", "--quiet")
    return ws


@pytest.fixture(scope="session")
def one_click(tmp_path_factory: pytest.TempPathFactory) -> TestWorkspace:
    return built(tmp_path_factory.mktemp("one_click"), real_data("one_click"))


@pytest.fixture(scope="session")
def retailtech(tmp_path_factory: pytest.TempPathFactory) -> TestWorkspace:
    return built(tmp_path_factory.mktemp("retailtech"), real_data("retailtech"))


@pytest.fixture(scope="session")
def cdnow(tmp_path_factory: pytest.TempPathFactory) -> TestWorkspace:
    return built(tmp_path_factory.mktemp("cdnow"), real_data("cdnow"))


@pytest.fixture(scope="session")
def online_retail(tmp_path_factory: pytest.TempPathFactory) -> TestWorkspace:
    return built(tmp_path_factory.mktemp("online_retail"), real_data("online_retail"))


@pytest.fixture(scope="session")
def mbd_sample(tmp_path_factory: pytest.TempPathFactory) -> TestWorkspace:
    return built(tmp_path_factory.mktemp("mbd_sample"), real_data("mbd_sample"))


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> TestWorkspace:
    """A small simulated company with every source, built."""
    from ml.simulate import simulate

    home = tmp_path_factory.mktemp("company")
    simulate(home, customers=600, months=9, seed=11)
    return built(home, home / "raw")
