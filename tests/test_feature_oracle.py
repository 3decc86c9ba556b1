"""Every feature of the grid families, customer-month by customer-month, against plain Python."""

import math
import random
from collections.abc import Sequence
from datetime import date

import pytest

from tests.feature_oracle import Spec, features, read_specs
from tests.oracle_events import Event, Value, first_day, month_number, with_gaps
from tests.random_events import (
    LAST,
    bank_events,
    purchases,
    start,
    telling_purchases,
    write_bank,
    write_listed,
    write_transactions,
)
from tests.workspaces import REPOSITORY, TestWorkspace, make_workspace

MODELS = REPOSITORY / "dbt_project" / "models" / "features"
SPECS = read_specs(REPOSITORY / "dbt_project")
# The families made from single transactions, by the partial that their models name.
PARTIALS = ("'int_mbd_trx_months'", "'int_transactions_months'")
FAMILIES = [
    model
    for model in SPECS
    if any(partial in (MODELS / f"{model}.sql").read_text(encoding="utf-8") for partial in PARTIALS)
]
MARKS = ("customer_id", "feature_month", "event_timestamp", "month_version")
Rows = dict[tuple[str, date], dict[str, Value]]


@pytest.fixture(scope="module")
def raw_events() -> dict[str, list[Event]]:
    dice = random.Random(20230901)
    bank_customers = ["c1", "c2", *(f"b{n}" for n in range(7))]
    return {
        "transactions": purchases(dice) + telling_purchases(),
        "mbd": bank_events(dice, bank_customers),
    }


@pytest.fixture(scope="module")
def listed(raw_events: dict[str, list[Event]]) -> dict[str, date]:
    """One client without any transaction, and one listed before its first."""
    early = min(e.month for e in raw_events["mbd"] if e.customer == "b3") - 2
    return {"b unseen": date(2023, 8, 31), "b3": first_day(early + 1)}


@pytest.fixture(scope="module")
def ws(
    raw_events: dict[str, list[Event]],
    listed: dict[str, date],
    tmp_path_factory: pytest.TempPathFactory,
) -> TestWorkspace:
    home = tmp_path_factory.mktemp("oracle")
    raw = home / "raw"
    for year in (2023, 2024):
        events = [event for event in raw_events["transactions"] if event.time.year == year]
        write_transactions(raw / "transactions" / f"{year}.csv", events)
    for fold in (0, 1):
        # Every other event of a customer: a month's events lie in two files.
        write_bank(raw / f"detail/trx/fold={fold}/part-0.parquet", raw_events["mbd"][fold::2])
    write_listed(raw / "targets" / "fold=0" / "part-0.parquet", listed)
    made = make_workspace(home, raw)
    build(made, *FAMILIES)
    return made


def build(ws: TestWorkspace, *models: str, options: Sequence[str] = ()) -> None:
    """Build models and what they are made of, without dbt's own tests."""
    chosen = [f"+{model}" for model in models]
    tests = ("resource_type:test", "resource_type:unit_test")
    ws.must("dbt", "build", "--quiet", *options, "--select", *chosen, "--exclude", *tests)


def expected(spec: Spec, events: list[Event], listed: dict[str, date], last: int) -> Rows:
    """Every row the table must have: each customer the source knows, each month since."""
    sightings = [(event.customer, event.month) for event in events]
    if spec["source"] == "mbd":
        # A client listed for a purchase month was known in the month before.
        sightings += [(customer, month_number(day) - 1) for customer, day in listed.items()]
    rows = {}
    for customer in {name for name, _ in sightings}:
        own = with_gaps(event for event in events if event.customer == customer)
        for month in range(min(m for name, m in sightings if name == customer), last + 1):
            rows[customer, first_day(month)] = features(spec, own, month)
    return rows


def built(ws: TestWorkspace, model: str) -> Rows:
    names = [name for (name,) in ws.query(f"select column_name from (describe features.{model})")]
    chosen = [name for name in names if name not in MARKS]
    assert {*MARKS} < {*names}
    columns = ", ".join(chosen)
    rows = ws.query(f"select customer_id, feature_month, {columns} from features.{model}")
    found = {(row[0], row[1]): dict(zip(chosen, row[2:], strict=True)) for row in rows}
    assert len(found) == len(rows)
    return found


def agree(name: str, found: Value, wanted: Value, largest: float) -> bool:
    """Whether two values of a feature are one, as 32-bit numbers keep them."""
    if found is None or wanted is None:
        return found is wanted
    if name.split("__", maxsplit=1)[0].endswith("_std"):
        # A sum of squares cannot tell a spread of a ten-millionth of its values from none.
        return math.isclose(found, wanted, rel_tol=2e-6, abs_tol=1e-7 * largest)
    return math.isclose(found, wanted, rel_tol=2e-6, abs_tol=1e-9)


def assert_as_expected(found: Rows, wanted: Rows, largest: float) -> None:
    """Compare all features of all rows; `largest` is the largest of the values measured."""
    assert found.keys() == wanted.keys()
    # One example a feature says more than many of one.
    different = {
        name: (*key, found[key].get(name, "no such column"), value)
        for key, row in wanted.items()
        for name, value in row.items()
        if name not in found[key] or not agree(name, found[key][name], value, largest)
    }
    assert different == {}
    assert {*next(iter(found.values()))} == {*next(iter(wanted.values()))}


def test_the_families_of_the_bank_are_all_here() -> None:
    assert len([model for model in FAMILIES if SPECS[model]["table"] == "trx"]) >= 13
    assert "ftr_spend" in FAMILIES


@pytest.mark.parametrize("model", FAMILIES)
def test_every_feature_is_what_its_events_say(
    ws: TestWorkspace,
    raw_events: dict[str, list[Event]],
    listed: dict[str, date],
    model: str,
) -> None:
    spec = SPECS[model]
    events = raw_events[spec["source"]]
    last = max(event.month for each in raw_events.values() for event in each)
    largest = max(abs(event.columns["amount"]) for event in events)
    assert_as_expected(built(ws, model), expected(spec, events, listed, last), largest)


@pytest.mark.parametrize("model", FAMILIES)
def test_no_feature_is_always_empty_here(ws: TestWorkspace, model: str) -> None:
    rows = built(ws, model).values()
    assert [name for name in next(iter(rows)) if not any(row[name] for row in rows)] == []


@pytest.mark.parametrize("model", FAMILIES)
def test_a_row_is_known_when_its_month_is_over(ws: TestWorkspace, model: str) -> None:
    rows = ws.query(f"select distinct feature_month, event_timestamp from features.{model}")
    assert [row for row in rows if row[1] != start(month_number(row[0]) + 1)] == []
    assert month_number(max(month for month, _ in rows)) == LAST
