"""Response targets: what workspace.yml may say, which rows they have, and what they may know."""

import json
from datetime import datetime

import duckdb
import pytest

from feature_repo.build import feast_objects
from ml.dataset.recipe import describe
from ml.training.plan import Plan
from ml.training.train import train
from ml.workspace.baseline import Baseline
from ml.workspace.errors import AlmanacError, BadInput
from ml.workspace.responses import Response, responses
from ml.workspace.settings import Workspace
from ml.workspace.targets import target, targets
from tests import small_workspace
from tests.landed import EVENTS, company_fixture  # noqa: F401
from tests.learnable import fake_store, learnable, node
from tests.workspaces import TestWorkspace, make_workspace

__all__ = ["fake_store"]
SPRING = {
    "file": "responses/spring.csv",
    "horizon_months": 1,
    "validation": "temporal",
    "families": ["spend*"],
}
HEADER = "customer_id,date,label"


def declared(**changes: object) -> dict:
    """The section of a workspace.yml with one response; a change of None leaves a key out."""
    whole = {**SPRING, **changes}
    return {"responses": {"spring": {k: v for k, v in whole.items() if v is not None}}}


def settings(tmp_path, given: dict) -> Workspace:
    return Workspace(tmp_path, tmp_path / "raw", given)


# What workspace.yml may say


def test_a_response_is_what_the_workspace_declares(tmp_path):
    given = declared(baseline={"feature": "spend_sum__1m"}, families="spend", description="Mailed.")
    assert responses(settings(tmp_path, given)) == {
        "spring": Response(
            file="responses/spring.csv",
            horizon_months=1,
            validation="temporal",
            families=("spend",),
            description="Mailed.",
            baseline=Baseline("spend_sum__1m", descending=True),
        )
    }
    assert responses(settings(tmp_path, {})) == {}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (declared(horizon=1), ["responses.spring: horizon: is not a setting", "horizon_months"]),
        (declared(horizon_months=None), ["responses.spring: horizon_months: is missing"]),
        (declared(horizon_months="1"), ["responses.spring: horizon_months: ", "not '1'"]),
        (declared(horizon_months=-1), ["responses.spring: horizon_months: ", "not -1"]),
        (declared(horizon_months=0), ["horizon_months must be 1 or more", "temporal"]),
        (declared(validation="time"), ["responses.spring: validation: ", "'stratified'", "'time'"]),
        (declared(validation=None), ["responses.spring: validation: is missing"]),
        (declared(file=None), ["responses.spring: file: is missing"]),
        (declared(families=5), ["responses.spring: families: must be a list, not 5"]),
        (declared(families=[]), ["responses.spring: families: ", "at least 1 item"]),
        (declared(baseline={"features": "x"}), ["responses.spring: baseline.features: is not"]),
        ({"responses": {"Spring": SPRING}}, ["responses.Spring: a name is lower-case letters"]),
        ({"responses": {"a__b": SPRING}}, ["responses.a__b: a name is lower-case letters"]),
        ({"responses": {2024: SPRING}}, ["responses.2024: a name is lower-case letters"]),
        ({"responses": {"spring": "spring.csv"}}, ["responses.spring: the whole: "]),
        ({"responses": ["spring"]}, ["responses: must hold `name of a target: {file: …}` lines"]),
    ],
)
def test_a_wrong_declaration_names_the_place_and_the_next_command(tmp_path, given, told):
    with pytest.raises(BadInput) as caught:
        responses(settings(tmp_path, given))
    assert str(caught.value).startswith(f"{tmp_path / 'workspace.yml'}: ")
    assert [part for part in told if part not in caught.value.what] == [], caught.value.what
    assert caught.value.next == "Correct it, then: dbt build"


def test_labels_of_one_moment_need_no_horizon(tmp_path):
    given = declared(validation="stratified", horizon_months=0)
    assert responses(settings(tmp_path, given))["spring"].horizon_months == 0


# The files


def put_responses(company, *names: str) -> None:
    company.put("transactions.csv", f"{EVENTS}\na,2024-01-05,10\n")
    for name in names:
        company.put(name, f"{HEADER}\na,2024-02-01,1\n")


def test_each_response_has_its_file_and_idle_files_are_noted(company):
    put_responses(company, "responses.csv", "responses/spring.csv", "responses/autumn.csv")
    notes = company.land(responses={"spring": SPRING, "whole": {**SPRING, "file": "responses.csv"}})
    assert company.rows("from landed.workspace__responses order by all") == [
        ("spring", "responses/spring.csv", 1, "Responses in responses/spring.csv."),
        ("whole", "responses.csv", 1, "Responses in responses.csv."),
    ]
    assert company.rows("select count(*) from landed.responses__labels") == [(3,)]
    (note,) = [note for note in notes if "responses" in note]
    assert "no target is read from responses/autumn.csv;" in note


def test_without_files_of_responses_nothing_is_said(company):
    put_responses(company)
    assert [note for note in company.land() if "responses" in note] == []
    assert company.rows("from landed.workspace__responses") == []


