"""The genuine files, unmodified: what is read, what is rejected, what can be predicted from it."""

import csv
import random
from pathlib import Path

import pytest

from tests.workspaces import TestWorkspace, make_workspace

REJECTS = "select reason, count(*) from staging.rejects group by reason order by reason"


def mean_auc(text: str) -> tuple[float, float]:
    """The mean ROC-AUC of `ml evaluate --repeats|--months` and the baseline feature's."""
    line = next(line for line in text.splitlines() if line.startswith("mean"))
    _, model, baseline = line.split()[:3]
    return float(model), float(baseline)


def trained(ws: TestWorkspace, target: str) -> TestWorkspace:
    ws.must("feast", "apply")
    ws.must("ml", "train", "--target", target)
    return ws


def test_one_click_is_read_whole(one_click: TestWorkspace) -> None:
    assert one_click.query(REJECTS) == []
    assert one_click.value("select count(*) from staging.stg_one_click__market_file") == 1300
    assert one_click.value("select count(*) from staging.stg_one_click__market_money") == 3900
    assert one_click.value("select count(*) from staging.stg_one_click__market_time") == 2600
    assert one_click.value("select count(*) from staging.stg_one_click__money") == 1300
    assert one_click.query("from targets.tgt_activity_decline select count(*), sum(label)") == [
        (1300, 498)
    ]
    services = "select service, count(*) from staging.stg_one_click__market_file group by all"
    assert dict(one_click.query(services)) == {"standard": 924, "premium": 376}
    assert one_click.query(
        "select market_revenue_sum__lag_2__1m, market_revenue_sum__lag_1__1m, "
        "market_revenue_sum__1m, market_minutes_sum__1m, market_minutes_sum__lag_1__1m, "
        "market_profit_mean__3m from features.ftr_market where customer_id = '215348'"
    ) == [(0.0, 0.0, 3293.1, 14.0, 13.0, 0.98)]


def test_one_click_decline_is_predicted_without_id_or_row_order(
    one_click: TestWorkspace, tmp_path: Path
) -> None:
    trained(one_click, "activity_decline")
    repeated = one_click.must("ml", "evaluate", "--target", "activity_decline", "--repeats", "2")
    model, baseline = mean_auc(repeated)
    assert model >= 0.90
    assert baseline < 0.84
    one_click.must("ml", "score", "--target", "activity_decline")
    scores = dict(one_click.query("select customer_id, score from scores.scores"))
    assert len(scores) == 1300

    renumbered = renumber_and_shuffle(one_click.raw, tmp_path / "raw")
    other = make_workspace(tmp_path / "home", tmp_path / "raw")
    other.must("dbt", "build", "--quiet", "--exclude", "resource_type:test")
    trained(other, "activity_decline").must("ml", "score", "--target", "activity_decline")
    others = dict(other.query("select customer_id, score from scores.scores"))
    assert {renumbered[old]: score for old, score in scores.items()} == others


def renumber_and_shuffle(source: Path, target: Path) -> dict[str, str]:
    """Give every customer another id and every file another order; return the ids, old to new."""
    target.mkdir()
    rng = random.Random(5)
    ids: dict[str, str] = {}
    for file in sorted(source.glob("*.csv")):
        delimiter = ";" if file.name == "money.csv" else ","
        with file.open(encoding="utf-8", newline="") as lines:
            header, *rows = csv.reader(lines, delimiter=delimiter)
        if not ids:
            old = sorted({row[0] for row in rows})
            ids = dict(zip(old, rng.sample([str(900_000 + i) for i in range(len(old))], len(old)),
                           strict=True))  # fmt: skip
        rng.shuffle(rows)
        with (target / file.name).open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
            writer.writerow(header)
            writer.writerows([[ids[row[0]], *row[1:]] for row in rows])
    return ids


def test_retailtech_sessions_are_read_and_flagged(retailtech: TestWorkspace) -> None:
    assert retailtech.query(REJECTS) == []
    assert retailtech.value("select count(*) from staging.stg_retailtech__sessions") == 1000
    missing = retailtech.query(
        "select sum(session_time_spent_last__is_missing__1m), "
        "sum(session_page_last__is_missing__1m), sum(session_basket_value_last__is_missing__1m) "
        "from features.ftr_session where cast(customer_id as integer) <= 500"
    )
    assert missing == [(65, 42, 83)]
    trained(retailtech, "session_purchase")
    text = retailtech.must("ml", "evaluate", "--target", "session_purchase")
    assert "always yes" in text


def test_cdnow_is_read_whole(cdnow: TestWorkspace) -> None:
    assert cdnow.query(REJECTS) == []
    assert cdnow.query(
        "select count(*), count(distinct customer_id), min(event_time)::date::varchar, "
        "max(event_time)::date::varchar from staging.stg_transactions__events"
    ) == [(69659, 23570, "1997-01-01", "1998-06-30")]
    newest = "select max(event_timestamp)::date::varchar from targets.tgt_spend_next_month"
    assert cdnow.value(newest) == "1998-06-01"


