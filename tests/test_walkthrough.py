from tests.pages import DOCS, comparable, make_place, run_page


def test_every_stop_shows_what_is_really_there(tmp_path):
    page = DOCS / "walkthrough.md"
    found = run_page(page, make_place(tmp_path))
    assert comparable(found) == comparable(page.read_text(encoding="utf-8"))
