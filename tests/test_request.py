"""Features that come with a request equal those of the build, on genuine and simulated records."""

import json
from datetime import datetime

import duckdb
import pandas as pd
import pytest

from feature_repo.build import feast_objects
from ml.features.request import RequestFamily, features, features_of_text, request_families
from ml.service.problems import Problem
from ml.service.request_features import RequestFeatures
from ml.store import feature_store
from ml.workspace.errors import AlmanacError
from ml.workspace.settings import Workspace
from tests.workspaces import TestWorkspace

RECORD = {
    "time_spent": 12.5,
    "pages_viewed": 4,
    "basket_value": 30.0,
    "device_type": "Mobile",
    "customer_type": "New",
}
# What a file's accepted records are, by the customer that the build gives them.
ACCEPTED = """
    select coalesce(identities.customer_id, trim(landed.customer_id)) as customer, landed.*
    from landed.retailtech__sessions as landed
    left join landed.workspace__identities as identities
        on identities.source = 'retailtech' and trim(landed.customer_id) = identities.source_id
    anti join staging.rejects as rejects
        on rejects.model = 'stg_retailtech__sessions'
        and rejects.file = landed._file and rejects.row_number = landed._row
    order by customer
"""


def session_of(typed: TestWorkspace) -> RequestFamily:
    (family,) = request_families(typed.opened())
    return family


