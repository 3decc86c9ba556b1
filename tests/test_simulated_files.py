"""The simulated company's raw files: in the genuine form, coherent across sources, as dirty."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from ml.simulate import Simulation, simulate
from ml.simulate.market import COPIED_TO, GENUINE_ROWS
from ml.simulate.orders import spoil
from tests.simulated import (
    CUSTOMERS,
    MONTHS,
    PART,
    TRX,
    folds,
    identities,
    readable_orders,
    schema,
)
from tests.workspaces import real_data


def test_detail_form_has_the_genuine_types(detail: Simulation) -> None:
    raw = detail.home / "raw"
    names = schema(raw / "detail" / "trx" / "fold=0" / PART)
    assert names.pop("client_id") == pa.string()
    assert names.pop("event_time") == pa.timestamp("us")
    assert names.pop("amount") == pa.float32()
    assert names == dict.fromkeys(TRX[1:], pa.int32())
    embedding = schema(raw / "detail" / "dialog" / "fold=0" / PART)["embedding"]
    assert embedding.value_type == pa.float32()
    assert not (raw / "ptls").exists()


def test_places_nest(detail: Simulation) -> None:
    geo = folds(detail, "detail/geo")
    assert geo["geohash_6"].str.fullmatch("[0-9b-hjkmnp-z]{6}").all()
    assert (geo["geohash_6"].str[:5] == geo["geohash_5"]).all()
    assert (geo["geohash_6"].str[:4] == geo["geohash_4"]).all()
    assert geo.groupby("client_id")["geohash_6"].nunique().max() > 1


def test_events_stay_within_their_months_in_order_of_time(detail: Simulation) -> None:
    for stream in ("trx", "geo", "dialog"):
        events = folds(detail, f"detail/{stream}")
        assert events["event_time"].min() >= pd.Timestamp("2022-06-01")
        assert events["event_time"].max() < pd.Timestamp("2023-01-01")
        assert events.groupby("client_id")["event_time"].is_monotonic_increasing.all()
    per_customer = folds(detail, "detail/trx").groupby("client_id").size()
    assert per_customer.mean() == pytest.approx(8 * MONTHS * 0.93, rel=0.25)
    assert 0 < CUSTOMERS - len(per_customer) < 0.15 * CUSTOMERS


def test_some_attributes_are_unknown_and_constant_for_a_customer(detail: Simulation) -> None:
    trx = folds(detail, "detail/trx")
    for name in TRX[-4:]:
        assert 0 < trx[name].isna().mean() < 0.3
        assert (trx.groupby("client_id")[name].nunique(dropna=False) == 1).all()
    assert trx[TRX[:-4]].notna().all(axis=None)


def test_array_form_holds_the_same_events_in_codes_of_its_own(
    detail: Simulation, ptls: Simulation
) -> None:
    rows, arrays = folds(detail, "detail/trx"), folds(ptls, "ptls/trx")
    assert not arrays["client_id"].duplicated().any()
    assert arrays["event_time"].map(len).sum() == len(rows)
    flat = arrays[["client_id", "event_time", "event_type", "amount"]].explode(
        ["event_time", "event_type", "amount"]
    )
    seconds = rows["event_time"].astype("datetime64[s]").astype("int64")
    assert (flat["event_time"].to_numpy(dtype=np.int64) == seconds.to_numpy()).all()
    assert np.array_equal(flat["amount"].to_numpy(dtype=np.float32), rows["amount"].to_numpy())
    assert (flat["event_type"].to_numpy() != rows["event_type"].to_numpy()).all()
    geo = schema(ptls.home / "raw" / "ptls" / "geo" / "fold=0" / PART)
    assert geo["geohash_6"].value_type == pa.int32()
    assert folds(ptls, "ptls/dialog")["embedding"].map(lambda rows: len(rows[0])).eq(768).all()
    assert not (ptls.home / "raw" / "detail").exists()


def test_both_names_of_the_targets_are_written(detail: Simulation, ptls: Simulation) -> None:
    first, second = folds(detail, "targets"), folds(ptls, "targets")
    mine = [f"target_{i}" for i in range(1, 5)]
    theirs = ["bcard_target", "cred_target", "zp_target", "acquiring_target"]
    assert np.array_equal(first[mine].to_numpy(), second[theirs].to_numpy())
    assert sorted(first["mon"].unique()) == ["2022-10-31", "2022-11-30", "2022-12-31", "2023-01-31"]
    assert set(first["fold"]) == set("01234")
    assert set(folds(detail, "client_split")["fold"]) == {"-1", *"01234"}


def test_side_columns_of_the_targets_describe_the_time_before_the_label(
    detail: Simulation,
) -> None:
    targets, trx = folds(detail, "targets"), folds(detail, "detail/trx")
    cut = pd.to_datetime(targets["mon"]).dt.to_period("M").dt.to_timestamp()
    for row in (5, 123, 700, len(targets) - 1):
        mine = trx[trx["client_id"] == targets["client_id"].iloc[row]]["event_time"]
        mine = mine[(mine >= "2022-09-01") & (mine < cut.iloc[row])]
        assert targets["trans_count"].iloc[row] == len(mine)
        days = targets["diff_trans_date"].iloc[row]
        assert np.isnan(days) if mine.empty else days == (cut.iloc[row] - mine.max()).days
    assert (targets["diff_trans_date"].isna() == (targets["trans_count"] == 0)).all()
    assert targets["diff_trans_date"].isna().any()


def test_folds_share_no_customer(detail: Simulation) -> None:
    split = folds(detail, "client_split")
    assert not split["client_id"].duplicated().any()
    assert len(split) == CUSTOMERS
    assert split["client_id"].str.fullmatch("[0-9a-f]{64}").all()


def test_every_source_id_has_its_customer(detail: Simulation) -> None:
    raw = detail.home / "raw"
    retail = [pd.read_csv(raw / f) for f in ("raw_customer_data.csv", "model_data.csv")]
    used = {
        "mbd": folds(detail, "client_split")["client_id"],
        "one_click": pd.read_csv(raw / "market_file.csv")["id"],
        "retailtech": pd.concat(retail)["customer_id"],
        "transactions": readable_orders(detail)["customer_id"],
    }
    company = set(identities(detail, "mbd"))
    for source, ids in used.items():
        known = identities(detail, source)
        assert set(ids.astype(str)) <= set(known.index), source
        assert known.is_unique, source
        assert known.index.is_unique, source
        assert set(known) <= company, source
    assert {f"c{i:07d}" for i in range(CUSTOMERS)} == company


def test_orders_carry_each_kind_of_dirt(detail: Simulation) -> None:
    for file in sorted((detail.home / "raw" / "transactions").glob("*.csv")):
        header, *lines = file.read_text(encoding="utf-8").splitlines()
        assert header == "customer_id,event_time,amount,quantity,order_id,item_id,category"
        good = r"u\d+,\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d,[\d.]+,\d+,\d+,\d+,[a-z]+"
        assert all(line.startswith(("u", ",")) for line in lines)
        spoilt = [line for line in lines if not re.fullmatch(good, line)]
        assert sum(line.startswith(",") for line in spoilt) == 1
        assert sum(",n/a," in line for line in spoilt) == 1
        assert sum(line.count(",") > header.count(",") for line in spoilt) == 1
        assert max(Counter(lines).values()) == 2
        times = [line.split(",")[1] for line in lines]
        assert times == sorted(times)
        assert {time[:7] for time in times} == {file.stem}


def test_spoilt_lines_keep_the_order_of_another_id() -> None:
    line = "u1,2022-01-01T00:00:00,5.0,1,77,10001,toys\n"
    assert spoil(line, "x", 0) == ",2022-01-01T00:00:00,5.0,1,x,10001,toys\n"
    assert spoil(line, "x", 1) == "u1,2022-01-01T00:00:00,n/a,1,x,10001,toys\n"
    assert spoil(line, "x", 2).count(",") == 8
    assert spoil(line, "x", 3) == line


def test_one_click_betrays_its_target_by_row_as_the_genuine_file_does(
    tmp_path: Path,
) -> None:
    simulate(tmp_path, customers=3_250, months=4, seed=2)
    market = pd.read_csv(tmp_path / "raw" / "market_file.csv")
    label = market.iloc[:, 1] == "Снизилась"
    assert len(market) == GENUINE_ROWS
    assert market["id"].tolist() == list(range(215_348, 215_348 + GENUINE_ROWS))
    assert roc_auc_score(label, -market["id"]) == pytest.approx(0.982, abs=0.005)
    repeated = np.flatnonzero(market.drop(columns="id").duplicated())
    assert repeated.tolist() == list(range(COPIED_TO, COPIED_TO + 11))
    assert (market["Тип сервиса"] == "стандартт").sum() == 10
    money = pd.read_csv(tmp_path / "raw" / "market_money.csv")
    assert (money["Выручка"] == 106862.2).sum() == 1
    assert (money["Выручка"] == 0).sum() == 6
    latest = money[money["Период"] == "текущий_месяц"]
    assert (latest["Выручка"] > 0).all()


def test_untimed_sessions_buy_less_and_the_clean_file_has_no_gaps(tmp_path: Path) -> None:
    simulate(tmp_path, customers=8_000, months=4, seed=2)
    raw = pd.read_csv(tmp_path / "raw" / "raw_customer_data.csv")
    clean = pd.read_csv(tmp_path / "raw" / "model_data.csv")
    untimed = raw["time_spent"].isna()
    shares = raw.isna().mean()
    assert shares["time_spent"] == pytest.approx(0.13, abs=0.03)
    assert shares["basket_value"] == pytest.approx(0.166, abs=0.03)
    assert raw["purchase"].mean() == pytest.approx(0.805, abs=0.03)
    assert raw["purchase"][untimed].mean() < raw["purchase"][~untimed].mean() - 0.15
    assert clean.notna().all(axis=None)
    assert not set(clean["customer_id"]) & set(raw["customer_id"])
    assert {"Unknown"} == set(clean["device_type"]) - set(raw["device_type"].dropna())


def test_csv_files_read_like_the_genuine_ones(detail: Simulation) -> None:
    for folder, name in (
        *(("one_click", f"{n}.csv") for n in ("market_file", "market_money", "market_time")),
        ("one_click", "money.csv"),
        ("retailtech", "raw_customer_data.csv"),
        ("retailtech", "model_data.csv"),
    ):
        real = (real_data(folder) / name).read_text(encoding="utf-8")
        ours = (detail.home / "raw" / name).read_text(encoding="utf-8")
        assert ours.splitlines()[0] == real.splitlines()[0]
        assert "\r" not in ours
        words = [
            set(re.findall(r"(?<=[,;])[^\d,;\n][^,;\n]*", text.split("\n", 1)[1]))
            for text in (ours, real)
        ]
        assert words[0] == words[1], name
        shapes = [
            {re.sub(r"\d+", "9", line) for line in text.splitlines()[1:]} for text in (ours, real)
        ]
        if name.startswith("m") and name not in ("market_file.csv", "model_data.csv"):
            assert shapes[0] <= shapes[1], name


def test_parquet_files_have_the_genuine_schema(detail: Simulation, ptls: Simulation) -> None:
    sample = real_data("mbd_sample")
    for stream in ("trx", "dialog"):
        real = schema(sample / "ptls" / stream / "fold=0" / PART)
        assert schema(ptls.home / "raw" / "ptls" / stream / "fold=0" / PART) == real
    real = schema(sample / "targets" / "fold=0" / PART)
    ours = schema(detail.home / "raw" / "targets" / "fold=0" / PART)
    assert {name: ours[name] for name in real} == real
