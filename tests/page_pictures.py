"""The pictures of the pages in the README, taken by headless Chromium.

    python -m tests.page_pictures data

writes `docs/report.png`, `docs/monitoring.png` and `docs/catalogue.png`, the first screens of those
pages of the workspace `data` that exist: after `make demo`, of the demo's company. It needs
Debian's `chromium`, which `tests/install_debian_packages.sh` installs.
"""

import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from ml.pages.navigation import pages
from ml.workspace.settings import workspace_at
from tests.workspaces import REPOSITORY

FOLDER = REPOSITORY / "docs"
SHOWN = ("Report", "Monitoring", "Catalogue")
# In pixels: a screen on which the contents stand beside the page.
SIZE = {"width": 1200, "height": 760}
COLOURS = 64


def take_pictures(home: Path, folder: Path = FOLDER) -> list[Path]:
    """Write what a browser shows first of each page in SHOWN that exists; return the pictures."""
    shown = [page for page in pages(workspace_at(home.resolve())) if page.title in SHOWN]
    taken = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for page in shown:
            if not page.path.exists():
                continue
            picture = folder / f"{page.title.lower()}.png"
            tab = browser.new_page(viewport=SIZE, color_scheme="light")
            tab.goto(page.path.as_uri(), wait_until="networkidle")
            tab.screenshot(path=picture)
            tab.close()
            _make_small(picture)
            taken.append(picture)
        browser.close()
    return taken


def _make_small(picture: Path) -> None:
    with Image.open(picture) as taken:
        # Maximum coverage keeps the colours of few pixels, such as those of marks.
        drawn = taken.convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE)
    drawn.save(picture, optimize=True)


if __name__ == "__main__":
    take_pictures(Path(sys.argv[1]))
