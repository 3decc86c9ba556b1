"""Workspaces that several modules look at; each is built once a session and only read."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.workspaces import TestWorkspace, make_workspace, real_data

# A busy machine is no failure.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


def built(home: Path, raw: Path, **settings: object) -> TestWorkspace:
    ws = make_workspace(home, raw, **settings)
    ws.must("dbt", "build", "--quiet")
    return ws


def genuine(name: str) -> object:
    """The fixture of a workspace over the genuine files of `name`."""

    @pytest.fixture(scope="session", name=name)
    def build(tmp_path_factory: pytest.TempPathFactory) -> TestWorkspace:
        return built(tmp_path_factory.mktemp(name), real_data(name))

    return build


one_click = genuine("one_click")
retailtech = genuine("retailtech")
cdnow = genuine("cdnow")
online_retail = genuine("online_retail")
mbd_sample = genuine("mbd_sample")


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    """Debian's Chromium; who asks for it is skipped where it is absent."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Debian's chromium is not installed")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> TestWorkspace:
    """A small simulated company with every source, built."""
    from ml.simulate import simulate

    home = tmp_path_factory.mktemp("company")
    simulate(home, customers=600, months=9, seed=11)
    ws = built(home, home / "raw")
    # What dbt builds later in part writes a manifest with the words of that part alone.
    shutil.copy(home / "target" / "manifest.json", home / "target" / "manifest_of_all.json")
    return ws


@pytest.fixture(scope="session")
def scored(company: TestWorkspace, tmp_path_factory: pytest.TempPathFactory) -> TestWorkspace:
    """The company with made-up scores and alarms, its marts built from them."""
    from tests.metric_oracle import ALARMS, SCORES

    home = tmp_path_factory.mktemp("scored") / "home"
    shutil.copytree(company.home, home)
    ws = TestWorkspace(home, company.raw)
    ws.change(SCORES)
    untested = ("--exclude", "resource_type:test", "resource_type:unit_test")
    ws.must("dbt", "build", "--quiet", "--select", "source:scores+", *untested)
    ws.change(ALARMS)
    return ws


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the project compiled for buckets; one for all processes that run tests."""
    from ml.lake.project import compile_project
    from ml.workspace.files import locked

    base = tmp_path_factory.getbasetemp()
    home = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "compiled"
    with locked(home):
        compile_project(make_workspace(home, Path()).opened())
    return home / "lake_target"


@pytest.fixture(scope="session")
def crowned(tmp_path_factory: pytest.TempPathFactory) -> object:
    """A workspace made by hand, with a champion whose input is registered."""
    from tests.small_workspace import crown, make_workspace

    ws = make_workspace(tmp_path_factory.mktemp("crowned"))
    crown(ws)
    return ws


@pytest.fixture(scope="session")
def ready(tmp_path_factory: pytest.TempPathFactory) -> object:
    """A workspace made by hand with two champions, kept rows, scores and online rows."""
    from tests.ready_workspace import make_ready

    return make_ready(tmp_path_factory.mktemp("ready") / "home")


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory) -> object:
    """A workspace with everything that a report shows, and its report."""
    from ml.pages.report import write_report
    from ml.workspace.settings import Workspace
    from tests.report_workspace import make_full

    home = tmp_path_factory.mktemp("full")
    ws = Workspace(home, home / "raw", {})
    make_full(ws)
    write_report(ws)
    return ws


def simulation(form: str) -> object:
    """The fixture of a simulated company's raw files in this form; they are not built."""

    @pytest.fixture(scope="session", name=form)
    def write(tmp_path_factory: pytest.TempPathFactory) -> object:
        from tests.simulated import simulated

        return simulated(tmp_path_factory.mktemp(form), form)

    return write


detail = simulation("detail")
ptls = simulation("ptls")
