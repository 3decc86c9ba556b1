"""The pictures of the pages in the README and the docs, taken by headless Chromium.

    python -m tests.page_pictures data

writes `docs/report.png` and `docs/monitoring.png`, first screens of the workspace `data`, and
`docs/catalogue-feature.png`, a search in its catalogue; pages that it has not are left out. After
`make demo` they are of the demo's company. It needs Debian's `chromium`, which
`tests/install_debian_packages.sh` installs.
"""

import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from ml.pages.navigation import pages
from ml.workspace.settings import workspace_at
from tests.workspaces import REPOSITORY

FOLDER = REPOSITORY / "docs"
# In pixels: a screen on which the contents stand beside the page.
SIZE = {"width": 1200, "height": 760}
WIDE = {"width": 1360, "height": 860}
COLOURS = 64
FEATURE, TYPED = "spend_amount_sum__3m", "spend amount 3m"


def search_a_feature(tab: Any) -> None:
    """Show a feature of the catalogue, and the search that finds it."""
    tab.goto(f"{tab.url}#feature/{FEATURE}")
    tab.locator(".lineage").wait_for()
    tab.locator("#query").fill(TYPED)


def first_screen(_tab: Any) -> None:
    """Show what a browser shows first."""


# By the page's title: the picture, its size, and what is shown.
SHOWN: Mapping[str, tuple[str, dict[str, int], Callable[[Any], None]]] = {
    "Report": ("report.png", SIZE, first_screen),
    "Monitoring": ("monitoring.png", SIZE, first_screen),
    "Catalogue": ("catalogue-feature.png", WIDE, search_a_feature),
}


def take_pictures(home: Path, folder: Path = FOLDER) -> list[Path]:
    """Write the picture of each page in SHOWN that exists; return the pictures."""
    taken = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for page in pages(workspace_at(home.resolve())):
            if page.title not in SHOWN or not page.path.exists():
                continue
            name, size, show = SHOWN[page.title]
            tab = browser.new_page(viewport=size, color_scheme="light")
            tab.goto(page.path.as_uri(), wait_until="networkidle")
            show(tab)
            tab.screenshot(path=folder / name)
            tab.close()
            _make_small(folder / name)
            taken.append(folder / name)
        browser.close()
    return taken


def _make_small(picture: Path) -> None:
    with Image.open(picture) as taken:
        # Maximum coverage keeps the colours of few pixels, such as those of marks.
        drawn = taken.convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE)
    drawn.save(picture, optimize=True)


if __name__ == "__main__":
    take_pictures(Path(sys.argv[1]))
