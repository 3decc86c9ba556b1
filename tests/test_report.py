import json
import re
import shutil
from dataclasses import dataclass
from datetime import datetime

import duckdb
import lightgbm
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score

from ml import artifact, history
from ml.config import AlmanacError, Workspace
from ml.models import LightGBM
from ml.paired import auc_gain
from ml.report import curves, write_report

CHROMIUM = shutil.which("chromium")
SIZE_LIMIT = 2_000_000


@dataclass(frozen=True)
class Made:
    """Rows of a made-up target: what was true, what the model and the baseline said of it."""

    customers: list[str]
    months: list[datetime]
    label: np.ndarray
    probability: np.ndarray
    baseline: np.ndarray
    truth: np.ndarray
    part: list[str]


def made(name, rows=1500, rate=0.08, tested=True):
    rng = np.random.default_rng(len(name))
    risk = rng.normal(size=rows)
    truth = 1 / (1 + np.exp(-(1.4 * risk + np.log(rate / (1 - rate)) - 0.6)))
    label = (rng.random(rows) < truth).astype(int)
    said = 1 / (1 + np.exp(-(1.2 * risk + rng.normal(0, 0.7, rows) + np.log(rate / (1 - rate)))))
    baseline = np.round(risk + rng.normal(0, 1.5, rows))
    newest = np.arange(rows) >= rows // 2
    part = ["test" if tested and last else "cv" for last in newest]
    months = [datetime(2024, 3 if last else 2, 1) for last in newest]
    customers = [f"c{number:05d}" for number in range(rows)]
    return Made(customers, months, label, said, baseline, truth, part)


def write_target(ws, name, rows, *, baseline=True, features=24):
    matrix = np.random.default_rng(1).normal(size=(200, 2)).astype(np.float32)
    data = lightgbm.Dataset(matrix, (matrix[:, 0] > 0).astype(int), params={"verbosity": -1})
    model = LightGBM(lightgbm.train({"objective": "binary", "verbosity": -1}, data, 2))
    names = [f"{name}_amount_sum__kind_{number}__3m" for number in range(features)]
    weights = 0.8 ** np.arange(features)
    card = {
        "target": name,
        "model_id": f"{name}-0a1b2c3d4e",
        "family": "lightgbm",
        "features": [{"name": feature, "dtype": "double", "view": "trx"} for feature in names],
        "threshold": 0.3,
        "baseline": {"feature": names[0], "descending": True} if baseline else None,
        "packages": {"lightgbm": "4.7.0"},
        "protocol": ["Test: label month 2024-03; training: label months before.", "5 folds."],
    }
    predictions = pa.table(
        {
            "customer_id": rows.customers,
            "event_timestamp": pa.array(rows.months, pa.timestamp("us")),
            "label": pa.array(rows.label, pa.int32()),
            "probability": rows.probability,
            "baseline": pa.array(
                rows.baseline if baseline else [None] * len(rows.label), pa.float64()
            ),
            "part": rows.part,
        }
    )
    entries = [
        {
            "feature": feature,
            "importance": float(weight / weights.sum()),
            "direction": ("up", "down", "mixed")[number % 3],
            "description": f"Sum of amounts of kind {number} < 9 & more, last three months.",
        }
        for number, (feature, weight) in enumerate(zip(names, weights, strict=True))
    ]
    records = {artifact.IMPORTANCE: entries, artifact.DATASET: {}}
    artifact.save(ws, card, model, predictions, records)
    history.add(ws.models / name, history.Event("promoted", card["model_id"]))


def write_truth(ws, targets):
    ws.truth.parent.mkdir(parents=True)
    tables = [
        pa.table(
            {
                "customer_id": rows.customers,
                "event_timestamp": pa.array(rows.months, pa.timestamp("us")),
                "target": [name] * len(rows.customers),
                "probability": rows.truth,
            }
        )
        for name, rows in targets.items()
    ]
    pq.write_table(pa.concat_tables(tables), ws.truth)


MARTS = """
create schema marts;
create table marts.dim_customers as select 'c' || i as customer_id from range(4000) t(i);
create table marts.dim_features as
    select 'f' || i as name, case when i < 300 then 'trx' else 'market' end as family,
        'What f' || i || ' says.' as description from range(412) t(i);
create table marts.fct_customer_months as
    select customer_id, date '2022-03-01' + to_months(m::int) as feature_month
    from marts.dim_customers, range(24) t(m);
create table marts.fct_scores as
    select 'c' || i as customer_id, t.target, t.target || '-0a1b2c3d4e' as model_id,
        timestamp '2024-03-01' as as_of, 0.6 * pow((i + 0.5) / 4000, 6) as score
    from range(4000) r(i), (values ('purchase_any'), ('activity_decline')) t(target);
create table marts.mart_segments as
    select 'c' || i as customer_id, ((i * 7919) % 4000) / 4000.0 as risk,
        (pow(((i * 104729) % 4000) / 4000.0, 3) * 900)::double as profit,
        case when i % 4 = 0 then 'spend' else 'profit' end as profit_basis,
        case when risk > 0.6 and profit > 250 then 'rescue' when profit > 250 then 'loyal'
            when risk > 0.6 then 'let_go' else 'everyday' end as segment
    from range(4000) t(i);
create table marts.mart_offers as
    select customer_id, case segment when 'rescue' then 'personal_discount'
        when 'loyal' then 'early_access' else 'newsletter' end as offer from marts.mart_segments;
"""


def write_manifest(ws, description):
    ws.manifest.parent.mkdir()
    config = {"meta": {"target": "purchase_any"}}
    node = {"resource_type": "model", "config": config, "description": description}
    ws.manifest.write_text(json.dumps({"nodes": {"model.tgt": node}}), encoding="utf-8")


