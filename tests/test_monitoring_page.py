"""The page of `ml monitor` over marts that are made by hand."""

import re
from datetime import date

import duckdb
import pytest

from ml.monitoring import Due, Month, read_month
from ml.pages.monitoring import write_monitoring
from ml.workspace.settings import Workspace
from tests.axe_findings import serious

MONTHS = [date(2022, number, 1) for number in range(1, 8)]
MONTH = MONTHS[-1]
FINDING = "amounts of category <toys> are 99.1 times what was usual in shop.orders (orders.csv)"
TABLES = """
create schema marts;
create table marts.mart_monitoring_sources (
    source varchar, table_name varchar, feature_month date, column_name varchar, value varchar,
    rows bigint, expected_rows double, rows_last_year bigint, typical_amount double,
    usual_amount double, kind varchar, status varchar, finding varchar, strength double
);
create table marts.mart_monitoring_features (
    name varchar, family varchar, feature_month date, status varchar, null_share double,
    mean double, bins bigint[], reference_from date, reference_until date,
    reference_null_share double, reference_mean double, reference_bins bigint[], edges double[],
    psi double, psi_noise double, wasserstein double, step_psi double, step_noise double,
    usual_psi double, usual_step double, usual_wasserstein double, cause varchar
);
create table marts.mart_monitoring_scores (
    target varchar, model_id varchar, score_month date, segment varchar, customers bigint,
    mean_score double, mean_log_odds double,
    share_above_threshold double, log_odds_change double, psi double, psi_noise double,
    churn_top_decile double, drivers varchar[], status varchar
);
create table marts.mart_monitoring_attribution (
    target varchar, model_id varchar, score_month date, feature varchar, mean_value double,
    mean_value_before double, change double
);
create table marts.mart_monitoring_outcomes (
    target varchar, model_id varchar, score_month date, status varchar, labelled bigint,
    positives bigint, roc_auc double, roc_auc_low double, roc_auc_high double,
    estimated_roc_auc double, promised_roc_auc double, expected_of_labelled double,
    expected_positives double, baseline varchar, baseline_roc_auc double
);
create table marts.mart_monitoring_calibration (
    target varchar, model_id varchar, score_month date, tenth integer, mean_score double,
    prevalence double, prevalence_low double, prevalence_high double
);
create table marts.dim_features (name varchar, description varchar);
"""


@pytest.fixture
def ws(tmp_path):
    made = Workspace(tmp_path, tmp_path / "raw", {})
    with duckdb.connect(str(made.warehouse)) as connection:
        connection.execute(TABLES)
    return made


def put(ws: Workspace, table: str, *rows: dict[str, object]) -> None:
    with duckdb.connect(str(ws.warehouse)) as connection:
        for row in rows:
            places = ", ".join("?" * len(row))
            statement = f"insert into marts.{table} ({', '.join(row)}) values ({places})"
            connection.execute(statement, list(row.values()))


def counted(month: date, status: str = "fine", **changed: object) -> dict[str, object]:
    """A month of the table shop.orders."""
    return {
        "source": "shop", "table_name": "orders", "feature_month": month, "column_name": "",
        "value": "", "rows": 800, "expected_rows": 790.0, "rows_last_year": 700,
        "typical_amount": 20.0, "usual_amount": 21.0, "status": status, "strength": 0.0, **changed,
    }  # fmt: skip


def measured(month: date, status: str = "fine", **changed: object) -> dict[str, object]:
    """A month of the feature spend__1m."""
    return {
        "name": "spend__1m", "family": "spend", "feature_month": month, "status": status,
        "null_share": 0.25, "mean": 8.1, "bins": [10, 20, 0, 30, 10, 10, 10, 10, 10, 40, 50],
        "reference_from": MONTHS[0], "reference_until": MONTHS[2], "reference_null_share": 0.1,
        "reference_mean": 6.3, "reference_bins": [20, 20, 0, 20, 20, 20, 20, 20, 20, 20, 20],
        "edges": [0.0, 1, 1, 2, 3, 4, 5, 6, 7], "psi": 0.9, "psi_noise": 0.05, "wasserstein": 1.5,
        "step_psi": 0.4, "step_noise": 0.05, "usual_psi": 0.02, "usual_step": 0.0,
        "usual_wasserstein": 0.1, **changed,
    }  # fmt: skip


