"""Who may ask the service what, and what it never shows or keeps."""

import json
import stat
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from ml.cli import main
from ml.service import keys
from ml.workspace.errors import AlmanacError
from ml.workspace.settings import Workspace
from tests.learnable import fake_store
from tests.ready_workspace import ready
from tests.running_service import RunningService, copied

__all__ = ["fake_store", "ready"]
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


def test_a_damaged_file_of_keys_lets_nobody_in(ws):
    given = keys.add(ws, "shop", "score")
    running = keys.Keys(ws)
    (ws.home / keys.FILE).write_text("[{]")
    with pytest.raises(AlmanacError, match="cannot be read as keys"):
        running.find(given)


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
    assert given.split("_")[2] not in listed
    assert run("add", "late", "--expires", "2020-01-01").startswith("1 Error: --expires 2020-01-01")
    assert run("revoke", "shop") == "0 shop is revoked.\n"


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
        assert running.post(SCORE, body, key=score).status_code == 200
        for path in ("/v1/customers/c010", "/metrics"):
            small = running.get(path, key=score)
            assert (small.status_code, "--scope" in small.json()["next"]) == (403, True)
        assert running.get("/metrics", key=admin).ok
        assert running.get("/v1/targets", key=score).ok
        for path in ("/health", "/ready", "/docs", "/openapi.json"):
            assert running.get(path).ok
        keys.revoke(ws, "shop")
        assert running.post(SCORE, body, key=score).status_code == 401
        lines = [json.loads(line) for line in running.log().splitlines()]
        assert {line.get("key") for line in lines} >= {"shop", "operator", None}
        (home / keys.FILE).write_text("[{]")
        unread = running.post(SCORE, body, key=admin)
        assert (unread.status_code, str(home) in unread.text) == (503, False)
        assert not any(secret.split("_", 2)[2] in running.log() for secret in (score, admin))
