"""Superset with the dashboard of `docs/superset`, and its picture for `docs/bi.md`.

    python -m tests.superset_server WORKSPACE

It is looked for in the environment that SUPERSET_VENV names, then on PATH. The picture needs
Debian's `chromium`, which `tests/install_debian_packages.sh` installs.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests.workspaces import REPOSITORY

FOLDER = REPOSITORY / "docs" / "superset"
PICTURE = REPOSITORY / "docs" / "superset.png"
USER = "admin"
SIZE = {"width": 1280, "height": 1670}
# The picture is smaller, in few colours, to weigh little.
SHOWN_WIDTH = 900
COLOURS = 128
START_SECONDS = 120
CHARTS_SECONDS = 60
# What draws itself after its data came.
DRAWN_MS = 2000


def programs() -> Path | None:
    """The folder of Superset's programs; none where it is not installed."""
    if named := os.environ.get("SUPERSET_VENV"):
        return Path(named) / "bin"
    found = shutil.which("superset")
    return Path(found).parent if found else None


@dataclass(frozen=True)
class Superset:
    """A Superset with users and dashboards in a folder of its own."""

    bin: Path
    home: Path
    workspace: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.bin}:/usr/bin:/bin",
            "HOME": str(self.home),
            "ALMANAC_HOME": str(self.workspace),
            "SUPERSET_HOME": str(self.home),
            "SUPERSET_CONFIG_PATH": str(FOLDER / "superset_config.py"),
            "SUPERSET_SECRET_KEY": "known to this test alone",
            "FLASK_APP": "superset",
        }

    def must(self, *command: str) -> None:
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"

    def set_up(self) -> None:
        superset = str(self.bin / "superset")
        self.must(superset, "db", "upgrade")
        names = ("--firstname", "A", "--lastname", "A", "--email", "a@example.com")
        self.must(superset, "fab", "create-admin", "--username", USER, "--password", USER, *names)
        self.must(superset, "init")
        self.rebuild()

    def rebuild(self) -> None:
        self.must(str(self.bin / "python"), str(FOLDER / "rebuild.py"))

    @contextmanager
    def running(self) -> Iterator[None]:
        with (self.home / "server.log").open("w") as log:
            server = subprocess.Popen(
                [self.bin / "superset", "run", "--host", "127.0.0.1", "--port", str(self.port)],
                env=self.environment,
                stdout=log,
                stderr=log,
            )
            try:
                self._wait(server)
                yield
            finally:
                server.terminate()
                server.wait()

    def _wait(self, server: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and server.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/health"):
                    return
            except OSError:
                time.sleep(0.5)
        raise AssertionError((self.home / "server.log").read_text()[-4000:])


def made(home: Path, workspace: Path) -> Superset:
    """A new Superset in `home` with the dashboard over the workspace's published file."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    found = programs()
    assert found, "Superset is not installed"
    superset = Superset(found, home, workspace, port)
    superset.set_up()
    return superset


def open_dashboard(superset: Superset, tab: Page, charts: int) -> dict[int, object]:
    """Log in and wait for the charts.

    Returns:
        How many rows each chart got, by its number; Superset's answer where it was no data.
    """
    answers: dict[int, object] = {}

    def keep(response: object) -> None:
        if "/api/v1/chart/data" in response.url:
            chart = response.request.post_data_json["form_data"]["slice_id"]
            answer = response.json()
            rows = sum(part["rowcount"] for part in answer.get("result", []))
            answers[chart] = rows if response.ok else answer

    tab.on("response", keep)
    tab.goto(f"{superset.url}/login/")
    tab.get_by_test_id("username-input").fill(USER)
    tab.get_by_test_id("password-input").fill(USER)
    tab.keyboard.press("Enter")
    tab.wait_for_url(lambda url: "login" not in url)
    tab.goto(f"{superset.url}/superset/dashboard/almanac/?standalone=1&show_filters=0")
    until = time.monotonic() + CHARTS_SECONDS
    while len(answers) < charts and time.monotonic() < until:
        tab.wait_for_timeout(200)
    tab.wait_for_timeout(DRAWN_MS)
    return answers


def take_picture(tab: Page, picture: Path) -> None:
    """Write what the browser shows of the dashboard."""
    tab.screenshot(path=picture)
    with Image.open(picture) as taken:
        height = round(taken.height * SHOWN_WIDTH / taken.width)
        small = taken.convert("RGB").resize((SHOWN_WIDTH, height), Image.Resampling.LANCZOS)
    small.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, 1, dither=Image.Dither.NONE).save(
        picture, optimize=True
    )


@contextmanager
def browser_tab() -> Iterator[Page]:
    """A tab of Chromium, wide and high enough for the whole dashboard."""
    with sync_playwright() as playwright:
        playwright.selectors.set_test_id_attribute("data-test")
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        yield browser.new_page(viewport=SIZE)
        browser.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        new = made(Path(folder), Path(sys.argv[1]).resolve())
        with new.running(), browser_tab() as page:
            open_dashboard(new, page, len(list(FOLDER.glob("dashboard/charts/*.yaml"))))
            take_picture(page, PICTURE)