def put_calm(ws: Workspace) -> None:
    """Months of a table and a feature, all of them fine."""
    put(ws, "mart_monitoring_sources", *(counted(month) for month in MONTHS))
    put(ws, "mart_monitoring_features", *(measured(month) for month in MONTHS))


def put_alarm(ws: Workspace) -> None:
    """A code whose amounts are in cents since the newest month, and a feature that it moved."""
    put_calm(ws)
    code = {"column_name": "category", "value": "<toys>"}
    put(ws, "mart_monitoring_sources", *(counted(month, **code) for month in MONTHS[:-1]))
    in_cents = {"kind": "amounts", "finding": FINDING, "strength": 4.6, "typical_amount": 2000.0}
    put(ws, "mart_monitoring_sources", counted(MONTH, "alarmed", **code, **in_cents))
    alarmed = measured(MONTH, "alarmed", name="toys<b>__1m", family="toys", cause=FINDING)
    put(ws, "mart_monitoring_features", alarmed)
    put(ws, "dim_features", {"name": "toys<b>__1m", "description": "Sum of <toys>, in the month."})


def put_models(ws: Workspace) -> None:
    """Two months of scores, of which the earlier is ripe."""
    for place, month in enumerate((MONTH, date(2022, 8, 1))):
        model = {"target": "buys", "model_id": "buys-1", "score_month": month}
        scores = {
            "segment": "everyone", "mean_log_odds": -0.5 + 0.21 * place, "psi": 0.02 * place,
            "share_above_threshold": 0.3, "log_odds_change": 0.21 if place else None,
            "psi_noise": 0.03, "churn_top_decile": 0.2 if place else None, "status": "fine",
        }  # fmt: skip
        outcome = {
            "status": "not ripe" if place else "fine", "labelled": 0 if place else 500,
            "positives": 0 if place else 60, "roc_auc": None if place else 0.81,
            "roc_auc_low": None if place else 0.78, "roc_auc_high": None if place else 0.84,
            "estimated_roc_auc": 0.793, "promised_roc_auc": 0.805, "expected_positives": 66.0,
            "expected_of_labelled": None if place else 58.0,
            "baseline": "recency__all", "baseline_roc_auc": None if place else 0.7,
        }  # fmt: skip
        put(ws, "mart_monitoring_scores", model | scores)
        put(ws, "mart_monitoring_outcomes", model | outcome)
    for month in MONTHS[-2:]:
        tenth = {"target": "buys", "model_id": "buys-1", "score_month": month, "mean_score": 0.12}
        share = {"prevalence": 0.1, "prevalence_low": 0.06, "prevalence_high": 0.17}
        put(ws, "mart_monitoring_calibration", *({**tenth, **share, "tenth": n} for n in (1, 2)))
    newest = {"target": "buys", "model_id": "buys-1", "score_month": date(2022, 8, 1)}
    for feature, change, before, after in (("pages__1m", 0.14, 8.1, 6.3), ("", 0.07, 0.0, 0.0)):
        means = {"mean_value_before": before, "mean_value": after}
        row = newest | means | {"feature": feature, "change": change}
        put(ws, "mart_monitoring_attribution", row)
    put(ws, "dim_features", {"name": "pages__1m", "description": "Pages a visit, in the month."})


def page_of(ws: Workspace, *due: Due, month: date | None = None) -> str:
    found: Month = read_month(ws, month)
    return write_monitoring(ws, found, list(due)).read_text(encoding="utf-8")


def section(page: str, name: str) -> str:
    start = page.index(f'id="{name}"')
    return page[start : page.index("</section>", start)]


def test_the_page_says_the_finding_and_its_cause(ws):
    put_alarm(ws)
    due = Due("buys", "buys-1", "2 of its inputs are alarmed")
    page = page_of(ws, due)
    look = section(page, "look")
    words = FINDING.replace("<", "&lt;").replace(">", "&gt;")
    assert f">shop.orders</a>: {words}." in look
    assert f"1 feature: toys&lt;b&gt;__1m. Cause: {words}." in look
    assert "2 of its inputs are alarmed." in look
    assert "ml train --if-due" in look
    assert "Nothing needs a look" not in look
    assert "▲ Alarmed" in page[: page.index("</header>")]


