"""Planted changes: what the files say of each before and after, and nothing else anywhere."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from ml.cli import main
from ml.simulate import Simulation, simulate
from ml.simulate.latent import draw_state, order_rates
from ml.simulate.plants import KINDS, kept_share, make_plants
from ml.simulate.scenario import Scenario, company_ids, make_scenario
from ml.workspace.errors import BadInput
from tests.simulated import all_bytes, identities, readable_orders, truth

CUSTOMERS, MONTHS, SEED = 300, 8, 5
MONTH = "2022-09"
NAMES = [f"2022-{month:02}" for month in range(5, 13)]
EARLIER, LATER = NAMES[:4], NAMES[4:]
Plant = Callable[..., Simulation]


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Plant:
    """Simulate the same company with these plants; each company is written once."""
    done: dict[tuple[str, ...], Simulation] = {}

    def run(*plants: str) -> Simulation:
        if plants not in done:
            home = tmp_path_factory.mktemp("planted")
            done[plants] = simulate(
                home, customers=CUSTOMERS, months=MONTHS, seed=SEED, plants=plants
            )
        return done[plants]

    return run


def scenario(*plants: str) -> Scenario:
    return make_scenario(CUSTOMERS, MONTHS, SEED, "detail", plants)


def months(done: Simulation) -> dict[str, bytes]:
    return {f.stem: f.read_bytes() for f in (done.home / "raw" / "transactions").glob("*.csv")}


def orders(done: Simulation) -> pd.DataFrame:
    """Orders that can be read, once each, by their number; the month and the customer are told."""
    rows = readable_orders(done).drop_duplicates("order_id").set_index("order_id").sort_index()
    who = identities(done, "transactions").loc[rows["customer_id"]].to_numpy()
    return rows.assign(month=rows["event_time"].str[:7], who=who)


def traits(*plants: str) -> pd.DataFrame:
    """Every customer's affluence, and the order rates of month 0 .. T that are drawn from."""
    states = [draw_state(scenario(), block) for block in scenario().blocks]
    rates = np.concatenate([order_rates(scenario(*plants), state) for state in states])
    frame = pd.DataFrame(rates, company_ids(np.arange(CUSTOMERS)), [*NAMES, "2023-01"])
    return frame.assign(affluence=np.concatenate([state.affluence for state in states]))


def test_without_plants_the_company_is_as_it_was(plant: Plant) -> None:
    none = plant()
    files = months(none)
    first, last = (files[name].decode().splitlines() for name in (NAMES[0], NAMES[-1]))
    assert first[1] == "u500154,2022-05-01T04:51:28,98.71,4,1000001,10115,beauty"
    assert last[-1] == "u500159,2022-12-31T23:49:09,18.01,1,1000855,10001,clothing"
    numbers = orders(none).index.astype(int)
    assert numbers.tolist() == list(range(1_000_001, 1_000_001 + len(numbers)))
    marker = json.loads((none.home / "raw" / ".simulated").read_text())
    assert marker.keys() == {"customers", "months", "seed", "form", "files"}


@pytest.mark.parametrize("kind", KINDS)
def test_only_orders_from_the_month_on_change(kind: str, plant: Plant) -> None:
    before, after = plant(), plant(f"{kind}@{MONTH}")
    same = {name for name, text in months(before).items() if months(after)[name] == text}
    assert same == set(EARLIER) | (set(LATER[1:]) if kind == "half-file" else set())
    files, planted = all_bytes(before.home), all_bytes(after.home)
    changed = {name for name in files if files[name] != planted[name]}
    assert files.keys() == planted.keys()
    assert {name for name in changed if "transactions" not in name} <= {
        "raw/.simulated",
        "truth/probabilities.parquet",
    }


def test_plants_are_part_of_the_marker_and_reproducible(plant: Plant, tmp_path: Path) -> None:
    plants = [f"{kind}@{month}" for kind, month in zip(KINDS, NAMES[2:], strict=True)]
    simulate(tmp_path, customers=CUSTOMERS, months=MONTHS, seed=SEED, plants=plants)
    assert all_bytes(tmp_path) == all_bytes(plant(*plants).home)
    assert json.loads((tmp_path / "raw" / ".simulated").read_text())["plants"] == plants


