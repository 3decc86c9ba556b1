"""The picture of the catalogue in its page, taken by headless Chromium.

    python -m tests.catalogue_picture data/catalogue

writes `docs/catalogue-feature.png` from the catalogue of the demo's company (`make demo`, then
`ml catalogue`). It needs Debian's `chromium`, which `tests/install_debian_packages.sh` installs.
"""

import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.workspaces import REPOSITORY

PICTURE = REPOSITORY / "docs" / "catalogue-feature.png"
FEATURE = "spend_amount_sum__3m"
TYPED = "spend amount 3m"
SIZE = {"width": 1360, "height": 860}
COLOURS = 32


def take_picture(catalogue: Path, picture: Path = PICTURE) -> None:
    """Write what a browser shows of a search and the feature that it found."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        tab = browser.new_page(viewport=SIZE, color_scheme="light")
        tab.goto(f"{(catalogue / 'index.html').resolve().as_uri()}#feature/{FEATURE}")
        tab.locator(".lineage").wait_for()
        tab.locator("#query").fill(TYPED)
        tab.screenshot(path=picture)
        browser.close()
    with Image.open(picture) as taken:
        taken.convert("P", palette=Image.Palette.ADAPTIVE, colors=COLOURS).save(
            picture, optimize=True
        )


if __name__ == "__main__":
    take_picture(Path(sys.argv[1]))
