"""`ml doctor`: whatever is broken is named with what helps, and nothing ends in a traceback."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest
from click.testing import CliRunner

from ml import doctor
from ml.cli import main
from ml.doctor import machine
from ml.workspace.faults import lost_file
from ml.workspace.settings import Workspace
from tests.online_stores import choose
from tests.ready_workspace import Ready
from tests.workspaces import PROJECT, REPOSITORY


@pytest.fixture
def ours(ready: Ready, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of a workspace in which everything was done, in the environment of `.envrc`."""
    home = ready.copied(tmp_path / "home").ws.home
    variables = {
        "ALMANAC_HOME": home,
        "DBT_PROJECT_DIR": PROJECT,
        "DBT_PROFILES_DIR": PROJECT,
        "DBT_TARGET_PATH": home / "target",
        "FEATURE_REPO_DIR_ENV_VAR": REPOSITORY / "feature_repo",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.delenv("ALMANAC_RAW", raising=False)
    (home / "raw").mkdir()
    (home / "raw" / "transactions.csv").write_text(
        "customer_id,event_time,amount\nc1,2023-01-01,1\n", encoding="utf-8"
    )
    return home


def checks() -> dict[str, doctor.Check]:
    return {check.name: check for check in doctor.examine().checks}


def write(name: str, text: str) -> Callable[[Path], None]:
    def spoil(home: Path) -> None:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text, encoding="utf-8")

    return spoil


def remove(name: str) -> Callable[[Path], None]:
    def spoil(home: Path) -> None:
        path = home / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return spoil


def change(sql: str) -> Callable[[Path], None]:
    def spoil(home: Path) -> None:
        with duckdb.connect(str(home / "warehouse.duckdb")) as warehouse:
            warehouse.execute(sql)

    return spoil


def change_card(home: Path) -> None:
    for path in home.glob("models/activity/*/card.json"):
        path.write_text("{}", encoding="utf-8")


def change_model(home: Path) -> None:
    for path in home.glob("models/activity/*/importance.json"):
        path.write_text("[]", encoding="utf-8")


def materialize_earlier(home: Path) -> None:
    CliRunner().invoke(main, ["materialize", "--until", "2023-05-01"], catch_exceptions=False)