def test_a_renamed_code_changes_nothing_but_the_code(plant: Plant) -> None:
    before, after = orders(plant()), orders(plant(f"renamed-code@{MONTH}"))
    late = before["month"] >= MONTH
    renamed = before["category"].mask(late & (before["category"] == "toys"), "toys & games")
    pd.testing.assert_frame_equal(after, before.assign(category=renamed))
    assert set(after["category"][late]) & {"toys", "toys & games"} == {"toys & games"}


def test_cents_are_whole_and_only_in_electronics(plant: Plant) -> None:
    before, after = orders(plant()), orders(plant(f"cents@{MONTH}"))
    times = np.where((before["month"] >= MONTH) & (before["category"] == "electronics"), 100, 1)
    amounts = before["amount"].astype(float) * times
    assert after["amount"].astype(float).to_numpy() == pytest.approx(amounts.to_numpy())
    assert after["amount"][times == 100].str.fullmatch(r"\d+").all()
    columns = after.columns.drop("amount")
    pd.testing.assert_frame_equal(after[columns], before[columns])


def test_half_a_file_lacks_half_of_the_rows_of_one_month(plant: Plant) -> None:
    done = plant(f"half-file@{MONTH}")
    before, after = orders(plant()), orders(done)
    pd.testing.assert_frame_equal(after, before.loc[after.index])
    lost = before.drop(after.index)
    assert set(lost["month"]) == {MONTH}
    assert len(lost) / (before["month"] == MONTH).sum() == pytest.approx(0.5, abs=0.12)
    assert lost["category"].nunique() == before["category"].nunique()


def test_an_affluent_customer_orders_less_each_month(plant: Plant) -> None:
    before, after = orders(plant()), orders(plant(f"slow-shift@{MONTH}"))
    pd.testing.assert_frame_equal(after, before.loc[after.index])
    affluent = before["who"].map(traits()["affluence"]) > 0
    kept = before.index.isin(after.index)
    assert kept[~affluent | (before["month"] < MONTH)].all()
    expected = 0.85 ** np.arange(1, len(LATER) + 1)
    rows = affluent & (before["month"] >= MONTH)
    shares = pd.Series(kept[rows]).groupby(before["month"][rows].to_numpy()).mean()
    assert shares.to_numpy() == pytest.approx(expected, abs=0.12)
    assert kept[rows].mean() == pytest.approx(expected.mean(), abs=0.08)


def test_a_new_product_takes_a_tenth_of_the_orders(plant: Plant) -> None:
    before, after = orders(plant()), orders(plant(f"new-product@{MONTH}"))
    pets = after["category"] == "pets"
    assert not pets[after["month"] < MONTH].any()
    assert pets[after["month"] >= MONTH].mean() == pytest.approx(0.1, abs=0.03)
    assert not set(after["item_id"][pets]) & set(before["item_id"])
    pd.testing.assert_frame_equal(after[~pets], before[~pets])
    assert (after["amount"] == before["amount"]).all()


def test_a_turned_outcome_turns_who_orders_but_not_how_much_is_ordered(plant: Plant) -> None:
    before, after = orders(plant()), orders(plant(f"turned-outcome@{MONTH}"))
    size = [(each["month"] >= MONTH).sum() for each in (before, after)]
    assert size[1] == pytest.approx(size[0], rel=0.2)
    habit = before["who"][before["month"] < MONTH].value_counts()
    late = after["who"][after["month"] >= MONTH].value_counts().reindex(habit.index, fill_value=0)
    usual = before["who"][before["month"] >= MONTH].value_counts()
    assert habit.corr(usual.reindex(habit.index, fill_value=0), "spearman") > 0.3
    assert habit.corr(late, "spearman") < -0.1