def test_a_changed_declaration_is_landed(company):
    put_responses(company, "responses/spring.csv")
    company.land(**declared())
    company.land(responses={"renamed": SPRING})
    assert company.rows("select response from landed.workspace__responses") == [("renamed",)]
    company.land()
    assert company.rows("from landed.workspace__responses") == []


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            declared(file="responses/spring.txt"),
            ["responses.spring: ", "has no file `responses/spring.txt`", "responses/spring.csv"],
        ),
        (declared(file="transactions.csv"), ["has no file `transactions.csv` of responses"]),
        (
            {"responses": {"spend_decline": SPRING}},
            ["responses.spend_decline: a dbt model declares a target of this name"],
        ),
        (declared(horizon_months=None), ["responses.spring: horizon_months: is missing"]),
    ],
)
def test_the_build_stops_at_a_wrong_declaration(company, given, told):
    put_responses(company, "responses/spring.csv")
    message = company.complaint(**given)
    assert [part for part in ["workspace.yml", *told, "dbt build"] if part not in message] == []


def test_an_absent_file_is_told_where_no_file_of_responses_is_there(company):
    put_responses(company)
    assert "here are: none" in company.complaint(**declared())


def test_a_file_without_a_column_is_told(company):
    put_responses(company)
    company.put("responses/spring.csv", "customer_id,day,label\na,2024-02-01,1\n")
    assert "`date` is missing" in company.complaint(**declared())


# The targets


HOLDER = node("targets", "tgt_responses", targets_by="response")


@pytest.fixture
def asked(tmp_path) -> Workspace:
    """The learnable workspace, with two responses in one relation."""
    ws = learnable(tmp_path)
    add_nodes(ws, HOLDER)
    with duckdb.connect(str(ws.warehouse)) as warehouse:
        warehouse.execute(
            """
            create table targets.tgt_responses as
            select 'spring' as response, * from targets.tgt_spend_next_month
            union all select 'autumn', * from targets.tgt_activity
            """
        )
    given = {"spring": SPRING, "autumn": {**SPRING, "validation": "stratified"}, "late": SPRING}
    return Workspace(ws.home, ws.raw, {"responses": given})


def add_nodes(ws: Workspace, *nodes: dict) -> None:
    manifest = json.loads(ws.manifest.read_text(encoding="utf-8"))
    manifest["nodes"] |= {f"model.almanac.{each['alias']}": each for each in nodes}
    ws.manifest.write_text(json.dumps(manifest), encoding="utf-8")


def test_a_response_has_its_own_rows(asked):
    found = {each.name: each for each in targets(asked)}
    assert set(found) == {"activity", "autumn", "rare", "spend_next_month", "spring"}
    for name, same in (("spring", "spend_next_month"), ("autumn", "activity")):
        assert found[name].rows == found[same].rows
        assert found[name].positives == found[same].positives
    assert found["spring"].temporal
    assert not found["autumn"].temporal
    assert found["spring"].families == ("spend*",)
    assert found["spring"].description == "Responses in responses/spring.csv."
    assert "where" not in found["activity"].label_sql


def test_the_label_rows_are_those_of_the_response_alone(asked):
    with duckdb.connect(str(asked.warehouse), read_only=True) as warehouse:
        rows = warehouse.execute(target(asked, "autumn").label_sql).fetchall()
        same = warehouse.execute(target(asked, "activity").label_sql).fetchall()
    assert rows == same


def test_a_response_without_rows_says_so(asked):
    with pytest.raises(AlmanacError, match="Target late has no label rows"):
        target(asked, "late")


def test_a_name_that_a_dbt_target_has_is_refused(asked):
    taken = Workspace(asked.home, asked.raw, {"responses": {"rare": SPRING}})
    with pytest.raises(BadInput, match=r"responses\.rare: a dbt model declares(.|\n)*dbt build"):
        targets(taken)


def test_families_that_do_not_exist_are_told_with_the_nearest(asked):
    wrong = Workspace(asked.home, asked.raw, declared(families=["spend", "spent"]))
    with pytest.raises(BadInput, match=r"no family of features is called `spent` \(did you mean"):
        targets(wrong)


@pytest.mark.usefixtures("fake_store")
def test_a_training_set_depends_on_the_rows_of_its_own_response(asked):
    def ids() -> tuple[str, str]:
        return tuple(describe(asked, target(asked, name)).id for name in ("spring", "autumn"))

    def change(sql: str) -> None:
        with duckdb.connect(str(asked.warehouse)) as warehouse:
            warehouse.execute(sql)

    before = ids()
    # Outside the other's months too: neither its digests nor its bounds may change.
    change("insert into targets.tgt_responses values ('spring', 'c001', '2020-01-01', 1)")
    after = ids()
    assert after[0] != before[0]
    assert after[1] == before[1]
    found = describe(asked, target(asked, "autumn"))
    assert list(found.snapshot.relations[found.target.relation]) == ["2023-03"]
    assert "model.almanac.tgt_responses" in found.snapshot.code


@pytest.mark.usefixtures("fake_store")
def test_a_response_trains_as_the_same_labels_of_a_dbt_target_do(asked):
    plan = Plan(families=("logistic",))
    measured = [
        train(asked, target(asked, name), plan).card for name in ("spring", "spend_next_month")
    ]
    assert measured[0].training_rows == measured[1].training_rows
    values = [[(m.name, m.value) for m in each.metrics["test"].metrics] for each in measured]
    assert values[0] == values[1]