def write_marts(ws, sql=MARTS):
    with duckdb.connect(str(ws.warehouse)) as connection:
        connection.execute(sql)


@pytest.fixture
def ws(tmp_path):
    return Workspace(tmp_path, tmp_path / "raw", {})


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """A workspace with everything: two temporal targets, a stratified one, truth and marts."""
    home = tmp_path_factory.mktemp("full")
    ws = Workspace(home, home / "raw", {})
    targets = {
        "purchase_any": made("purchase_any", rows=6000, rate=0.03),
        "spend_next_month": made("spend_next_month", rate=0.3),
        "activity_decline": made("activity_decline", rows=600, rate=0.4, tested=False),
    }
    for name, rows in targets.items():
        write_target(ws, name, rows)
    write_truth(ws, targets)
    write_marts(ws)
    write_manifest(ws, "Whether the customer <buys>\nin the next month.")
    write_report(ws)
    return ws


@pytest.fixture
def page(full):
    """The page of the workspace with everything."""
    return full.report.read_text(encoding="utf-8")


def page_of(ws):
    return write_report(ws).read_text(encoding="utf-8")


def section(page, name):
    start = page.index(f'id="target-{name}"')
    return page[start : page.index("</section>", start)]


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
        assert part.count("<svg") >= 4
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


def test_without_warehouse_truth_and_baseline(ws):
    write_target(ws, "purchase_any", made("purchase_any"), baseline=False)
    page = page_of(ws)
    assert "chance alone would 50 times" in page
    assert "no customer segments yet" in page
    assert "no offers yet" in page
    assert "simulator&#39;s true" not in page


def test_empty_marts(ws):
    write_target(ws, "purchase_any", made("purchase_any"))
    write_marts(ws)
    with duckdb.connect(str(ws.warehouse)) as connection:
        for (table,) in connection.execute("select table_name from duckdb_tables()").fetchall():
            connection.execute(f"delete from marts.{table}")
    assert "no customer segments yet" in page_of(ws)


def test_a_test_month_without_positives_falls_back_on_the_folds(ws):
    rows = made("purchase_any", rate=0.3)
    rows.label[np.array(rows.part) == "test"] = 0
    write_target(ws, "purchase_any", rows)
    part = section(page_of(ws), "purchase-any")
    assert "judged by cross-validation on earlier months" in part
    assert part.count("<svg") == 4


def test_a_target_without_any_positive_is_told_not_drawn(ws):
    rows = made("purchase_any")
    rows.label[:] = 0
    write_target(ws, "purchase_any", rows)
    part = section(page_of(ws), "purchase-any")
    assert "only one class" in part
    assert "<svg" not in part


def test_truth_that_misses_rows_is_no_limit(ws):
    rows = made("purchase_any")
    write_target(ws, "purchase_any", rows)
    write_truth(ws, {"purchase_any": made("purchase_any", rows=1400)})
    assert "true probabilities would score" not in page_of(ws)


def test_no_champion(ws):
    with pytest.raises(AlmanacError, match="ml train"):
        write_report(ws)


def test_unreadable_predictions_are_named(ws):
    write_target(ws, "purchase_any", made("purchase_any"))
    [path] = ws.models.glob("*/*/predictions.parquet")
    path.write_bytes(b"spoilt")
    with pytest.raises(AlmanacError, match=r"predictions\.parquet.*\n.*ml train"):
        write_report(ws)


def test_tied_scores_share_their_positives_whatever_the_order():
    label = np.array([1.0] * 10 + [0.0] * 90)
    same = np.zeros(100)
    assert curves.lift_by_decile(label, same) == pytest.approx(np.ones(10))
    assert curves.lift_by_decile(label, -np.arange(100.0)) == pytest.approx([10] + [0] * 9)


def test_campaigns_count_what_the_top_holds():
    label = np.array([1.0, 1.0, 0.0, 1.0] + [0.0] * 96)
    found = {c.share: c for c in curves.campaigns(label, -np.arange(100.0))}
    assert (found[0.05].contacted, found[0.05].precision, found[0.05].recall) == (5, 0.6, 1.0)
    assert found[0.01].recall == pytest.approx(1 / 3)


def test_auc_gain_is_the_difference_and_paired():
    rows = made("gain", rate=0.3)
    label = rows.label.astype(float)
    gain, error = auc_gain(label, rows.probability, rankdata(rows.baseline))
    expected = roc_auc_score(label, rows.probability) - roc_auc_score(label, rows.baseline)
    assert gain == pytest.approx(expected)
    assert 0 < error < 0.05
    assert auc_gain(label, rows.probability, 2 * rows.probability) == (0.0, 0.0)


@pytest.mark.skipif(CHROMIUM is None, reason="Debian's chromium is not installed")
@pytest.mark.parametrize("width", [400, 1280])
def test_browser_renders_without_errors_or_overflow(full, width):
    from playwright.sync_api import sync_playwright

    troubles, requests = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": width, "height": 900})
        tab.on("console", lambda message: troubles.append(message.text))
        tab.on("pageerror", lambda error: troubles.append(str(error)))
        tab.on("request", lambda request: requests.append(request.url))
        tab.goto(full.report.as_uri())
        scrolled = tab.evaluate("document.documentElement.scrollWidth")
        drawn = tab.locator("figure svg").all()
        sizes = [svg.bounding_box() for svg in drawn]
        browser.close()
    assert troubles == []
    assert all(url.startswith(("file:", "data:")) for url in requests)
    assert scrolled <= width
    assert len(sizes) >= 15
    assert all(100 < box["width"] <= width and box["height"] > 100 for box in sizes)