@pytest.mark.parametrize("kind", KINDS)
def test_truth_follows_the_planted_rates(kind: str, plant: Plant) -> None:
    text = f"{kind}@{MONTH}"
    told = truth(plant(text), "spend_next_month")
    known, month = traits(text), told["event_timestamp"].dt.strftime("%Y-%m")
    kept = {
        name: kept_share(scenario(text).plants, i, known["affluence"].to_numpy())
        for i, name in enumerate([*NAMES, "2023-01"])
    }
    rates = pd.DataFrame({name: known[name].astype(float) * kept[name] for name in kept})
    rate = rates.stack().loc[list(zip(told["customer_id"], month, strict=True))]
    assert told["probability"].to_numpy() == pytest.approx(1 - np.exp(-rate.to_numpy()))


def test_truth_of_half_a_file_is_of_half_the_rate(plant: Plant) -> None:
    keys = ["customer_id", "event_timestamp"]
    before = truth(plant(), "spend_next_month").set_index(keys)["probability"]
    after = truth(plant(f"half-file@{MONTH}"), "spend_next_month").set_index(keys)["probability"]
    half = after.index.get_level_values(1) == pd.Timestamp(MONTH)
    assert (after[~half] == before.loc[after.index][~half]).all()
    none = 1 - before.loc[after.index][half]
    assert after[half].to_numpy() == pytest.approx(1 - np.sqrt(none.to_numpy()))


def test_labels_are_as_common_as_the_truth_says(plant: Plant) -> None:
    done = plant(f"slow-shift@{MONTH}", f"turned-outcome@{MONTH}", "half-file@2022-11")
    rows, told = orders(done), truth(done, "spend_next_month")
    bought = set(zip(rows["who"], rows["month"], strict=True))
    month = told["event_timestamp"].dt.strftime("%Y-%m")
    label = pd.Series([p in bought for p in zip(told["customer_id"], month, strict=True)])
    chance = told["probability"].reset_index(drop=True)
    for name in LATER:
        at = (month == name).to_numpy()
        assert label[at].mean() == pytest.approx(chance[at].mean(), abs=0.12), name


def test_a_plant_ages_by_a_month_a_month() -> None:
    plants = make_plants(["cents@2022-06"], NAMES)
    assert [plants.age("cents", month) for month in range(4)] == [0, 1, 2, 3]
    assert plants.age("half-file", 3) == 0


@pytest.mark.parametrize(
    ("plants", "told"),
    [
        (["cent@2022-09"], "no kind `cent` (did you mean cents?). Known: renamed-code, cents, "),
        (["2022-09"], "no kind `2022-09`"),
        (["cents"], "no month `` is simulated; the first is 2022-05, the last 2022-12"),
        (["cents@2023-01"], "no month `2023-01` is simulated; the first is 2022-05, the last 20"),
        (["cents@2022-9"], "no month `2022-9` is simulated"),
        (["cents@2022-09", "cents@2022-10"], "cents is planted already, since 2022-09"),
    ],
)
def test_refuses_what_cannot_be_planted(plants: list[str], told: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as refused:
        simulate(tmp_path, customers=CUSTOMERS, months=MONTHS, seed=SEED, plants=plants)
    assert refused.value.what.startswith(f"plant {plants[-1]}: {told}")
    assert not any(tmp_path.iterdir())


def command(home: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    monkeypatch.setenv("ALMANAC_HOME", str(home))
    monkeypatch.delenv("ALMANAC_RAW", raising=False)
    return CliRunner().invoke(main, ["simulate", *arguments])


def test_the_command_plants(plant: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plants = ["cents@2022-10", "half-file@2022-11"]
    size = ("--customers", str(CUSTOMERS), "--months", str(MONTHS), "--seed", str(SEED))
    chosen = [word for each in plants for word in ("--plant", each)]
    assert command(tmp_path, monkeypatch, *size, *chosen).exit_code == 0
    assert all_bytes(tmp_path) == all_bytes(plant(*plants).home)
    failed = command(tmp_path, monkeypatch, *size, "--plant", "cents@2020-01")
    assert failed.exit_code == 1
    assert failed.stderr.startswith("Error: plant cents@2020-01: no month `2020-01` is simulated")


def test_the_command_names_every_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = command(tmp_path, monkeypatch, "--help").output
    assert all(kind in shown for kind in KINDS)
