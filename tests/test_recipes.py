from tests.pages import DOCS, comparable, make_place, run_page


def test_what_the_page_says_is_what_happens(tmp_path):
    page = DOCS / "recipes.md"
    found = run_page(page, make_place(tmp_path))
    assert comparable(found) == comparable(page.read_text(encoding="utf-8"))
