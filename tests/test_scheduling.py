"""The page on schedulers: its Dagster example runs a month, and lineage is told of it."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from ml import lineage
from ml.workspace.errors import AlmanacError, BadInput
from tests.workspaces import (
    REPOSITORY,
    Ran,
    TestWorkspace,
    environment_of,
    make_workspace,
    put_parsed_project,
)

EXAMPLE = REPOSITORY / "docs" / "scheduling" / "almanac_dagster.py"
CHECKED = "Asset check '{}' on '{}' passed"
# Asks the check of the example about an `ml` that ends as it is told.
CHECK = """
import os, sys
sys.path.insert(0, sys.argv[1])
import almanac_dagster as example
for code in (0, 3, 4, 1):
    os.environ["CODE"] = str(code)
    try:
        found = example.monitored()
    except example.dg.Failure:
        print(code, "refused")
    else:
        print(code, found.passed, *([] if found.passed else [found.severity.value]))
"""
Name = tuple[str, str]


@dataclass(frozen=True)
class Month:
    """A workspace in which the example ran a month: what Dagster said, what lineage was told."""

    ws: TestWorkspace
    ran: Ran
    events: list[dict]


def configuration(folder: Path) -> Path:
    """An OpenLineage configuration that keeps events in the folder's file `events`."""
    transport = {"type": "file", "log_file_path": str(folder / "events"), "append": True}
    config = folder / "openlineage.yml"
    config.write_text(json.dumps({"transport": transport}))
    return config


def read_events(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "events").read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Month:
    pytest.importorskip("dagster_dbt", reason="dagster-dbt is not installed: the extra dagster")
    pytest.importorskip("openlineage.client", reason="not installed: the extra openlineage")
    from ml.simulate import simulate

    home, told = tmp_path_factory.mktemp("month"), tmp_path_factory.mktemp("told")
    simulate(told, customers=150, months=6, seed=5)
    shutil.copytree(told / "raw" / "transactions", home / "raw" / "transactions")
    shutil.copy(EXAMPLE.with_name("dagster.yaml"), told)
    ws = make_workspace(home, home / "raw")
    put_parsed_project(ws)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENLINEAGE_CONFIG", str(configuration(told)))
        patch.setenv("DAGSTER_HOME", str(told))
        # Other tests run those of dbt.
        patch.setenv("DBT_EXCLUDE_RESOURCE_TYPES", "test unit_test")
        ran = ws.run("dagster", "job", "execute", "-f", str(EXAMPLE), "-j", "month")
    assert ran.code == 0, ran.text[-4000:]
    return Month(ws, ran, read_events(told))


def test_a_month_goes_from_raw_files_to_what_is_published(month):
    assert CHECKED.format("verified", "online_inputs") in month.ran.text
    assert CHECKED.format("monitored", "marts/mart_monitoring_scores") in month.ran.text
    scored = month.ws.value("select count(*) from scores.scores")
    assert scored > 0
    assert month.ws.value("select count(*) from marts.fct_scores") == scored
    assert (month.ws.home / "published.duckdb").exists()