# Feast


def test_feast_has_a_service_for_each_response_with_rows(tmp_path):
    ws = small_workspace.make_workspace(tmp_path)
    families, holder = (
        small_workspace.FAMILIES,
        small_workspace.node("targets", "tgt_responses", targets_by="response"),
    )
    small_workspace.write_manifest(ws, [*families, *small_workspace.TARGETS, holder])
    small_workspace.change(
        ws,
        "create table targets.tgt_responses as "
        "select 'spring' as response, * from targets.tgt_purchase_any",
    )
    given = {
        "spring": {**SPRING, "families": ["trx", "ge*"]},
        "late": {**SPRING, "families": "geo"},
    }
    asked = Workspace(ws.home, ws.raw, {"responses": given})
    services = {
        each.name: [view.name for view in each.feature_view_projections]
        for each in feast_objects(asked)
        if type(each).__name__ == "FeatureService"
    }
    assert services["spring"] == ["trx", "geo"]
    assert "late" not in services
    assert "purchase_any" in services


# From the file to the report


@pytest.fixture(scope="module")
def mailed(tmp_path_factory) -> TestWorkspace:
    """A company with sales of six months, and a mailing in four of them; built and registered."""
    home = tmp_path_factory.mktemp("mailed")
    sales, answers = [EVENTS], [HEADER]
    for number in range(60):
        customer, often = f"c{number}", 1 + number % 4
        for month in range(1, 7):
            # Money says in which month it was spent, and whether before or from the tenth on.
            for day in range(often):
                sales.append(f"{customer},2024-{month:02}-{day + 1:02},{month}")
            sales.append(f"{customer},2024-{month:02}-10,{month * 100}")
            sales.append(f"{customer},2024-{month:02}-28,{month * 1000}")
        answers += [
            f"{customer},2024-{month:02}-{3 if number % 2 else 10:02},{int(often + month % 2 > 2)}"
            for month in range(3, 7)
        ]
    answers += ["nobody,2024-03-03,1", "c1,2024-03-03,1", "c2,2024-03-03,maybe"]
    (home / "raw/responses").mkdir(parents=True)
    (home / "raw/transactions.csv").write_text("\n".join(sales) + "\n", encoding="utf-8")
    (home / "raw/responses/spring.csv").write_text("\n".join(answers) + "\n", encoding="utf-8")
    ws = make_workspace(home, home / "raw", **declared())
    ws.must("dbt", "build", "--quiet", "--exclude-resource-type", "unit_test")
    ws.must("feast", "apply")
    return ws


def test_bad_rows_of_responses_are_set_aside(mailed):
    rejects = "select row_number, reason from staging.rejects where model like 'stg_responses%'"
    assert mailed.query(f"{rejects} order by 1") == [
        (243, "customer_id and date are repeated"),
        (244, "label is neither 0 nor 1"),
    ]
    assert mailed.value("select count(*) from targets.tgt_responses") == 241


def test_features_of_a_response_are_of_whole_months_before_its_day(mailed):
    from ml import store

    ws = mailed.opened()
    found = store.training_set(ws, "spring", target(ws, "spring").label_sql).to_pylist()
    assert len(found) == 241
    for row in found:
        assert (row["event_timestamp"].hour, row["event_timestamp"].minute) == (0, 0)
        assert row["spend_amount_sum__1m"] == spent_in(row["customer_id"], row["event_timestamp"])


def spent_in(customer: str, day: datetime) -> float | None:
    """What the customer spent in the month before that of the day."""
    if customer == "nobody":
        return None
    often, month = 1 + int(customer[1:]) % 4, day.month - 1
    return month * (often + 1100)


def test_a_label_trains_only_once_its_horizon_is_over(mailed):
    mailed.must("ml", "train", "--target", "spring", "--model", "logistic")
    folder = next((mailed.home / "models/spring").glob("spring-*"))
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    # The first label of June is of the 3rd: those of 10 May are not decided by then.
    assert card["training_rows"] == 60 + 60 + 30
    assert "Tested on label month 2024-06, trained on 2024-03 to 2024-05" in card["protocol"][0]


def test_every_command_knows_a_response(mailed):
    assert "spring" in mailed.must("ml", "targets")
    mailed.must("ml", "train", "--target", "spring", "--model", "logistic")
    assert "2024-06" in mailed.must("ml", "evaluate", "--target", "spring")
    mailed.must("ml", "evaluate", "--target", "spring", "--months", "2", "--placebo")
    mailed.must("ml", "score", "--target", "spring")
    assert mailed.value("select count(*) from scores.scores where target = 'spring'") == 60
    made = mailed.must("ml", "dataset", "make", "spring")
    assert "spring-" in made
    mailed.must("ml", "dataset", "verify", made.split()[0])
    mailed.must("ml", "report")
    page = (mailed.home / "report.html").read_text(encoding="utf-8")
    assert "Responses in responses/spring.csv." in page
