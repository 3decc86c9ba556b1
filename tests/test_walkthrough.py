"""The walkthrough, and the pages that go on in the workspace it makes."""

import pytest

from tests.pages import DOCS, comparable, make_place, run_page

WALK = DOCS / "walkthrough.md"
# Each needs the walk's workspace and nothing of the others; the last two train.
PAGES = (
    "features.md",
    "training-sets.md",
    "predictor.md",
    "workspaces.md",
    "bi.md",
    "serving.md",
    "models.md",
    "monitoring.md",
)


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """The workspace in which the walkthrough was run, and the page as it came out."""
    place = make_place(tmp_path_factory.mktemp("walk"))
    return place, run_page(WALK, place)


def test_every_stop_shows_what_is_really_there(walked):
    _, found = walked
    assert comparable(found) == comparable(WALK.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", PAGES)
def test_pages_about_its_workspace_show_what_is_really_there(walked, name):
    place, _ = walked
    page = DOCS / name
    found = run_page(page, place)
    assert comparable(found) == comparable(page.read_text(encoding="utf-8"))
