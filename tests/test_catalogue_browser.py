"""The catalogue in a real browser: search, keyboard, addresses, wide and narrow, day and night."""

import pytest

from tests.axe_findings import serious
from tests.catalogue_fixtures import READ, catalogue, ws

__all__ = ["catalogue", "ws"]

ADDRESSES = (
    "",
    f"feature/{READ}",
    "feature/spend_amount_mean__3m",
    "target/spend_next_month",
    "model/spend_next_month-newer",
    "source/transactions",
    "table/features.ftr_spend",
    "mart/marts.mart_scores",
)
AXED = ("", f"feature/{READ}", "target/spend_next_month", "mart/marts.mart_scores")
OPENED_MS = 1000
# Text smaller than this cannot be read on a phone, in pixels.
LEGIBLE = 8.5
SMALLEST = """
Math.min(...[...document.querySelectorAll("main svg text")].map(text => {
    const to = text.getScreenCTM();
    return parseFloat(getComputedStyle(text).fontSize) * Math.hypot(to.a, to.b);
}))
"""
WATCH = """
new MutationObserver((_, watching) => {
    if (!document.querySelector("#results a")) return;
    watching.disconnect();
    window.listed = new Promise(done => requestAnimationFrame(
        () => setTimeout(() => done(performance.now()))
    ));
}).observe(document, { childList: true, subtree: true });
"""


@pytest.fixture
def opened(catalogue, browser):
    """A function that opens an address of the catalogue; scripts must not fail meanwhile."""
    tabs, troubles, requests = [], [], []

    def open_tab(address: str = "", width: int = 1280, scheme: str = "light"):
        tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        tabs.append(tab)
        tab.on("console", lambda message: troubles.append(message.text))
        tab.on("pageerror", lambda error: troubles.append(str(error)))
        tab.on("request", lambda request: requests.append(request.url))
        tab.goto(f"{(catalogue / 'index.html').as_uri()}#{address}")
        tab.locator("main h1").wait_for()
        return tab

    yield open_tab
    for tab in tabs:
        tab.close()
    assert troubles == []
    assert all(url.startswith(("file:", "data:")) for url in requests)


def names(tab) -> list[str]:
    return tab.locator("#results .name").all_inner_texts()


def test_three_thousand_features_open_within_a_second(catalogue, browser):
    took = []
    for _ in range(3):
        tab = browser.new_page()
        tab.add_init_script(WATCH)
        tab.goto((catalogue / "index.html").as_uri())
        tab.locator("#results a").first.wait_for()
        took.append(tab.evaluate("window.listed"))
        features = tab.evaluate("catalogue.items.filter(item => item.kind === 'feature').length")
        tab.close()
    assert features > 2900
    assert min(took) < OPENED_MS


def test_names_come_before_words_and_kinds_filter(opened):
    tab = opened()
    query = tab.locator("#query")
    query.press_sequentially("spend_amount_sum__3m")
    assert names(tab)[0] == READ
    query.fill("SPEND 3m amount sum")
    assert names(tab)[0] == READ
    assert tab.locator("#counted").inner_text() == f"{len(names(tab))} found"
    query.fill("spend_*_sum__3m")
    assert READ in names(tab)
    assert all("spend" in name and "sum__3m" in name for name in names(tab))
    query.fill("spend_next_month")
    tab.get_by_label("Models").check()
    assert names(tab) == ["spend_next_month-newer", "spend_next_month-older"]
    query.fill("no such thing")
    assert names(tab) == []
    assert tab.locator("#counted").inner_text().startswith("Nothing found.")


def test_the_keyboard_reaches_everything(opened):
    tab = opened()
    tab.keyboard.press("/")
    tab.keyboard.type("spend_amount_sum__")
    first, second = names(tab)[:2]
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("ArrowDown")
    assert second in tab.evaluate("document.activeElement.innerText")
    tab.keyboard.press("Enter")
    tab.locator("h1:focus", has_text=second).wait_for()
    assert tab.title().startswith(second)
    assert tab.locator("#results a[aria-current=page] .name").inner_text() == second
    tab.keyboard.press("Escape")
    tab.keyboard.press("Enter")
    tab.locator("main h1", has_text=first).wait_for()
    tab.go_back()
    tab.locator("main h1", has_text=second).wait_for()
    tab.keyboard.press("/")
    tab.keyboard.press("Escape")
    assert tab.locator("#query").input_value() == ""
    assert len(names(tab)) == 100
    tab.locator("#more").press("Enter")
    assert len(names(tab)) == 200


def test_an_address_shows_all_of_a_feature(opened):
    tab = opened(f"feature/{READ}")
    boxes = tab.locator(".lineage svg title").all_text_contents()
    for part in (
        "feature view spend",
        "champion: spend_next_month",
        "mart: mart_scores",
        "staging",
    ):
        assert any(part in box for box in boxes), part
    headings = tab.locator("main figure h3").all_inner_texts()
    assert headings == ["Values", "PSI less noise", "Without a value", "Mean", "Median"]
    text = tab.locator("main").inner_text()
    for part in ("alarmed", "amount__sum", "landed.transactions__events", "transactions/"):
        assert part in text
    tab.locator(".lineage a", has_text="spend_next_month").click()
    tab.locator("main h1", has_text="spend_next_month-newer").wait_for()


def test_what_is_not_there_is_said(opened, catalogue):
    tab = opened("feature/spend_amonut")
    assert tab.locator("main h1").inner_text() == "Not in this catalogue"


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_phone_shows_it_without_overflow(opened, address):
    tab = opened(address, width=390)
    tab.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    assert tab.evaluate(SMALLEST) > LEGIBLE
    assert not tab.locator("#results").is_visible()
    tab.locator("#query").fill("spend")
    assert tab.locator("#results").is_visible()
    assert not tab.locator("main").is_visible()
    tab.locator("#results a").first.click()
    tab.locator("main .back").wait_for()
    tab.locator("#query").click()
    tab.locator("#results a[aria-current]").click()
    tab.locator("main .back").wait_for()
    assert not tab.locator("#results").is_visible()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_axe_finds_nothing_serious(opened, width, scheme):
    for address in AXED:
        tab = opened(address, width, scheme)
        assert serious(tab) == [], address
    tab.locator("#query").fill("amount")
    assert serious(tab) == []