def test_online_retail_is_read_and_its_partial_month_is_no_label(
    online_retail: TestWorkspace,
) -> None:
    assert dict(online_retail.query(REJECTS)) == {
        "customer_id is empty": 135080,
        "repeats an earlier row": 5225,
    }
    assert online_retail.value("select count(*) from landed.transactions__events") == 541909
    assert online_retail.query(
        "select count(*), count(distinct customer_id) from staging.stg_transactions__events"
    ) == [(401604, 4372)]
    newest = "select max(event_timestamp)::date::varchar from targets.tgt_spend_next_month"
    assert online_retail.value(newest) == "2011-11-01"


def test_online_retail_next_month_is_predicted_out_of_time(online_retail: TestWorkspace) -> None:
    trained(online_retail, "spend_next_month")
    months = online_retail.must("ml", "evaluate", "--target", "spend_next_month", "--months", "2")
    model, recency = mean_auc(months)
    assert model >= 0.72
    assert recency == pytest.approx(0.654, abs=0.005)


def test_mbd_sample_holds_both_genuine_clients(mbd_sample: TestWorkspace) -> None:
    clients = "select customer_id[:8], count(*) from staging.stg_mbd__trx group by 1 order by 1"
    assert mbd_sample.query(clients) == [("000e047a", 388), ("00959853", 128)]
    assert mbd_sample.value("select form from landed.workspace__sources where source = 'mbd'") == (
        "ptls"
    )
    labels = "select count(*), sum(label), min(event_timestamp)::date::varchar "
    assert mbd_sample.query(f"{labels} from targets.tgt_purchase_any") == [(12, 0, "2022-02-01")]


# Worked out by hand from the printed transactions of the two clients, by client and month.
BY_HAND: dict[tuple[str, str], dict[str, float]] = {
    # 1, 7 (3), 8, 13, 14, 16, 19 and 23 August: 6 of 10 on a weekend; 18, 29, 12, 18, 14, 12 and
    # 13 transactions in the months before, the first of them on 1 January.
    ("000e047a", "2021-08-01"): {
        "trx_event_count__1m": 10,
        "trx_event_count__3m": 12 + 13 + 10,
        "trx_event_count__6m": 12 + 18 + 14 + 12 + 13 + 10,
        "trx_event_count__all": 126,
        "trx_event_ratio__1m_over_3m": 10 / 35,
        "trx_amount_sum__1m": 291_893.39,
        "trx_amount_mean__1m": 29_189.339,
        "trx_amount_min__1m": 971.69,
        "trx_amount_max__1m": 90_257,
        "trx_amount_last__1m": 55_746,
        "trx_day_nunique__1m": 8,
        "trx_event_type_nunique__1m": 2,
        "trx_last_event_days_since__all": 9,
        "trx_first_event_days_since__all": 243,
        "trx_event_share__weekend_true__1m": 0.6,
        "trx_event_share__weekday_6__1m": 0.4,
        "trx_event_count__event_type_11__1m": 2,
        "trx_amount_sum__event_type_11__1m": 971.69 + 15_255,
        "trx_event_count__event_type_other__1m": 0,
        "trx_event_count__currency_1__1m": 10,
    },
    # 1 September 04:29:16: 538,240; 9 September 10:10:50: 2,005; 16 September 09:05:36: 3,989.5;
    # one of 291,600 in August.
    ("00959853", "2022-09-01"): {
        "trx_event_count__1m": 3,
        "trx_event_count__3m": 27 + 1 + 3,
        "trx_amount_sum__1m": 544_234.5,
        "trx_amount_mean__1m": 181_411.5,
        "trx_amount_last__1m": 3_989.5,
        "trx_gap_max__1m": 197 + (41 * 60 + 34) / 3600,
        "trx_gap_min__1m": 166 + (54 * 60 + 46) / 3600,
        "trx_event_ratio__1m_over_previous_month": 3,
        "trx_amount_ratio__1m_over_previous_month": 544_234.5 / 291_600,
        "trx_last_event_days_since__all": 15,
        "trx_first_event_days_since__all": 22 + 28 + 31 + 30 + 31 + 30 + 31 + 31 + 30 + 1,
        "trx_event_count__event_type_14__1m": 2,
        "trx_event_count__event_type_24__1m": 1,
        "trx_event_share__weekend_true__1m": 0,
        "trx_event_share__quarter_1__1m": 2 / 3,
    },
    # One dialogue, on 31 October.
    ("000e047a", "2022-10-01"): {
        "dialog_event_count__1m": 1,
        "dialog_last_event_days_since__all": 1,
    },
}


def test_mbd_sample_has_the_features_worked_out_by_hand(mbd_sample: TestWorkspace) -> None:
    relations = dict(mbd_sample.query("select name, relation from marts.dim_features"))
    for (client, month), by_hand in BY_HAND.items():
        found = {
            name: mbd_sample.value(
                f"select {name} from {relations[name]} "
                f"where customer_id like '{client}%' and feature_month = '{month}'"
            )
            for name in by_hand
        }
        assert found == pytest.approx(by_hand, rel=1e-5)


def test_mbd_sample_builds_every_family_that_its_files_allow(mbd_sample: TestWorkspace) -> None:
    every = "select distinct relation from intermediate.int_declared_features where source = 'mbd'"
    with_rows = "select distinct relation from marts.dim_features where measured_rows > 0"
    without = {*mbd_sample.query(every)} - {*mbd_sample.query(with_rows)}
    # The sample holds no positions.
    assert without == {("features.ftr_geo",)}
