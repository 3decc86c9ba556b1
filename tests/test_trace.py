import csv
import shutil
from datetime import datetime

import duckdb
import pytest

from ml.features.catalogue.stops import CustomerRows
from ml.features.catalogue.trace import ALL_IDS, Trace, identify, trace
from ml.workspace.errors import AlmanacError
from tests.company_fixtures import ml, ws
from tests.workspaces import TestWorkspace

__all__ = ["ml", "ws"]

TITLES = [
    "Raw files", "Landed", "Staging", "Customer-months",
    "Features", "Feast", "Model and score", "Marts",
]  # fmt: skip


def known_to(company: TestWorkspace, sources: str) -> str:
    """The first customer whom all of these sources, and no other, know."""
    rows = company.query(
        "select customer_id from intermediate.int_customer_sources group by 1 "
        f"having list_sort(list(distinct source)) = {sources} "
        "order by count(*) desc, min(first_month), 1 limit 1"
    )
    assert rows, f"no customer of {sources}"
    return str(rows[0][0])


@pytest.fixture
def several(company) -> str:
    return known_to(company, "['mbd', 'one_click', 'retailtech', 'transactions']")


@pytest.fixture
def single(company) -> str:
    return known_to(company, "['mbd']")


def at(found: Trace, number: int) -> dict[str, CustomerRows]:
    return {each.relation: each for each in found.stops[number - 1].found}


def test_there_are_the_eight_stops_of_the_walkthrough(ws, several):
    found = trace(ws, several)
    assert [stop.title for stop in found.stops] == TITLES
    assert [stop.number for stop in found.stops] == list(range(1, 9))


def test_a_customer_of_all_sources_is_counted_at_every_stop(company, ws, several):
    found = trace(ws, several)
    counted = {
        relation: each.rows for stop in (3, 4, 5, 8) for relation, each in at(found, stop).items()
    }
    assert len([name for name in counted if name.startswith("staging.stg_")]) >= 9
    assert {"intermediate.int_customer_months", "features.ftr_market"} <= counted.keys()
    counted.pop("staging.rejects", None)
    for relation, rows in counted.items():
        real = company.value(f"select count(*) from {relation} where customer_id = '{several}'")
        assert rows == real > 0, relation
    months = at(found, 5)["features.ftr_spend"]
    moments = [row[1] for row in months.values]
    assert moments == sorted(moments, reverse=True)


def test_raw_lines_are_those_of_the_files(company, ws, several):
    source_id = company.value(
        "select source_id from landed.workspace__identities "
        f"where source = 'transactions' and customer_id = '{several}'"
    )
    lines = {}
    for file in sorted((company.raw / "transactions").glob("*.csv")):
        with file.open(encoding="utf-8", newline="") as text:
            # A line with too many fields cannot be divided: nobody is known to be its customer.
            rows = list(csv.reader(text))[1:]
            own = sum(row[0] == source_id and len(row) == 7 for row in rows)
            lines |= {f"transactions/{file.name}": own} if own else {}
    raw = next(each for name, each in at(trace(ws, several), 1).items() if "transactions" in name)
    assert raw.rows == sum(lines.values())
    assert [row[0] for row in raw.values] == sorted(lines, reverse=True)[:3]
    assert all(lines[row[0]] == row[1] for row in raw.values)


def test_a_customer_of_one_source_lacks_the_others_and_the_reason_is_told(ws, single):
    found = trace(ws, single)
    absent = " ".join(found.stops[0].absent)
    assert all(f"{source}: does not know" in absent for source in ("one_click", "transactions"))
    assert not any("transactions" in each.relation for each in found.stops[1].found)
    assert any("source one_click does not know" in each for each in found.stops[4].absent)
    assert set(at(found, 5)) <= {
        name
        for name in at(found, 5)
        if name.startswith(
            ("features.ftr_trx", "features.ftr_geo", "features.ftr_dialog", "features.ftr_purchase")
        )
    }


def test_an_id_of_any_source_means_the_customer(company, ws, several):
    ids = company.query(
        "select source, source_id from landed.workspace__identities "
        f"where customer_id = '{several}'"
    )
    assert len(ids) == 4
    shown = set(at(trace(ws, several), 1)["ids of the customer"].values)
    assert shown == set(ids)
    with duckdb.connect(str(company.home / "warehouse.duckdb"), read_only=True) as warehouse:
        for _, source_id in ids:
            if len(warehouse.execute(f"from {ALL_IDS} where id = ?", [source_id]).fetchall()) == 1:
                assert identify(warehouse, source_id) == several


def test_as_of_hides_what_was_not_known(company, ws, several):
    first, last = company.query(
        "select min(event_timestamp), max(event_timestamp) from features.ftr_trx "
        f"where customer_id = '{several}'"
    )[0]
    assert first < last
    then = datetime(first.year, first.month, first.day)
    found = trace(ws, several, then)
    assert at(found, 5)["features.ftr_trx"].rows == 1
    for number, relation in ((3, "staging.stg_mbd__trx"), (2, "landed.mbd__trx")):
        # Landed rows have the source's id, staged ones the company's.
        real = company.value(
            "select count(*) from staging.stg_mbd__trx "
            f"where customer_id = '{several}' and event_time < timestamp '{then}'"
        )
        assert at(found, number)[relation].rows == real
    assert "features.ftr_market" not in at(found, 5)
    assert any(each.startswith("one_click: known from") for each in found.stops[0].absent)
    assert not any("one_click" in each.relation for stop in found.stops for each in stop.found)
    assert any("today's state" in each for each in found.stops[7].absent)


