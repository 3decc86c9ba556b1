"""The simulated company: deterministic, coherent across sources, as dirty and hard as it says."""

import csv
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score

from ml.config import AlmanacError, read_settings
from ml.simulate import Simulation, simulate
from ml.simulate.latent import (
    PREVALENCE,
    decline_probability,
    decline_score,
    draw_state,
    purchase_probability,
    solve_intercept,
)
from ml.simulate.market import COPIED_TO, GENUINE_ROWS
from ml.simulate.orders import spoil
from ml.simulate.plan import Plan, make_plan
from tests.workspaces import real_data

PART = "part-00000.snappy.parquet"
CUSTOMERS, MONTHS = 500, 7
TRX = ["amount", "event_type", "event_subtype", "currency", "src_type11", "src_type12"]
TRX += ["dst_type11", "dst_type12", "src_type21", "src_type22", "src_type31", "src_type32"]


@pytest.fixture(scope="module")
def detail(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    home = tmp_path_factory.mktemp("detail")
    return simulate(home, customers=CUSTOMERS, months=MONTHS, seed=3)


@pytest.fixture(scope="module")
def ptls(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    home = tmp_path_factory.mktemp("ptls")
    return simulate(home, customers=CUSTOMERS, months=MONTHS, seed=3, form="ptls")


def folds(done: Simulation, stream: str) -> pd.DataFrame:
    files = sorted((done.home / "raw" / stream).glob("fold=*/*.parquet"))
    frames = [pq.ParquetFile(file).read().to_pandas() for file in files]
    parts = zip(files, frames, strict=True)
    return pd.concat([frame.assign(fold=file.parent.name[5:]) for file, frame in parts])


def schema(path: Path) -> dict[str, pa.DataType]:
    arrow = pq.ParquetFile(path).schema_arrow
    return dict(zip(arrow.names, arrow.types, strict=True))


def truth(done: Simulation, target: str) -> pd.DataFrame:
    frame = pq.read_table(done.home / "truth" / "probabilities.parquet").to_pandas()
    return frame[frame["target"] == target]


def identities(done: Simulation, source: str) -> pd.Series:
    frame = pd.read_csv(done.home / "raw" / "identities.csv", dtype=str)
    return frame[frame["source"] == source].set_index("source_id")["customer_id"]


def readable_orders(done: Simulation) -> pd.DataFrame:
    """The orders that survive staging: known customer, readable amount, the right field count."""
    rows = []
    for file in sorted((done.home / "raw" / "transactions").glob("*.csv")):
        with file.open(encoding="utf-8", newline="") as lines:
            header, *body = csv.reader(lines)
            rows += [row for row in body if len(row) == len(header)]
    frame = pd.DataFrame(rows, columns=header)
    return frame[(frame["customer_id"] != "") & (frame["amount"] != "n/a")]


def all_bytes(home: Path) -> dict[str, bytes]:
    return {str(f.relative_to(home)): f.read_bytes() for f in home.rglob("*") if f.is_file()}


@pytest.mark.parametrize("form", ["detail", "ptls"])
def test_same_arguments_same_bytes(
    form: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    simulate(tmp_path, customers=CUSTOMERS, months=MONTHS, seed=3, form=form)
    assert all_bytes(tmp_path) == all_bytes(request.getfixturevalue(form).home)


def test_another_seed_other_bytes(detail: Simulation, tmp_path: Path) -> None:
    simulate(tmp_path, customers=CUSTOMERS, months=MONTHS, seed=4)
    ours, others = all_bytes(tmp_path), all_bytes(detail.home)
    same = {name for name in ours if ours[name] == others.get(name)}
    assert same == {"workspace.yml"}


def test_blocks_cut_the_company_into_folds_of_whole_customers() -> None:
    plan = make_plan(100_000, 18, 1, "detail")
    assert len(plan.blocks) > 6
    covered = [i for block in plan.blocks for i in (block.first, block.first + block.size)]
    assert covered[0] == 0
    assert covered[-1] == 100_000
    assert covered[1:-1:2] == covered[2:-1:2]
    assert {block.fold for block in plan.blocks} == {-1, 0, 1, 2, 3, 4}


def test_counts_are_those_of_the_files(detail: Simulation) -> None:
    written = {
        str(file.relative_to(detail.home)): pq.ParquetFile(file).metadata.num_rows
        for file in detail.home.rglob("*.parquet")
    }
    assert written == {k: v for k, v in detail.rows.items() if k.endswith(".parquet")}
    for name in set(detail.rows) - set(written):
        lines = (detail.home / name).read_text(encoding="utf-8").splitlines()
        assert len(lines) - 1 == detail.rows[name], name
    assert detail.transactions == len(folds(detail, "detail/trx"))
    assert detail.transactions_per_second > 0


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


def quarter_million_labels(customers: int = 20_000) -> tuple[Plan, np.ndarray, np.ndarray]:
    plan = make_plan(customers, 18, 5, "detail")
    chance = np.concatenate(
        [purchase_probability(plan, draw_state(plan, block)) for block in plan.blocks]
    )
    return plan, chance, plan.random("test").random(chance.shape) < chance


def test_purchases_are_as_rare_and_as_predictable_as_they_should_be() -> None:
    plan, chance, bought = quarter_million_labels()
    assert len(plan.label_months) == 12
    assert chance.mean(axis=(0, 1)) == pytest.approx(PREVALENCE, rel=0.05)
    for product in (0, 2, 3):
        label, score = bought[:, :, product].ravel(), chance[:, :, product].ravel()
        assert label.mean() == pytest.approx(PREVALENCE[product], rel=0.2)
        assert roc_auc_score(label, score) == pytest.approx(0.855, abs=0.03)
    everyone = 1 - np.prod(1 - chance, axis=2)
    assert roc_auc_score(bought.any(axis=2).ravel(), everyone.ravel()) > 0.75


def test_decline_is_as_common_and_as_predictable_as_it_should_be() -> None:
    plan = make_plan(20_000, 6, 5, "detail")
    scores = np.concatenate([decline_score(draw_state(plan, block)) for block in plan.blocks])
    chance = decline_probability(scores)
    declined = plan.random("test").random(chance.size) < chance
    assert declined.mean() == pytest.approx(0.383, abs=0.02)
    assert roc_auc_score(declined, chance) == pytest.approx(0.93, abs=0.015)


def test_intercept_gives_the_mean_asked_for() -> None:
    level = solve_intercept(0.3, 2.0, (0.0, -1.0), (0.75, 0.25))
    drawn = np.random.default_rng(0).standard_normal(400_000)
    means = [(1 / (1 + np.exp(-(level + shift + 2 * drawn)))).mean() for shift in (0.0, -1.0)]
    assert np.dot(means, (0.75, 0.25)) == pytest.approx(0.3, abs=0.003)


def test_truth_has_a_row_for_every_label(detail: Simulation) -> None:
    targets = folds(detail, "targets")
    who = identities(detail, "mbd").loc[targets["client_id"]]
    when = pd.to_datetime(targets["mon"]).dt.to_period("M").dt.to_timestamp()
    labelled = set(zip(who, when, strict=True))
    products = [truth(detail, f"purchase_product_{i}") for i in range(1, 5)]
    for frame in (*products, truth(detail, "purchase_any")):
        assert set(zip(frame["customer_id"], frame["event_timestamp"], strict=True)) == labelled
        assert len(frame) == len(labelled)
        assert frame["probability"].between(0, 1, inclusive="neither").all()
    none = np.prod([1 - each["probability"].to_numpy() for each in products], axis=0)
    assert truth(detail, "purchase_any")["probability"].to_numpy() == pytest.approx(1 - none)


def test_snapshot_truth_ranks_the_snapshot_labels(detail: Simulation) -> None:
    market = pd.read_csv(detail.home / "raw" / "market_file.csv", dtype={"id": str})
    clean = pd.read_csv(detail.home / "raw" / "model_data.csv", dtype={"customer_id": str})
    raw = pd.read_csv(detail.home / "raw" / "raw_customer_data.csv", dtype={"customer_id": str})
    sessions = pd.concat([raw, clean]).set_index("customer_id")["purchase"]
    decline = market.set_index("id")["Покупательская активность"] == "Снизилась"
    for source, target, label, least in (
        ("one_click", "activity_decline", decline, 0.85),
        ("retailtech", "session_purchase", sessions, 0.68),
    ):
        known = truth(detail, target)
        assert set(known["event_timestamp"]) == {pd.Timestamp("2023-01-01")}
        chance = known.set_index("customer_id")["probability"]
        customers = identities(detail, source).loc[label.index]
        assert len(known) == len(label)
        assert roc_auc_score(label, chance.loc[customers]) > least


def test_order_truth_is_told_for_earlier_buyers_and_ranks_the_next_month(
    detail: Simulation,
) -> None:
    orders = readable_orders(detail)
    months = orders["event_time"].str[:7]
    who = identities(detail, "transactions").loc[orders["customer_id"]].to_numpy()
    bought = set(zip(who, months, strict=True))
    first = pd.Series(months.to_numpy(), index=who).groupby(level=0).min()
    known = truth(detail, "spend_next_month")
    known = known.assign(month=known["event_timestamp"].dt.strftime("%Y-%m"))
    assert (first.loc[known["customer_id"]].to_numpy() < known["month"].to_numpy()).all()
    assert len(known[known["month"] == "2023-01"]) == len(first)
    past = known[known["month"] < "2023-01"]
    label = [pair in bought for pair in zip(past["customer_id"], past["month"], strict=True)]
    assert np.mean(label) == pytest.approx(past["probability"].mean(), abs=0.05)
    assert roc_auc_score(label, past["probability"]) > 0.68


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


def test_settings_name_the_last_month_of_events_and_keep_the_others(tmp_path: Path) -> None:
    (tmp_path / "workspace.yml").write_text("title: Ours\none_click: {note: x}\n", encoding="utf-8")
    simulate(tmp_path, customers=100, months=4, seed=1)
    settings = read_settings(tmp_path / "workspace.yml")
    assert settings["title"] == "Ours"
    assert settings["one_click"]["note"] == "x"
    for source in ("one_click", "retailtech"):
        assert str(settings[source]["snapshot_month"]) == "2022-12-01"
    assert "&" not in (tmp_path / "workspace.yml").read_text(encoding="utf-8")


def test_refuses_a_raw_folder_of_someone_else(tmp_path: Path) -> None:
    mine = tmp_path / "raw" / "mine.csv"
    mine.parent.mkdir()
    mine.write_text("a\n", encoding="utf-8")
    with pytest.raises(AlmanacError, match=r"mine\.csv"):
        simulate(tmp_path, customers=100, months=4, seed=1)
    assert all_bytes(tmp_path) == {"raw/mine.csv": b"a\n"}


def test_writes_over_its_own_but_not_over_a_file_put_beside_it(tmp_path: Path) -> None:
    simulate(tmp_path, customers=120, months=5, seed=1)
    simulate(tmp_path, customers=100, months=4, seed=1)
    assert not (tmp_path / "raw" / "transactions" / "2022-08.csv").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["raw", "truth", "workspace.yml"]
    (tmp_path / "raw" / "added.csv").write_text("a\n", encoding="utf-8")
    with pytest.raises(AlmanacError, match=r"added\.csv"):
        simulate(tmp_path, customers=100, months=4, seed=1)


def test_refuses_a_workspace_that_reads_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "workspace.yml").write_text("raw: ../elsewhere\n", encoding="utf-8")
    with pytest.raises(AlmanacError, match="elsewhere"):
        simulate(tmp_path, customers=100, months=4, seed=1)


def test_a_failed_run_leaves_the_old_company_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulate(tmp_path, customers=100, months=4, seed=1)
    before = all_bytes(tmp_path)

    def fail(*_: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr("ml.simulate.company.write_sessions", fail)
        with pytest.raises(OSError, match="disk full"):
            simulate(tmp_path, customers=100, months=4, seed=2)
    assert {k: v for k, v in all_bytes(tmp_path).items() if not k.startswith(".")} == before
    simulate(tmp_path, customers=100, months=4, seed=1)
    assert all_bytes(tmp_path) == before


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"customers": 99}, "customers is 99"),
        ({"months": 3}, "months is 3"),
        ({"seed": -1}, "seed is -1"),
        ({"form": "wide"}, "form is 'wide'"),
    ],
)
def test_refuses_arguments_out_of_range(
    wrong: dict[str, object], told: str, tmp_path: Path
) -> None:
    arguments = {"customers": 100, "months": 4, "seed": 1, "form": "detail"} | wrong
    with pytest.raises(AlmanacError, match=told):
        simulate(tmp_path, **arguments)  # type: ignore[arg-type]
    assert not any(tmp_path.iterdir())
