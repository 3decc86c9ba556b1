"""Who may ask the service what, what it never shows, and what changes while it runs."""

import json
import shutil
import stat
import sys
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from ml.cli import main
from ml.service import keys
from ml.workspace.errors import AlmanacError
from ml.workspace.settings import Workspace
from tests.learnable import fake_store
from tests.running_service import RunningService, copied

__all__ = ["fake_store"]
SCORE = "/v1/targets/activity/score"


@pytest.fixture
def ws(tmp_path) -> Workspace:
    return Workspace(tmp_path, tmp_path / "raw", {})


def test_a_key_is_kept_as_a_slow_hash_alone(ws):
    given = keys.add(ws, "shop", "score")
    path = ws.home / keys.FILE
    assert given.split("_", 2)[2] not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    running = keys.Keys(ws)
    assert running.recognized(given) is None
    found = running.find(given)
    assert (found.name, found.scope, found.expired) == ("shop", "score", False)
    assert running.recognized(given) == found
    for wrong in (given[:-1], given + "x", "", "alm__", "alm_1_2", "x" + given, given.upper()):
        assert running.find(wrong) is None


def test_keys_that_end_or_go_are_refused_at_once(ws):
    past, future = (datetime.now(UTC) + timedelta(days=days) for days in (-1, 1))
    old, new = keys.add(ws, "old", "admin", past), keys.add(ws, "new", "admin", future)
    running = keys.Keys(ws)
    assert running.find(old).expired
    assert not running.find(new).expired
    keys.revoke(ws, "new")
    assert running.recognized(new) is None
    assert running.find(new) is None
    with pytest.raises(AlmanacError, match=r"no key of new\. There are: old"):
        keys.revoke(ws, "new")
    with pytest.raises(AlmanacError, match="key of old already"):
        keys.add(ws, "old", "score")


def entry(**changed: object) -> str:
    whole = {"name": "a", "number": "12345678", "scope": "score", "salt": "00", "hash": "aaaa",
             "made": "2023-01-01T00:00:00+00:00", "expires": None}  # fmt: skip
    return json.dumps([whole | changed])


@pytest.mark.parametrize(
    "text",
    ["[{]", "{}", "1", entry(salt="zz"), entry(salt=5), entry(hash="hé"), entry(scope="god"),
     entry(expires="never"), entry(made="2023-01-01")],
)  # fmt: skip
def test_a_damaged_file_of_keys_lets_nobody_in(ws, text):
    given = keys.add(ws, "shop", "score")
    running = keys.Keys(ws)
    assert running.find(given)
    (ws.home / keys.FILE).write_text(text)
    with pytest.raises(AlmanacError, match="cannot be read as keys"):
        running.find(given)


def test_names_of_keys_are_names(ws):
    for name in ("", " ", "a\nb", "x" * 65, "\x1b[2J"):
        with pytest.raises(AlmanacError, match="is no name of a key"):
            keys.add(ws, name, "score")


def test_once_keys_were_made_they_are_needed(ws):
    running = keys.Keys(ws)
    assert not running.are_needed
    keys.add(ws, "shop", "score")
    assert running.are_needed
    assert keys.revoke(ws, "shop") == 0
    assert running.are_needed
    assert keys.Keys(ws).are_needed


@pytest.mark.parametrize(
    ("scope", "may"),
    [("score", ["score"]), ("customers", ["score", "customers"]), ("admin", [*keys.SCOPES])],
)
def test_a_scope_holds_those_before_it(ws, scope, may):
    key = keys.Keys(ws).find(keys.add(ws, "one", scope))
    assert [each for each in keys.SCOPES if key.allows(each)] == may


def test_the_command_makes_lists_and_revokes_keys(ws, monkeypatch):
    monkeypatch.setenv("ALMANAC_HOME", str(ws.home))

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(main, ["serve", "keys", *arguments])
        return f"{done.exit_code} {done.output}"

    given = run("add", "shop", "--scope", "customers", "--expires", "2099-01-01").split()[1]
    assert keys.Keys(ws).find(given).scope == "customers"
    listed = run("list")
    assert "shop  customers" in listed
    assert "2099-01-01" in listed
    assert given.split("_", 2)[2] not in listed
    assert run("add", "late", "--expires", "2020-01-01").startswith("1 Error: --expires 2020-01-01")
    revoked = run("revoke", "shop")
    assert revoked.startswith("0 shop is revoked.\nNo key is left: a service answers nobody.")


def test_without_keys_it_serves_this_machine_alone(ready, monkeypatch):
    monkeypatch.setenv("ALMANAC_HOME", str(ready.ws.home))
    done = CliRunner().invoke(main, ["serve", "--host", "0.0.0.0"])
    assert done.exit_code == 1
    assert "listens on this machine only, not on 0.0.0.0" in done.output
    assert "ml serve keys add" in done.output


def test_without_a_champion_it_says_what_to_do(ws, monkeypatch):
    monkeypatch.setenv("ALMANAC_HOME", str(ws.home))
    done = CliRunner().invoke(main, ["serve"])
    assert done.exit_code == 1
    assert "no champion to serve" in done.output
    assert "ml train" in done.output