def test_an_unknown_id_is_answered_with_the_nearest(ml, several):
    wrong = several[:-1] + "x"
    failed = ml("trace", wrong)
    assert failed.exit_code == 1
    assert failed.stderr.startswith(f"Error: No source knows a customer {wrong}. Nearest ids: ")
    assert several[:-1] in failed.stderr.split("Nearest ids: ")[1]


@pytest.fixture
def identities():
    with duckdb.connect() as connection:
        connection.execute(
            "create schema landed; create schema intermediate;"
            "create table landed.workspace__identities"
            " (source varchar, source_id varchar, customer_id varchar);"
            "insert into landed.workspace__identities values"
            " ('shop', '7', 'c1'), ('bank', '7', 'c2'), ('bank', '8', 'c2'), ('bank', 'c1', 'c3');"
            "create table intermediate.int_customer_sources (source varchar, customer_id varchar);"
            "insert into intermediate.int_customer_sources "
            "values ('shop', 'c1'), ('bank', 'c2'), ('bank', 'c3')"
        )
        yield connection


def test_an_id_of_several_customers_must_be_made_clear(identities):
    with pytest.raises(
        AlmanacError, match=r"several customers: c2 \(bank\), c1 \(shop\).\n.*ml trace c2"
    ):
        identify(identities, "7")
    assert identify(identities, " 8 ") == "c2"


def test_a_company_wide_id_goes_before_a_sources_own(identities):
    assert identify(identities, "c1") == "c1"


def test_rejected_rows_of_a_customer_are_shown(company, ws):
    rows = company.query(
        "select identities.customer_id, count(*) from staging.rejects as rejects "
        "inner join landed.transactions__events as landed "
        "on rejects.file = landed._file and rejects.row_number = landed._row "
        "inner join landed.workspace__identities as identities "
        "on identities.source = 'transactions' and trim(landed.customer_id) = identities.source_id "
        "where rejects.model = 'stg_transactions__events' group by 1 order by 1 limit 1"
    )
    assert rows, "the simulated company has rejected transactions"
    found = at(trace(ws, rows[0][0]), 3)["staging.rejects"]
    assert found.rows >= rows[0][1]
    assert all(reason for _, _, reason in found.values)


def test_what_is_not_there_yet_is_told_with_the_next_command(ws, several, company):
    found = trace(ws, several)
    if not (company.home / "registry.db").exists():
        assert found.stops[5].found == ()
        assert "feast apply" in found.stops[5].absent[0]
    assert "ml score" in found.stops[6].absent[0]
    assert any("no score" in reason for reason in found.stops[7].absent)


def test_nothing_is_written(company, ml, several):
    warehouse = company.home / "warehouse.duckdb"
    before = (warehouse.read_bytes(), sorted(company.home.iterdir()))
    shown = ml("trace", several, "--as-of", "2099-01-01")
    assert shown.exit_code == 0, shown.output
    assert (warehouse.read_bytes(), sorted(company.home.iterdir())) == before


def test_the_command_shows_stops_relations_and_rows(ml, several):
    shown = ml("trace", several).stdout
    assert shown.startswith(f"Customer {several}\n")
    for number, title in enumerate(TITLES, start=1):
        assert f"\n{number}. {title}\n" in shown
    assert "intermediate.int_customer_months: 9 rows\n" in shown


def test_a_registered_and_scored_customer_has_rows_at_every_stop(company, several, tmp_path):
    home = tmp_path / "company"
    shutil.copytree(company.home, home)
    copy = TestWorkspace(home, company.raw)
    copy.must("feast", "apply")
    copy.must("feast", "materialize-incremental", "2023-01-01T00:00:00", "--views", "market")
    copy.change(
        "insert into scores.scores values "
        f"('{several}', 'activity_decline', 'm-1', timestamp '2023-01-01', 0.8, 0.9, 'offline', "
        "['minutes on the site: 3, raises the probability'])"
    )
    found = trace(copy.opened(), several)
    views = {row[0]: row for row in found.stops[5].found[0].values}
    catalogued = dict(copy.query("select family, count(*) from marts.dim_features group by 1"))
    # Feast is asked for what targets use.
    assert {"market", "trx", "trx_event_type", "spend_basket"} <= views.keys()
    assert {name: row[1] for name, row in views.items()}.items() <= catalogued.items()
    assert views["market"][2] == views["market"][3] > 0
    assert at(found, 7)["scores.scores"].values[0][1:4] == ("activity_decline", 0.8, 0.9)
    before = trace(copy.opened(), several, datetime(2022, 12, 31))
    assert before.stops[6].found == ()
    assert "2022-12-31" in before.stops[6].absent[0]