def table(typed: TestWorkspace, sql: str) -> pd.DataFrame:
    with duckdb.connect(str(typed.home / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(sql).df()


def records_of(frame: pd.DataFrame, family: RequestFamily) -> list[dict[str, object]]:
    texts = frame[list(family.fields)].astype(object)
    return texts.where(texts.notna(), None).to_dict("records")


def as_numbers(record: dict[str, object]) -> dict[str, object]:
    """The record as JSON carries it, with numbers where a file has their texts."""
    found = {}
    for field, value in record.items():
        try:
            found[field] = float(str(value).replace(",", "."))
        except ValueError:
            found[field] = value
    return found


def assert_equal_to_the_build(typed: TestWorkspace) -> None:
    family = session_of(typed)
    built = table(typed, "from features.ftr_session order by customer_id")
    accepted = table(typed, ACCEPTED)
    assert list(accepted["customer"]) == list(built["customer_id"])
    texts = records_of(accepted, family)
    for records in (texts, [as_numbers(record) for record in texts]):
        found = features(family, records).to_pandas()
        pd.testing.assert_frame_equal(found, built[list(family.features)], check_exact=True)


def test_genuine_sessions_have_the_features_of_the_build(retailtech):
    assert_equal_to_the_build(retailtech)


def test_simulated_sessions_have_the_features_of_the_build(company):
    assert_equal_to_the_build(company)


def test_a_record_that_the_build_rejects_is_refused(company):
    family = session_of(company)
    rejected = company.query(
        "select raw_row, reason from staging.rejects "
        "where model = 'stg_retailtech__sessions' and reason like '%is not a number'"
    )
    for raw_row, reason in rejected:
        record = {k: v for k, v in json.loads(raw_row).items() if k in family.fields}
        with pytest.raises(AlmanacError, match=reason.split()[0]):
            features(family, [record])
    with pytest.raises(AlmanacError, match="pages_viewed must be a number, not 'many'"):
        features(family, [RECORD | {"pages_viewed": "many"}])


def test_what_is_absent_null_or_blank_is_missing(company):
    family = session_of(company)
    rows = features(family, [{}, dict.fromkeys(RECORD), dict.fromkeys(RECORD, " ")]).to_pylist()
    assert rows[0] == rows[1] == rows[2]
    assert rows[0]["session_time_spent_last__is_missing__1m"] == 1
    assert rows[0]["session_time_spent_last__1m"] is None
    assert features(family, []).num_rows == 0


def test_every_wrong_field_of_every_record_is_named(company):
    wrong = [
        RECORD | {"time_spent": "long", "basket_value": True},
        RECORD,
        {"device_type": 5, "pages_viewed": float("nan"), "page": 1},
    ]
    with pytest.raises(AlmanacError) as refused:
        features(session_of(company), wrong)
    assert str(refused.value).splitlines() == [
        "record 1: basket_value must be a number, not True",
        "record 1: time_spent must be a number, not 'long'",
        "record 3: device_type must be a text, not 5",
        "record 3: page is no field; there are " + ", ".join(RECORD),
        "record 3: pages_viewed must be a number, not nan",
        "Correct the request, then ask again.",
    ]


def test_records_keep_their_order(company):
    family = session_of(company)
    pages = [value % 17 for value in range(2500)]
    found = features(family, [RECORD | {"pages_viewed": value} for value in pages])
    assert found["session_page_last__1m"].to_pylist() == pages


def test_a_record_to_predict_may_bring_raw_fields(company):
    family = session_of(company)
    raw = RequestFeatures(company.opened())
    raw.refresh()
    names = list(family.features[:4])
    wanted = features(family, [RECORD, {"time_spent": 3}]).to_pylist()
    records = [RECORD | {"customer_id": "c"}, {names[0]: 1.0}, {"time_spent": 3}]
    found = raw.completed(records, names, {"session", "spend"})
    assert found[0] == {"customer_id": "c"} | {name: wanted[0][name] for name in names}
    assert found[1] == {names[0]: 1.0}
    assert found[2] == {name: wanted[1][name] for name in names}
    # A model of other families has no use for them.
    assert raw.completed(records, names, {"spend"}) == records
    with pytest.raises(Problem) as refused:
        raw.completed([{names[0]: 1.0}, {"time_spent": [True], "page": 1}], names, {"session"})
    assert [each["pointer"] for each in refused.value.errors] == ["/records/1"]
    for wrong in ({"time_spent": 10**400}, {"device_type": "\ud800"}, {"time_spent": "\ud800"}):
        with pytest.raises(Problem) as refused:
            raw.completed([wrong], names, {"session"})
        assert "must be a" in refused.value.errors[0]["detail"]
    with pytest.raises(Problem, match="not both"):
        raw.completed([{names[0]: 1.0, "time_spent": 3}], names, {"session"})


@pytest.fixture(scope="module")
def store(company):
    ws = company.opened()
    store = feature_store(ws)
    store.apply(feast_objects(ws))
    return store


@pytest.mark.filterwarnings("ignore:On demand feature view is an experimental feature")
def test_feast_serves_them_online_and_in_history(company, store):
    family = session_of(company)
    refs = [f"session_request:{name}" for name in family.features]
    records = [RECORD, dict.fromkeys(RECORD)]
    expected = features(family, records).to_pydict()
    assert store.get_online_features(refs, records).to_dict() == expected
    entities = pd.DataFrame(records).assign(
        customer_id=["a", "b"], event_timestamp=datetime(2023, 1, 1)
    )
    found = store.get_historical_features(entities, refs).to_arrow()
    assert found.select(list(family.features)).to_pydict() == expected


def test_feast_passes_on_what_is_wrong_with_a_record(company, store):
    with pytest.raises(AlmanacError, match="time_spent must be a number, not 'long'"):
        store.get_online_features(
            ["session_request:session_pace_last__1m"], [RECORD | {"time_spent": "long"}]
        )


def test_any_family_may_come_with_a_request(tmp_path):
    """No name of a source, a model or a column of ours is needed."""
    ws = Workspace(tmp_path, tmp_path / "raw", {})
    ws.manifest.parent.mkdir()
    ws.manifest.write_text(json.dumps({"nodes": MODELS, "sources": SOURCES}))
    (family,) = request_families(ws)
    assert (family.name, family.fields) == ("call", ("minutes",))
    text = family.to_text()
    assert features_of_text(text, [{"minutes": " 3 "}]).to_pylist() == [{"call_hours": 0.05}]


SOURCES = {
    "source.almanac.desk.calls": {
        "resource_type": "source",
        "unique_id": "source.almanac.desk.calls",
        "source_name": "desk",
        "name": "calls",
        "schema": "landed",
        "identifier": "calls",
        "relation_name": '"w"."landed"."calls"',
        "config": {"meta": {}},
        "columns": {
            "caller": {"data_type": "varchar", "config": {"meta": {}}},
            "minutes": {"data_type": "varchar", "config": {"meta": {}}},
            "solved": {"data_type": "varchar", "config": {"meta": {"optional": True}}},
        },
    }
}
MODELS = {
    f"model.almanac.{alias}": {
        "resource_type": "model",
        "unique_id": f"model.almanac.{alias}",
        "schema": schema,
        "alias": alias,
        "name": alias,
        "description": "",
        "relation_name": f'"w"."{schema}"."{alias}"',
        "package_name": "almanac",
        "original_file_path": f"models/{alias}.sql",
        "compiled_code": sql,
        "config": {"materialized": kind, "meta": meta},
        "depends_on": {"nodes": [needed]},
    }
    for schema, alias, kind, needed, meta, sql in [
        (
            "staging",
            "stg_calls",
            "staged",
            "source.almanac.desk.calls",
            {},
            "select caller as customer_id, try_cast(trim(minutes) as double) as minutes, "
            '_file, _row, _line, null as reject_reason from "w"."landed"."calls"',
        ),
        (
            "features",
            "ftr_call",
            "table",
            "model.almanac.stg_calls",
            {
                "family": "call",
                "source": "desk",
                "table": "calls",
                "request": {"key": "caller"},
                "features": [{"name": "call_hours", "sql": "minutes / 60"}],
            },
            'select customer_id, minutes / 60 as call_hours from "w"."staging"."stg_calls"',
        ),
    ]
}
