"""The links between the pages of a workspace, which say what is there and what is not."""

import re

import pytest

from ml.pages import renew_navigation, write_page
from ml.workspace.settings import Workspace

PAGE = '<h1>Page</h1><nav class="pages" aria-label="Pages"></nav><nav aria-label="Contents"></nav>'


@pytest.fixture
def ws(tmp_path):
    return Workspace(tmp_path, tmp_path / "raw", {})


def shown(path):
    return re.findall(r"<li>(.*?)</li>", path.read_text(encoding="utf-8"))


def test_a_page_links_to_those_that_exist_and_names_the_commands_of_the_others(ws):
    write_page(ws, ws.report, PAGE)
    assert shown(ws.report) == [
        "Profile <code>ml profile</code>",
        "Catalogue <code>ml catalogue</code>",
        '<strong aria-current="page">Report</strong>',
        "Monitoring <code>ml monitor</code>",
    ]


def test_a_page_written_later_is_linked_in_those_written_before(ws):
    write_page(ws, ws.report, PAGE)
    ws.catalogue.mkdir()
    write_page(ws, ws.catalogue / "index.html", PAGE)
    assert shown(ws.report)[1] == '<a href="catalogue/index.html">Catalogue</a>'
    assert shown(ws.catalogue / "index.html")[2] == '<a href="../report.html">Report</a>'
    before = ws.report.read_bytes()
    write_page(ws, ws.report, PAGE)
    assert ws.report.read_bytes() == before


def test_a_page_that_was_deleted_is_no_link_any_more(ws):
    write_page(ws, ws.report, PAGE)
    write_page(ws, ws.profile, PAGE)
    ws.report.unlink()
    renew_navigation(ws)
    assert shown(ws.profile)[2] == "Report <code>ml report</code>"


def test_a_page_without_the_element_stays_as_it_is(ws):
    ws.report.write_text("an older page", encoding="utf-8")
    write_page(ws, ws.monitoring, PAGE)
    assert ws.report.read_text(encoding="utf-8") == "an older page"
