"""The picture of the report in the README, taken by headless Chromium.

    python -m tests.report_picture data/report.html

writes `docs/report.png` from the report of the demo's company (`make demo`). It needs Debian's
`chromium`, which `tests/install_debian_packages.sh` installs.
"""

import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.workspaces import REPOSITORY

PICTURE = REPOSITORY / "docs" / "report.png"
TARGET = "activity-decline"
OPENED = "Ranking"
# In pixels of the page: wide enough for two figures side by side, as high as they and their words.
SIZE = {"width": 1100, "height": 960}
COLOURS = 64
UNFOLD = """
([target, opened]) => {
    const chapter = document.getElementById(`target-${target}`).parentElement;
    const sections = [...chapter.querySelectorAll("details")];
    sections.find(each => each.textContent.trim().startsWith(opened)).open = true;
    document.getElementById(`target-${target}`).scrollIntoView();
}
"""


def take_picture(report: Path, picture: Path = PICTURE) -> None:
    """Write what a browser shows of the report's chapter on one target."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        tab = browser.new_page(viewport=SIZE, color_scheme="light")
        tab.goto(report.resolve().as_uri())
        tab.evaluate(UNFOLD, [TARGET, OPENED])
        tab.screenshot(path=picture)
        browser.close()
    with Image.open(picture) as taken:
        taken.convert("P", palette=Image.Palette.ADAPTIVE, colors=COLOURS).save(
            picture, optimize=True
        )


if __name__ == "__main__":
    take_picture(Path(sys.argv[1]))
