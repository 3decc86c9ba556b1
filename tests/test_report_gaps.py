"""Pages of workspaces that lack something: it is left out with a word, or refused."""

from dataclasses import replace

import duckdb
import numpy as np
import pytest

from ml.pages.formatting import plain
from ml.pages.report import findings, write_report
from ml.pages.report.judged_rows import ranking_qualities
from ml.pages.report.summary import summarize
from ml.pages.report.target_report import read_targets
from ml.registry.backtest_months import BACKTEST, BacktestMonth, write_months
from ml.workspace.errors import AlmanacError
from ml.workspace.settings import Workspace
from tests.report_workspace import (
    made,
    page_of,
    section,
    write_marts,
    write_target,
    write_truth,
)


@pytest.fixture
def ws(tmp_path):
    return Workspace(tmp_path, tmp_path / "raw", {})


def test_without_warehouse_truth_and_baseline(ws):
    write_target(ws, "purchase_any", made("purchase_any"), baseline=False)
    page = page_of(ws)
    assert "chance alone would 50 times" in page
    assert "no customer segments yet" in page
    assert "This workspace has no offers." in page
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
    assert "ROC curve" in part


def test_a_target_without_any_positive_is_described_not_drawn(ws):
    rows = made("purchase_any")
    rows.label[:] = 0
    write_target(ws, "purchase_any", rows)
    part = section(page_of(ws), "purchase-any")
    assert "only one class" in part
    assert "ROC curve" not in part
    assert "Do the probabilities hold?" not in part


def test_truth_that_misses_rows_is_no_limit(ws):
    rows = made("purchase_any")
    write_target(ws, "purchase_any", rows)
    write_truth(ws, {"purchase_any": made("purchase_any", rows=1400)})
    assert "<dt>Limit</dt>" not in page_of(ws)


def test_no_champion(ws):
    with pytest.raises(AlmanacError, match="ml train"):
        write_report(ws)


def test_unreadable_predictions_are_named(ws):
    write_target(ws, "purchase_any", made("purchase_any"))
    [path] = ws.models.glob("*/*/predictions.parquet")
    path.write_bytes(b"spoilt")
    with pytest.raises(AlmanacError, match=r"predictions\.parquet.*\n.*ml train"):
        write_report(ws)


def test_a_model_without_contributions_and_comparison_is_described_not_drawn(ws):
    write_target(ws, "purchase_any", made("purchase_any"), with_contributions=False, comparison=[])
    part = section(page_of(ws), "purchase-any")
    assert "Models compared" not in part
    assert "Value by value" not in part
    assert "No contributions of single values are kept" in part
    assert "weighs most" in part


def test_unreadable_contributions_are_named(ws):
    write_target(ws, "purchase_any", made("purchase_any"))
    [path] = ws.models.glob("*/*/contributions.parquet")
    path.write_bytes(b"spoilt")
    with pytest.raises(AlmanacError, match=r"contributions\.parquet.*\n.*ml train"):
        write_report(ws)


def test_approximate_contributions_are_called_so(ws):
    write_target(ws, "purchase_any", made("purchase_any"))
    [target] = read_targets(ws)
    assert target.has_exact_contributions
    assert "The values are exact" in findings.contributions_caption(target)
    assert "They are approximate" in findings.contributions_caption(
        replace(target, has_exact_contributions=False)
    )


def test_undated_targets_have_no_months(ws):
    write_target(ws, "activity_decline", made("activity_decline", rows=300, tested=False))
    assert read_targets(ws)[0].months == ()


def test_a_month_of_one_class_is_left_out(ws):
    rows = made("purchase_any", rate=0.3)
    months = np.array([each.month for each in rows.months])
    rows.label[months == 1] = 0
    write_target(ws, "purchase_any", rows)
    assert [each.month.month for each in read_targets(ws)[0].months] == [2, 3]


def test_months_of_a_backtest_of_the_champion_are_shown_instead(ws):
    write_target(ws, "purchase_any", made("purchase_any", rate=0.3))
    folder = ws.models / "purchase_any"
    walked = [
        BacktestMonth(f"2024-0{n}", 90, 9, n / 10, (n / 10 - 0.05, n / 10), 0.5) for n in (1, 2, 3)
    ]
    write_months(folder, "purchase_any-another", walked)
    [before] = read_targets(ws)
    assert [each.split for each in before.months] == ["cv", "cv", "test"]
    assert "--months 6" in findings.months_caption(before)
    write_months(folder, before.card.model_id, walked)
    [after] = read_targets(ws)
    assert [each.split for each in after.months] == ["test"] * 3
    assert [each.auc for each in after.months[:2]] == [0.1, 0.2]
    assert after.months[2] == before.months[2]
    assert "--months 6" not in findings.months_caption(after)
    (folder / BACKTEST).write_text("[]")
    with pytest.raises(AlmanacError, match=r"backtest\.json is no backtest"):
        read_targets(ws)


def test_a_gain_that_luck_explains_is_no_gain(ws):
    rows = made("purchase_any", rate=0.3)
    write_target(ws, "purchase_any", replace(rows, baseline=rows.probability + 1e-3 * rows.truth))
    [target] = read_targets(ws)
    assert "is within what luck explains" in findings.ranking_verdict(target, plain)
    [doubt] = summarize([target]).doubts
    assert doubt.reason.startswith("Within what luck explains: ")
    ranked = ranking_qualities(replace(target.rows, probability=-target.rows.probability))
    worse = replace(target, model=ranked["model"])
    assert summarize([worse]).doubts[0].reason.startswith("Worse than the baseline: −0.")
    assert summarize([worse]).verdict.startswith("The model does not rank better")
    assert "It is worse than the baseline (−0." in findings.ranking_verdict(worse, plain)