def test_a_calm_month_says_that_all_is_fine(ws):
    put_calm(ws)
    page = page_of(ws)
    look = section(page, "look")
    assert "Nothing needs a look: all that could be judged in July 2022 is as usual." in look
    assert "No target is due for training." in look
    assert "ml train --if-due" not in look
    assert "No feature is alarmed or warned of in July 2022." in section(page, "features")
    assert "every code are as usual" in section(page, "sources")


def test_a_month_that_cannot_be_judged_is_not_called_fine(ws):
    put(ws, "mart_monitoring_sources", counted(MONTHS[0], "too few months"))
    page = page_of(ws)
    assert "Not judged yet" in page[: page.index("</header>")]
    assert "Nothing could be judged in January 2022" in section(page, "look")


def test_the_page_is_self_contained_and_names_are_escaped(ws):
    put_alarm(ws)
    put_models(ws)
    page = page_of(ws)
    assert not re.search(r"https?://|<script|@import|url\((?!#)", page)
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert sources
    assert all(source.startswith(("#", "data:")) for source in sources)
    assert "<toys>" not in page
    assert "<b>" not in page
    shown = re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    assert not re.search(r"\b(nan|NaN|None|inf|NaT)\b", re.sub(r"<[^>]+>", " ", shown))


def test_ids_are_unique_and_pictures_say_what_they_show(ws):
    put_alarm(ws)
    put_models(ws)
    page = page_of(ws)
    ids = re.findall(r'\sid="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    referred = re.findall(r'href="#([^"]*)"', page) + re.findall(r"url\(#([^)]*)\)", page)
    assert set(referred) <= set(ids)
    labels = re.findall(r'<svg[^>]*aria-label="([^"]*)"', page)
    assert len(labels) == page.count("<svg") == 12
    assert len(set(labels)) == len(labels)
    assert page.count("<figure") == page.count("<figcaption>")


def test_without_scores_and_outcomes_the_page_says_so(ws):
    put_calm(ws)
    page = page_of(ws)
    assert "Nothing was scored in these months." in section(page, "scores")
    assert "There are no outcomes in these months" in section(page, "outcomes")


def test_the_newest_change_of_scores_is_told_in_words(ws):
    put_calm(ws)
    put_models(ws)
    part = section(page_of(ws), "scores")
    assert "From July 2022 to August 2022 the mean log-odds rose by 0.21." in part
    line = "+0.14 from pages a visit, in the month <code>pages<wbr>__1m</code>"
    assert f"{line}, whose mean fell from 8.1 to 6.3;" in part
    assert "+0.070 from all others together." in part


def test_segments_of_the_newest_scores_are_listed(ws):
    put_calm(ws)
    put_models(ws)
    newest = {"target": "buys", "model_id": "buys-1", "score_month": date(2022, 8, 1)}
    numbers = {"customers": 50, "mean_score": 0.3, "mean_log_odds": -0.8, "psi": 0.4}
    alarmed = {"segment": "<loyal>", "psi_noise": 0.1, "status": "alarmed"}
    put(ws, "mart_monitoring_scores", newest | numbers | alarmed)
    page = page_of(ws)
    assert "scores of &lt;loyal&gt; moved" in section(page, "look")
    row = section(page, "scores").partition('scope="row">&lt;loyal&gt;<')[2]
    assert re.findall(r"<td[^>]*>([^<]*)", row) == ["▲ alarmed", "50", "30\u202f%", "0.300\u2007"]


def test_outcomes_stand_beside_the_promise_and_unripe_ones_are_estimates(ws):
    put_calm(ws)
    put_models(ws)
    part = section(page_of(ws), "outcomes")
    measured = "ROC-AUC 0.810 (0.780 to 0.840), promised 0.805, recency__all alone 0.700"
    assert f"<span>July 2022: {measured}; 60 positives, 58 expected.</span>" in part
    assert "August 2022: not known yet; ROC-AUC estimated at 0.793; 66 expected" in part
    tenths = "; ".join(["12.0% promised, 10.0% came"] * 2)
    assert f"Calibration of buys by tenths of the scores: {tenths}" in part
    assert "July 2022: a dot is a tenth" in part


def test_the_calendar_tells_the_worst_of_each_month_in_words(ws):
    put_alarm(ws)
    silenced = measured(MONTHS[3], "silenced", name="other__1m", family="other")
    put(ws, "mart_monitoring_features", silenced)
    put(ws, "mart_monitoring_features", measured(MONTH, "warned", name="spend__6m"))
    part = section(page_of(ws), "calendar")
    rows = {row[0]: row[1] for row in re.findall(r'scope="row">([^<]*)</th>(.*?)</tr>', part)}
    assert list(rows) == ["shop.orders", "other", "spend", "toys"]
    said = {name: re.findall(r'class="said">([^<]*)<', row) for name, row in rows.items()}
    assert said["shop.orders"] == ["fine"] * 6 + ["alarmed, 1 of 2 counts"]
    assert said["other"] == ["silenced"]
    assert said["spend"][-1] == "warned, 1 of 2 features"
    assert all(row.count("<td") == len(MONTHS) for row in rows.values())


def test_only_the_newest_months_are_shown_and_an_older_one_with_those_after_it(ws):
    months = [date(2020 + place // 12, place % 12 + 1, 1) for place in range(36)]
    put(ws, "mart_monitoring_sources", *(counted(month) for month in months))
    newest = section(page_of(ws), "calendar")
    assert newest.count('<span class="said"') == 24
    assert "December 2020" not in newest
    older = section(page_of(ws, month=date(2020, 3, 1)), "calendar")
    assert older.count('<span class="said"') == 24
    assert "March 2020" in older
    assert "March 2022" not in older


def test_many_features_are_folded_and_the_smallest_only_named(ws):
    put_calm(ws)
    rows = [measured(MONTH, "alarmed", name=f"f{n:02}", psi=1 + n / 100) for n in range(30)]
    put(ws, "mart_monitoring_features", *rows)
    page = page_of(ws)
    part = section(page, "features")
    assert part.count("<svg") == 48
    assert "24 are drawn, 6 more are named below." in part
    assert "The next 18 features" in part
    assert part.index("<code>f29") < part.index("<code>f28") < part.index("<code>f05")
    assert "missing 25\u202f%, then 10\u202f%" in part


def test_months_and_values_may_be_missing(ws):
    put_calm(ws)
    put_models(ws)
    empty = {"bins": [0] * 10 + [9], "reference_bins": [0] * 10 + [9], "edges": None}
    nothing = dict.fromkeys(("mean", "reference_mean", "wasserstein", "step_psi", "usual_psi"))
    bare = measured(MONTH, "warned", name="bare", **empty, **nothing)
    put(ws, "mart_monitoring_features", bare)
    changed = {"column_name": "kind", "value": "a", "kind": "new", "finding": "kind a is new"}
    unknown = {"expected_rows": None, "rows_last_year": None, "usual_amount": None}
    new = counted(MONTH, "alarmed", **changed, **unknown, typical_amount=None)
    put(ws, "mart_monitoring_sources", new)
    put(
        ws, "mart_monitoring_scores",
        {
            "target": "buys", "model_id": "buys-2", "score_month": date(2022, 8, 1),
            "segment": "everyone", "mean_log_odds": -0.4, "status": "fine",
        },
    )  # fmt: skip
    page = page_of(ws)
    assert "Kind a is new." in section(page, "sources")
    assert "bare" in section(page, "features")
    assert "August 2022 has no scores of the month before" in section(page, "scores")


def test_the_same_marts_give_the_same_bytes(ws):
    put_alarm(ws)
    put_models(ws)
    assert page_of(ws) == page_of(ws)
    assert ws.monitoring.name == "monitoring.html"


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_a_screen_and_axe_finds_nothing_serious(ws, browser, width):
    put_alarm(ws)
    put_models(ws)
    page_of(ws)
    tab = browser.new_page(viewport={"width": width, "height": 900})
    tab.goto(ws.monitoring.as_uri())
    assert serious(tab) == []
    tab.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    tab.close()