def test_the_exit_code_of_monitoring_becomes_a_severity(month, tmp_path):
    script = tmp_path / "ml"
    script.write_text("#!/bin/sh\nexit $CODE\n")
    script.chmod(0o755)
    environment = environment_of(month.ws.home, month.ws.raw)
    environment["PATH"] = f"{tmp_path}:{environment['PATH']}"
    command = [sys.executable, "-c", CHECK, str(EXAMPLE.parent)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["0 True", "3 False WARN", "4 False ERROR", "1 refused"]


def test_every_run_starts_and_completes(month):
    states = Counter((each["run"]["runId"], each["eventType"]) for each in month.events)
    assert set(states.values()) == {1}
    assert len(states) == 2 * len({run for run, _ in states})
    kinds = {(each["job"]["name"].split(".")[0], each["eventType"]) for each in month.events}
    jobs = {"dbt", "land", "dataset", "train", "materialize", "score", "publish"}
    assert kinds >= {(job, state) for job in jobs for state in ("START", "COMPLETE")}
    failed = {each["job"]["name"] for each in month.events if each["eventType"] == "FAIL"}
    # Its horizon is longer than the months that there are.
    assert failed == {"train.spend_decline", "score.spend_decline"}


def test_events_are_those_of_openlineages_own_client(month):
    from openlineage.client import event_v2 as client

    for each in month.events:
        made = client.RunEvent(
            eventTime=each["eventTime"],
            producer=each["producer"],
            run=client.Run(each["run"]["runId"], each["run"]["facets"]),
            job=client.Job(each["job"]["namespace"], each["job"]["name"]),
            eventType=client.RunState(each["eventType"]),
            inputs=[client.InputDataset(**dataset) for dataset in each["inputs"]],
            outputs=[client.OutputDataset(**dataset) for dataset in each["outputs"]],
        )
        assert made.schemaURL == each["schemaURL"]


def after(events: list[dict], first: Name) -> dict[Name, str]:
    """What is made of a dataset, directly or not, and by which job."""
    found, ahead = {first: ""}, [first]
    while ahead:
        name = ahead.pop()
        for event in events:
            if name in {(each["namespace"], each["name"]) for each in event["inputs"]}:
                for each in event["outputs"]:
                    if (made := (each["namespace"], each["name"])) not in found:
                        found[made] = event["job"]["name"]
                        ahead.append(made)
    return found


def test_lineage_runs_from_a_raw_file_to_the_published_mart(month):
    home = month.ws.home
    file = min((month.ws.raw / "transactions").iterdir())
    found = after(month.events, ("file", str(file)))
    for name in ("landed.transactions__events", "features.ftr_spend", "scores.scores"):
        assert (f"duckdb://{home}/warehouse.duckdb", f"warehouse.{name}") in found
    assert {job.split(".")[0] for job in found.values()} >= {"dataset", "train", "materialize"}
    published = (f"duckdb://{home}/published.duckdb", "published.marts.mart_scores")
    assert found[published] == "publish.marts.mart_scores"
    training = [each for each in month.events if each["job"]["name"].startswith("train.")]
    models = {each["name"] for event in training for each in event["outputs"]}
    assert models == {str(path.parent) for path in home.glob("models/*/*/card.json")}


def test_columns_are_followed_too(month):
    (score,) = [
        each
        for event in month.events
        for each in event["outputs"]
        if each["name"] == "warehouse.scores.scores"
    ][:1]
    fields = [field["name"] for field in score["facets"]["schema"]["fields"]]
    assert {"customer_id", "score", "model_id"} <= set(fields)
    origins = score["facets"]["columnLineage"]["fields"]["score"]["inputFields"]
    assert {each["name"] for each in origins} <= {
        f"warehouse.{relation}"
        for (relation,) in month.ws.query(
            "select concat_ws('.', schema_name, table_name) from duckdb_tables() "
            "union all select concat_ws('.', schema_name, view_name) from duckdb_views()"
        )
    }
    spend = [each["field"] for each in origins if each["name"] == "warehouse.features.ftr_spend"]
    assert spend
    assert all(field.startswith("spend_") for field in spend)


@pytest.fixture
def told(tmp_path, monkeypatch):
    pytest.importorskip("openlineage.client", reason="not installed: the extra openlineage")
    monkeypatch.setenv("OPENLINEAGE_CONFIG", str(configuration(tmp_path)))
    return tmp_path


def test_what_fails_is_told_as_failed(told):
    with pytest.raises(ZeroDivisionError), lineage.run("divide"):
        1 / 0  # noqa: B018
    start, failed = read_events(told)
    assert (start["eventType"], failed["eventType"]) == ("START", "FAIL")
    assert failed["run"]["facets"]["errorMessage"]["message"] == "division by zero"


@pytest.fixture
def away(told, monkeypatch):
    from ml.lineage.run_events import Teller

    monkeypatch.setattr(Teller, "gave_up", False)
    server = {"type": "http", "url": "http://127.0.0.1:9", "timeout": 1, "retry": {"total": 0}}
    (told / "openlineage.yml").write_text(json.dumps({"transport": server}))


@pytest.mark.usefixtures("away")
def test_a_server_that_is_away_stops_nothing_and_is_asked_once(caplog):
    with lineage.run("divide") as run:
        assert run
    (warned,) = caplog.records
    assert warned.message.startswith("OpenLineage is not told of divide, nor of what this command")


@pytest.mark.usefixtures("away")
def test_who_asks_to_tell_of_a_build_hears_that_the_server_is_away(month):
    with pytest.raises(AlmanacError, match="was not told of the build"):
        lineage.tell_build(month.ws.opened())


def test_where_it_is_not_configured_nothing_of_it_is_imported(tmp_path):
    code = (
        "import sys\nfrom ml import lineage\nwith lineage.run('x') as told: assert told is None\n"
        "assert not [name for name in sys.modules if name.startswith('openlineage')]"
    )
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("OPENLINEAGE")
    }
    environment |= {"HOME": str(tmp_path), "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_configuration_that_is_not_there_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("OPENLINEAGE_CONFIG", str(tmp_path / "none.yml"))
    with pytest.raises(BadInput, match=r"none\.yml, which is no file"), lineage.run("x"):
        pass


def test_a_configuration_that_is_refused_is_named(told):
    (told / "openlineage.yml").write_text("transport: {type: pigeon}")
    with pytest.raises(BadInput, match="refuses its configuration"), lineage.run("x"):
        pass