LAKE = "lake: {path: lake, buckets: 2}\n"
# What is done to a workspace: the check that tells it, its state, words of it, and what helps.
DAMAGES = {
    "no YAML": (
        write("workspace.yml", "raw: [a"), "workspace.yml", "broken", "not YAML", "Correct"
    ),
    "monitoring": (
        write("workspace.yml", "monitoring: {psi: {warn: 2}}"),
        *("workspace.yml", "broken", "`warn` is more than `alarm`", "docs/monitoring.md"),
    ),
    "publishing": (
        write("workspace.yml", "publish: {tables: 5}"),
        *("workspace.yml", "broken", "must be a list", "docs/bi.md"),
    ),
    "a setting": (
        write("workspace.yml", "transactions: {amuont: 1}"),
        *("raw files", "broken", "no setting `amuont`", "dbt build"),
    ),
    "responses": (
        write("workspace.yml", "responses: {a: {file: a.csv}}"),
        *("workspace.yml", "broken", "is missing", "dbt build"),
    ),
    "the lake": (
        write("workspace.yml", "lake: {path: lake}"),
        *("workspace.yml", "broken", "buckets", "ml lake build"),
    ),
    "no raw files": (remove("raw"), "raw files", "broken", "No raw folder", "ml simulate"),
    "a strange file": (
        write("raw/strange.csv", "a\n"), "raw files", "warning", "strange.csv", "docs/workspaces.md"
    ),
    "no manifest": (remove("target"), "dbt project", "warning", "nothing is built", "dbt build"),
    "the manifest": (
        write("target/manifest.json", "{}"), "dbt project", "broken", "no", "dbt build"
    ),
    "an erasure": (
        write("forgetting.json", '{"customer": "a b", "ids": {}}'),
        *("erasures", "warning", "of a b was cut off", "ml forget 'a b'"),
    ),
    "the last build": (
        write("target/run_results.json", "["), "last build", "broken", "cannot be examined", ""
    ),
    "no warehouse": (
        remove("warehouse.duckdb"), "warehouse", "warning", "nothing is built", "dbt build"
    ),
    "the warehouse": (
        write("warehouse.duckdb", "garbled"), "warehouse", "broken", "damaged", "last copy"
    ),
    "a card": (change_card, "models", "broken", "cannot be read", "ml train"),
    "a model": (change_model, "models", "broken", "changed after training", "ml train"),
    "no models": (remove("models"), "models", "warning", "no target", "ml train"),
    "the history": (
        write("models/activity/history.json", "{"), "models", "broken", "history", "ml promote"
    ),
    "no registry": (remove("registry.db"), "registry", "broken", "absent", "feast apply"),
    "the registry": (write("registry.db", "garbled"), "registry", "broken", "damaged", ""),
    "no scores": (
        change("delete from scores.scores"), "scores", "warning", "has no scores", "ml score"
    ),
    "the online store": (
        write("online_store.db", "garbled" * 999), "online store", "broken", "damaged", "rm -f"
    ),
    "no online store": (
        remove("online_store.db"), "online store", "broken", "cannot be read", "ml materialize"
    ),
    "an old month online": (
        materialize_earlier, "online store", "warning", "is known", "ml materialize"
    ),
    "the published copy": (
        write("published.duckdb", "garbled"), "published copy", "broken", "damaged", ""
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_broken_is_named_with_what_helps(ours: Path, damage: str):
    spoil, name, state, words, cure = DAMAGES[damage]
    spoil(ours)
    found = checks()[name]
    assert (found.state, words in found.what, cure in found.next) == (state, True, True), found


def test_a_workspace_where_all_was_done_names_only_what_dbt_would_do(ours: Path):
    found = checks()
    told = {name for name, check in found.items() if check.state != "fine"}
    # Its warehouse was made by hand: no dbt landed files there or wrote the marts.
    assert told <= {"dbt project", "landed files", "marts of scores"}, found
    assert found["published copy"].next == "ml publish"


def test_a_store_that_only_feast_writes_breaks_no_registry(
    ours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    choose(monkeypatch, tmp_path, {"type": "remote", "path": "http://127.0.0.1:1"})
    found = checks()
    assert [found[name].state for name in ("registry", "champions")] == ["fine", "fine"], found
    assert found["online store"].state == "warning"
    assert "RemoteOnlineStore" in found["online store"].what


def test_a_project_linked_to_another_environment_is_told(
    ours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DBT_PROJECT_DIR", str(tmp_path))
    linked = tmp_path / "dbt_packages" / "almanac"
    linked.parent.mkdir()
    for place, is_told in ((tmp_path / "old" / "dbt_project", True), (PROJECT, False)):
        linked.unlink(missing_ok=True)
        linked.symlink_to(place)
        found = checks()["dbt project"]
        assert (found.next == "dbt deps") == is_told, found


def test_who_holds_the_warehouse_is_named(ours: Path):
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); input()"
    path = ours / "warehouse.duckdb"
    with subprocess.Popen(
        [sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout.readline() == b"held\n"
        found = checks()
        holder.communicate(b"\n")
    assert found["warehouse"].state == "warning"
    assert str(holder.pid) in found["warehouse"].what
    assert "scores" not in found


def test_the_environment_is_compared(ours: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DBT_PROFILES_DIR", "/elsewhere")
    assert "is /elsewhere, not" in checks()["variables"].what
    monkeypatch.delenv("DBT_PROFILES_DIR")
    assert checks()["variables"].next == "source .envrc"


def test_the_machine_is_compared(ours: Path, monkeypatch: pytest.MonkeyPatch):
    wanted = ["duckdb<1", "absent; extra == 'more'", "no-such-package"]
    monkeypatch.setattr(machine, "metadata", lambda _: {"Requires-Python": ">=4"})
    monkeypatch.setattr(machine, "requires", lambda _: wanted)
    monkeypatch.setattr(machine, "_profile", lambda: {"settings": {"memory_limit": "900TB"}})
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: SimpleNamespace(free=1))
    found = checks()
    assert ">=4 is needed" in found["python"].what
    assert found["packages"].what == "no-such-package is not installed"
    assert found["memory"].state == "warning"
    assert found["disk"].state == "broken"
    monkeypatch.setattr(machine.os, "access", lambda *_: False)
    assert checks()["disk"].what == f"nothing can be written below {ours}"


def test_an_extra_that_is_in_use_and_missing_is_named(ours: Path, monkeypatch: pytest.MonkeyPatch):
    (ours / "workspace.yml").write_text(LAKE, encoding="utf-8")
    monkeypatch.setattr("ml.doctor.sources.find_spec", lambda name: None)
    found = checks()["extras"]
    assert (found.state, "deltalake" in found.what) == ("broken", True)
    assert "'.[lake]'" in found.next


def test_the_command_ends_with_the_next_one_and_its_code(ours: Path):
    (ours / "warehouse.duckdb").unlink()
    (ours / "raw" / "transactions.csv").write_text("customer_id\n", encoding="utf-8")
    shown = CliRunner().invoke(main, ["doctor"])
    assert shown.exit_code == 4
    assert shown.stdout.splitlines()[-1].startswith("What to do next: ")
    document = json.loads(CliRunner().invoke(main, ["doctor", "--json"]).stdout)
    assert document["state"] == "broken"
    assert f"What to do next: {document['next']}" == shown.stdout.splitlines()[-1]


def test_files_of_a_lake_are_looked_at(ours: Path, monkeypatch: pytest.MonkeyPatch):
    lost = ours / "lake/tables/seeds/codes/f.parquet"

    def status(ws: Workspace) -> None:
        raise lost_file(ws.home / "lake", lost)

    (ours / "workspace.yml").write_text(LAKE, encoding="utf-8")
    monkeypatch.setattr("ml.lake.status.lake_status", status)
    found = checks()["landed files"]
    assert (found.state, str(lost) in found.what) == ("broken", True)
    assert found.next.endswith("then: ml lake build")


def test_spark_without_java_is_told(ours: Path, monkeypatch: pytest.MonkeyPatch):
    session = pytest.importorskip("ml.lake.engines.session", reason="pyspark is missing")
    (ours / "workspace.yml").write_text("lake: {path: lake, buckets: 2, engine: spark}\n", "utf-8")
    monkeypatch.setattr(session.shutil, "which", lambda name: None)
    found = checks()["extras"]
    assert (found.state, "needs Java" in found.what) == ("broken", True)
