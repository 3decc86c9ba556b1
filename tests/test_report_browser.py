"""The page in a real browser: wide and narrow, by day and by night, folded and unfolded."""

import pytest

from tests.axe_findings import serious

# Text smaller than this cannot be read on a phone, in pixels.
LEGIBLE = 9
SMALLEST = """
Math.min(...[...document.querySelectorAll("figure svg text")].map(text => {
    const to = text.getScreenCTM();
    return parseFloat(getComputedStyle(text).fontSize) * Math.hypot(to.a, to.b);
}))
"""


def unfold(tab):
    tab.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")


@pytest.mark.parametrize("width", [360, 390, 1280])
def test_the_page_has_no_errors_and_no_overflow(full, browser, width):
    troubles, requests = [], []
    tab = browser.new_page(viewport={"width": width, "height": 900})
    tab.on("console", lambda message: troubles.append(message.text))
    tab.on("pageerror", lambda error: troubles.append(str(error)))
    tab.on("request", lambda request: requests.append(request.url))
    tab.goto(full.report.as_uri())
    folded = tab.evaluate("document.documentElement.scrollHeight")
    unfold(tab)
    scrolled, height = tab.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    )
    sizes = [svg.bounding_box() for svg in tab.locator("figure svg").all()]
    smallest = tab.evaluate(SMALLEST)
    tab.close()
    assert troubles == []
    assert all(url.startswith(("file:", "data:")) for url in requests)
    assert scrolled <= width
    assert folded < height / 2
    assert len(sizes) >= 30
    assert all(100 < box["width"] <= width and box["height"] > 60 for box in sizes)
    assert smallest > LEGIBLE


def test_a_wide_table_scrolls_inside_its_box(full, browser):
    tab = browser.new_page(viewport={"width": 360, "height": 900})
    tab.goto(full.report.as_uri())
    unfold(tab)
    box, inside = tab.evaluate(
        "(box => [box.clientWidth, box.scrollWidth])(document.querySelector('.rivals .scroll'))"
    )
    tab.close()
    assert box < 360 < inside


def test_night_turns_paper_and_ink(full, browser):
    found = []
    for scheme in ("light", "dark"):
        tab = browser.new_page(color_scheme=scheme)
        tab.goto(full.report.as_uri())
        found.append(
            tab.evaluate(
                "[getComputedStyle(document.body).backgroundColor,"
                " getComputedStyle(document.querySelector('figure svg text')).fill]"
            )
        )
        tab.close()
    (day, ink), (night, chalk) = (
        [sum(map(int, colour[4:-1].split(","))) for colour in each] for each in found
    )
    assert day > 700 > ink
    assert night < 150 < chalk


@pytest.mark.parametrize("width", [390, 1280])
def test_axe_finds_nothing_serious(full, browser, width):
    tab = browser.new_page(viewport={"width": width, "height": 900})
    tab.goto(full.report.as_uri())
    assert serious(tab) == []
    tab.close()
