"""The page of a workspace with everything."""

import re

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from ml.pages.report import write_report
from ml.workspace.settings import Workspace
from tests.report_workspace import made, page_of, section, write_target

# Nine targets, as many as all sources have, stay below ten megabytes.
SIZE_LIMIT = 10_000_000 * 3 / 9


@pytest.fixture
def ws(tmp_path):
    return Workspace(tmp_path, tmp_path / "raw", {})


@pytest.fixture
def page(full):
    """The page of the workspace with everything."""
    return full.report.read_text(encoding="utf-8")


def test_page_is_self_contained_and_small(page):
    assert len(page.encode()) < SIZE_LIMIT
    assert not re.search(r"https?://|<script|@import|url\((?!#)", page)
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert sources
    assert all(source.startswith(("#", "data:")) for source in sources)


def test_same_inputs_give_the_same_bytes(full):
    first = full.report.read_bytes()
    assert write_report(full).read_bytes() == first
    assert sorted(path.name for path in full.home.glob("report*")) == ["report.html"]


def test_ids_are_unique_and_links_lead_somewhere(page):
    ids = re.findall(r'\sid="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    referred = re.findall(r'(?:xlink:)?href="#([^"]*)"', page) + re.findall(
        r"url\(#([^)]*)\)", page
    )
    assert set(referred) <= set(ids)


def test_every_target_has_its_numbers_and_pictures(page):
    for name, rows in (
        ("purchase-any", 3000),
        ("spend-next-month", 750),
        ("activity-decline", 600),
    ):
        part = section(page, name)
        assert part.count("<svg") >= 12
        assert f"{rows:,}".replace(",", "\u202f") in part
        assert part.count("▲ likelier") + part.count("▼ less") + part.count("◆ either") == 20
        assert "of kind 0 &lt; 9 &amp; more" in part


def test_measures_are_those_of_the_test_rows(page):
    rows = made("purchase_any", rows=6000, rate=0.03)
    test = np.array(rows.part) == "test"
    part = section(page, "purchase-any")
    for scores in (rows.probability, rows.baseline, rows.truth):
        assert f"{roc_auc_score(rows.label[test], scores[test]):.3f}" in part
    assert "better than the baseline" in part


def test_descriptions_come_from_the_manifest_and_are_escaped(page):
    assert "Whether the customer &lt;buys&gt; in the next month." in page


def test_profits_of_unlike_measures_are_kept_apart(page):
    part = page[page.index('id="segments"') : page.index('id="offers"')]
    assert part.count("<svg") == 2
    counts = [
        int(n.replace("\u202f", "")) for n in re.findall(r'</th><td class="n">([\d\u202f]+)<', part)
    ]
    assert sum(counts) == 4000
    assert "Mean profit" in part
    assert "Mean spend" in part


def test_a_keyboard_reaches_the_content_and_every_table_has_a_caption(page):
    assert page.index('class="skip" href="#main"') < page.index("<header>")
    assert page.count('<main id="main" tabindex="-1">') == 1
    assert (
        page.count("<table") == page.count("<caption") == page.count('class="scroll" tabindex="0"')
    )


def test_the_first_screen_says_which_models_need_a_look(page):
    summary = page[page.index('id="summary"') : page.index('class="target"')]
    assert "3 of 3 models rank better than their baseline by more than luck." in summary
    assert "What needs a look" not in summary
    assert summary.count("Test: label month 2024-03") == 1
    assert "Purchase any, Spend next month: Test" in summary
    prose = re.sub(r"<svg.*?</svg>|<code>.*?</code>", "", page, flags=re.DOTALL)
    assert "purchase_any_amount" not in prose


def test_header_and_marts(page):
    for fact in ("4\u202f000", "412", "March 2022 to February 2024", "trx&nbsp;300"):
        assert fact in page
    for group in ("Rescue", "Loyal", "Let go", "Everyday", "Personal discount", "Early access"):
        assert group in page


def test_newest_scores_are_drawn_and_counted(page):
    part = section(page, "purchase-any")
    above = sum(0.6 * ((i + 0.5) / 4000) ** 6 >= 0.3 for i in range(4000))
    assert f"{above} reach the model" in part
    assert "ml score" in section(page, "spend-next-month")


def test_pictures_say_what_they_show(page):
    labels = re.findall(r'<svg[^>]*aria-label="([^"]*)"', page)
    assert len(labels) == page.count("<svg")
    assert len(set(labels)) == len(labels)
    assert "Gain of purchase_any: " in page
    assert "Contributions to purchase_any of 12 features, the strongest first: " in page
    assert len([each for each in labels if "to the log-odds of purchase_any, by its" in each]) == 4
    assert "ROC-AUC of purchase_any by month: 2024-01 " in page


def test_what_was_tried_stands_beside_the_chosen_model(page):
    part = section(page, "purchase-any")
    assert "lightgbm, the best of 2: +0.100 on baseline feature alone (+0.090 to +0.110)" in part
    table = part[part.index("The chosen gains") : part.index("Protocol:")]
    assert re.findall(r'scope="row">([^<]*)', table) == [
        "lightgbm ",
        "logistic",
        "baseline feature alone",
        "no features",
    ]
    assert "0.780 <small>0.760–0.800</small>" in table
    assert "5 folds of the 6 000 training rows" in part


def test_months_are_judged_one_by_one(page):
    rows = made("purchase_any", rows=6000, rate=0.03)
    part = section(page, "purchase-any")
    months = np.array([each.month for each in rows.months])
    for month in (1, 2, 3):
        inside = months == month
        auc = roc_auc_score(rows.label[inside], rows.probability[inside])
        line = part[part.index(f'scope="row">2024-0{month}<') :]
        assert line[: line.index("</tr>")].count(f"{auc:.3f} <small>") == 1


def test_probabilities_are_measured(page):
    rows = made("purchase_any", rows=6000, rate=0.03)
    test = np.array(rows.part) == "test"
    part = section(page, "purchase-any")
    brier = np.mean((rows.probability[test] - rows.label[test]) ** 2)
    assert f"Brier score {brier:.4f}, that of the prior alone" in part
    assert "calibration error (ECE)" in part


def test_parts_of_many_targets_are_folded_and_of_few_are_not(page, ws):
    assert '<details class="part">' in page
    assert '<details class="part" open>' not in page
    costs = {"true_positive": 40.0, "false_positive": -1.5}
    plan = {"criterion": "profit", "costs": costs}
    write_target(ws, "purchase_any", made("purchase_any"), plan=plan, criterion="profit")
    alone = page_of(ws)
    assert '<details class="part" open>' in alone
    assert "true positive +40, false positive −1.5" in alone
    assert "chosen by profit" in alone
    assert "Profit of purchase_any" in alone
    assert "Profit of " not in page


def test_night_has_its_own_colours(page):
    assert "prefers-color-scheme: dark" in page
    drawn = "".join(re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL))
    assert "var(--model)" in drawn
    assert "#3a3f47" not in drawn