def test_requests_need_a_key_of_their_scope(ready, tmp_path):
    home = copied(ready.ws.home, tmp_path / "home")
    ws = Workspace(home, home / "raw", {})
    score = keys.add(ws, "shop", "score")
    admin = keys.add(ws, "operator", "admin")
    keys.add(ws, "gone", "admin")
    expired = keys.add(ws, "late", "admin", datetime.now(UTC) - timedelta(seconds=1))
    body = {"customers": ["c010"]}
    with RunningService(home) as running:
        for given, told in {
            "": "A key is needed",
            "alm_12345678_wrong": "not known here",
            score + "x": "not known here",
            expired: "has expired",
        }.items():
            refused = running.post(SCORE, body, key=given)
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"] == "Bearer"
            assert told in refused.json()["detail"]
            # A caller cannot make one.
            assert "whoever runs this service" in refused.json()["next"]
            assert "ml serve keys" not in refused.text
        assert running.post(SCORE, body, key=score).status_code == 200
        for path in ("/v1/customers/c010", "/metrics"):
            small = running.get(path, key=score)
            assert (small.status_code, "--scope" in small.json()["next"]) == (403, True)
        assert running.get("/metrics", key=admin).ok
        assert running.get("/v1/targets", key=score).ok
        for path in ("/health", "/ready", "/docs", "/openapi.json"):
            assert running.get(path).ok
        for name in ("shop", "gone", "late"):
            keys.revoke(ws, name)
        assert running.post(SCORE, body, key=score).status_code == 401
        keys.revoke(ws, "operator")
        assert running.get("/v1/targets").status_code == 401
        assert running.get("/v1/targets", key=admin).status_code == 401
        (home / keys.FILE).unlink()
        assert running.get("/v1/targets").status_code == 401
        lines = [json.loads(line) for line in running.log().splitlines()]
        assert {line.get("key") for line in lines} >= {"shop", "operator", None}
        (home / keys.FILE).write_text("[{]")
        unread = running.post(SCORE, body, key=admin)
        assert (unread.status_code, str(home) in unread.text) == (503, False)
        assert not any(secret.split("_", 2)[2] in running.log() for secret in (score, admin))


def test_champions_are_exchanged_while_it_serves(ready, tmp_path):
    target, record = "spend_next_month", {"spend_sum__1m": 3.0}
    there = ready.copied(tmp_path / "home")
    home = there.ws.home
    with RunningService(home) as running:
        first = running.score(target, ["c010"])["model_id"]
        # Another champion of other features: until its input is published, the first answers by id.
        ran = there.run(f"ml train --target {target} --model logistic --features 2")
        assert ran.code == 0, ran.text
        known = {path.name for path in (home / "models" / target).iterdir() if path.is_dir()}
        (second,) = known - {first}
        there.run(f"ml promote {second} --force")
        running.wait_until(lambda: running.predict(target, [record])["model_id"] == second)
        assert running.score(target, ["c010"])["model_id"] == first
        assert there.ws.must("feast", "apply")
        assert there.run("ml materialize").code == 0
        running.wait_until(lambda: running.score(target, ["c010"])["model_id"] == second)
        assert there.run(f"ml rollback {target}").code == 0
        running.wait_until(lambda: running.predict(target, [record])["model_id"] == first)
        state = running.get("/ready").json()
        assert state["status"] == "degraded"
        instead = f"scored by {second} instead of the champion {first}"
        assert instead in state["problems"][f"{target} by id"]
        scores = running.score(target, ["c010", "c011"])
        assert scores["model_id"] == second
        with RunningService(home) as anew:
            assert anew.get("/ready").json() == state
            assert anew.score(target, ["c010", "c011"]) == scores
            assert anew.predict(target, [record])["model_id"] == first
        # Its files are spoilt: it goes on from memory, and says so.
        (home / "models" / target / first / "card.json").write_text("{}")
        running.wait_until(lambda: target in running.get("/ready").json()["problems"])
        told = running.get("/ready").json()["problems"][target]
        assert "was changed after training" in told
        assert str(home) not in told
        assert running.predict(target, [record])["model_id"] == first
        # The folder vanishes with all that is known of it.
        shutil.rmtree(home / "models" / target)
        running.wait_until(lambda: "no models" in running.get("/ready").text)
        assert running.predict(target, [record])["model_id"] == first
        lines = [json.loads(line) for line in running.log().splitlines()]
        found = [each for each in lines if each["logger"] == "almanac.champions"]
        assert [(each["level"], each["model_id"], each["target"]) for each in found[:2]] == [
            ("info", second, target),
            ("warning", second, target),
        ]


def test_what_answers_in_a_champions_place_is_told_at_the_start(ready, tmp_path, monkeypatch):
    there = ready.copied(tmp_path / "home")
    (there.ws.home / "online_store.db").unlink()
    monkeypatch.setenv("ALMANAC_HOME", str(there.ws.home))
    monkeypatch.setattr("ml.service.server.serve", lambda *_: None)
    monkeypatch.setattr("ml.service.server._refuse_taken", lambda _: None)
    done = CliRunner().invoke(main, ["serve"])
    assert done.exit_code == 0, done.output
    assert "Warning: activity by id: The online store" in done.stdout
    assert "Answers without a key" in done.stdout


def test_the_extra_is_installed_from_the_repository(monkeypatch):
    # By its dotted name it would be the command.
    monkeypatch.setattr(sys.modules["ml.cli.serve"], "EXTRA", ("no_such_package",))
    done = CliRunner().invoke(main, ["serve"])
    assert done.exit_code == 1
    assert done.output.rstrip().endswith("-e '.[serve]'")
