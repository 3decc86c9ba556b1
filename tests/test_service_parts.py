"""Parts of the service by themselves: the log of answers, the marts, stores that go away."""

import hmac
import logging
import shutil
import time
from datetime import UTC, datetime

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ml import store
from ml.registry import artifact, history
from ml.service.champions import Champions
from ml.service.marts import PublishedMarts
from ml.serving import answer_log
from ml.serving.answer_log import AnswerLog, Answers, input_hash
from ml.serving.materialize import materialize
from ml.workspace.errors import AlmanacError
from ml.workspace.settings import Workspace
from tests.online_stores import choose, redis
from tests.published_marts import MARTS
from tests.small_workspace import READ, crown, make_workspace, register

__all__ = ["redis"]


@pytest.fixture
def ws(tmp_path) -> Workspace:
    return Workspace(tmp_path, tmp_path / "raw", {})


def answers(rows: int, customer: str = "a") -> Answers:
    matrix = np.arange(rows * 2, dtype=np.float32).reshape(rows, 2)
    matrix[0, 1] = np.nan
    moment = datetime(2023, 1, 1, tzinfo=UTC)
    scores = np.linspace(0, 1, rows).tolist()
    customers = [customer] * rows
    return Answers("t", "m", "score", moment, ["x", "y"], matrix, scores, customers)


def logged(ws: Workspace) -> pa.Table:
    paths = sorted(answer_log.folder_of(ws).glob("*.parquet"))
    return pa.concat_tables([answer_log.SCHEMA.empty_table(), *map(pq.read_table, paths)])


def test_a_clean_stop_writes_every_answer(ws):
    log = AnswerLog(ws, sampled=1.0, most_bytes=2**30)
    for _ in range(30):
        log.add(answers(100))
    log.close()
    table = logged(ws)
    assert (table.num_rows, log.written, log.lost) == (3000, 3000, 0)
    assert table["score"][1].as_py() == pytest.approx(1 / 99)
    assert table["input"][0].as_py() == '{"x": 0.0}'
    assert table["input_hash"][0].as_py() == input_hash(np.array([0, -np.nan], np.float32))
    assert len(set(table["input_hash"].to_pylist())) == 100


def test_unsampled_answers_name_nobody(ws):
    log = AnswerLog(ws, sampled=0.0, most_bytes=2**30)
    log.add(answers(50))
    log.close()
    assert logged(ws)["customer_id"].null_count == logged(ws)["input"].null_count == 50


def test_the_log_is_bounded(ws, monkeypatch):
    monkeypatch.setattr(answer_log, "MOST_WAITING", 1000)
    log = AnswerLog(ws, sampled=0.0, most_bytes=2**30)
    monkeypatch.setattr(log, "_write", lambda table: None)
    for _ in range(30):
        log.add(answers(100))
    assert log.lost == 2000
    log.close()
    for _ in range(5):
        small = AnswerLog(ws, sampled=1.0, most_bytes=10_000)
        small.add(answers(100))
        small.close()
    kept = list(answer_log.folder_of(ws).glob("*.parquet"))
    assert sum(path.stat().st_size for path in kept) <= 10_000
    assert logged(ws).num_rows > 0


def test_a_disk_that_takes_nothing_is_told_and_counted(ws):
    answer_log.folder_of(ws).write_text("no folder")
    log = AnswerLog(ws, sampled=0.0, most_bytes=2**30)
    log.add(answers(10))
    log.close()
    assert (log.written, log.lost) == (0, 10)
    assert "answers" in log.problem


def test_an_answer_that_cannot_be_logged_is_counted_and_the_next_are_logged(ws, monkeypatch):
    monkeypatch.setattr(answer_log, "SECONDS_PER_LOOK", 0.01)
    log = AnswerLog(ws, sampled=1.0, most_bytes=2**30)
    log.add(answers(10, "\ud800"))
    while not log.lost:
        time.sleep(0.01)
    assert "cannot be logged" in log.problem
    log.add(answers(5))
    log.close()
    assert (log.lost, logged(ws).num_rows) == (10, 5)


def test_a_forgotten_customer_leaves_the_log(ws):
    log = AnswerLog(ws, sampled=1.0, most_bytes=2**30)
    log.add(answers(10, "a"))
    log.add(answers(5, "b"))
    log.close()
    assert answer_log.forget_customer(ws, "a") == [("log of answers", 10)]
    assert set(logged(ws)["customer_id"].to_pylist()) == {"b"}


def publish(ws: Workspace, sql: str = MARTS) -> None:
    fresh = ws.published.with_suffix(".fresh")
    with duckdb.connect(fresh) as connection:
        connection.execute(sql)
    fresh.replace(ws.published)


def test_customers_are_told_as_the_marts_have_them(ws):
    marts = PublishedMarts(ws)
    with pytest.raises(AlmanacError, match="is absent"):
        marts.customer("a")
    publish(ws)
    found = marts.customer("a")
    assert found["scores"] == [
        {
            "target": "decline",
            "model_id": "m1",
            "as_of": datetime(2023, 1, 1, tzinfo=UTC),
            "score": 0.25,
            "percentile": 0.5,
            "reasons": ["first", "third"],
        }
    ]
    assert (found["segment"], found["offer"]["offer"]) == ("low_risk_high_profit", "keep")
    assert (found["contactable"], found["contact_basis"]) == (True, "yes")
    told = marts.customer("b")
    assert (told["contactable"], told["scores"], told["offer"]) == (False, [], None)
    assert marts.customer("'; drop table x; --") is None


def test_a_file_published_anew_is_read(ws):
    marts = PublishedMarts(ws)
    publish(ws)
    assert marts.customer("a")["segment"] == "low_risk_high_profit"
    publish(ws, MARTS.replace("low_risk", "high_risk"))
    assert marts.customer("a")["segment"] == "high_risk_high_profit"
    publish(ws, "create schema marts")
    with pytest.raises(AlmanacError, match="ml publish"):
        marts.customer("a")


def test_customers_published_under_hashes_are_found_by_their_ids(ws):
    key = b"0123456789abcdef0123456789abcdef"
    (ws.home / "ids.key").write_bytes(key)
    hidden = hmac.new(key, b"a", "sha256").hexdigest()
    publish(ws, MARTS.replace("'a'", f"'{hidden}'"))
    marts = PublishedMarts(Workspace(ws.home, ws.raw, {"published_id_key": "ids.key"}))
    assert marts.customer("a")["customer_id"] == "a"
    assert marts.customer(hidden) is None


def published_champions(home) -> Champions:
    ws = make_workspace(home)
    crown(ws)
    materialize(ws, None)
    return started(ws)


def started(ws: Workspace) -> Champions:
    """The champions of a service that has just been started."""
    champions = Champions(ws)
    champions.load()
    assert champions.inputs == {}
    champions.refresh()
    return champions


def roll_back(ws: Workspace, target: str = "purchase_any") -> None:
    """What `ml rollback` does, and `feast apply` after it."""
    events = history.read(ws.models / target)
    history.add(ws.models / target, history.Event("rolled back", history.champions(events)[-2]))
    card = artifact.champion(ws, target).card
    store.define_input(ws, store.ModelInput.of(target, card.model_id, card.features))
    register(ws)


def told(champions: Champions) -> tuple[str, str]:
    """Which model scores by id, and what is said of that."""
    served, _ = champions.published("purchase_any", ["a"])
    return served.model_id, champions.problems.get("purchase_any by id", "")


def test_who_scores_by_id_until_the_champion_can_is_told_and_stays_after_a_restart(tmp_path):
    running = published_champions(tmp_path / "home")
    ws = running.ws
    assert told(running) == ("first", "")
    crown(ws, READ[:2], "second")
    for champions in (running, started(ws)):
        champions.refresh()
        instead = "purchase_any are scored by first instead of the champion second, whose input"
        assert told(champions)[0] == "first"
        assert instead in told(champions)[1]
        assert told(champions)[1].endswith("Next: feast apply && ml materialize")
    materialize(ws, None)
    running.refresh()
    assert told(running) == told(started(ws)) == ("second", "")
    roll_back(ws)
    for champions in (running, started(ws)):
        champions.refresh()
        assert champions.targets["purchase_any"].champion.model_id == "first"
        assert told(champions)[0] == "second"
        assert "are scored by second instead of the champion first" in told(champions)[1]
    materialize(ws, None)
    running.refresh()
    assert told(running) == told(started(ws)) == ("first", "")


def test_of_models_with_the_same_features_the_champion_before_scores_by_id(tmp_path):
    ws = make_workspace(tmp_path / "home")
    crown(ws)
    materialize(ws, None)
    running = started(ws)
    for name, read in (("again", READ), ("other", READ[:2])):
        crown(ws, read, name)
        running.refresh()
    assert told(running)[0] == told(started(ws))[0] == "again"
    # Its files go: it answers on from memory, and that is told.
    shutil.rmtree(ws.models / "purchase_any" / "again")
    running.refresh()
    model_id, why = told(running)
    assert model_id == "again"
    assert "again lacks hashes.json" in why
    assert told(started(ws))[0] == "first"


def test_where_no_model_reads_what_is_materialized_that_is_told(tmp_path):
    ws = make_workspace(tmp_path / "home")
    crown(ws)
    champions = started(ws)
    assert "Nothing of purchase_any__input" in champions.problems["purchase_any by id"]
    crown(ws, READ[:2], "second")
    materialize(ws, None)
    roll_back(ws)
    shutil.rmtree(ws.models / "purchase_any" / "second")
    champions = started(ws)
    (line, why) = champions.problems["purchase_any by id"].split("\n", 1)
    assert line.startswith("No customer of purchase_any can be scored by id: ")
    assert line.endswith("Next: feast apply && ml materialize")
    assert "second" in why
    with pytest.raises(AlmanacError, match="that a model of it can read"):
        champions.published("purchase_any", ["a"])


def test_an_input_that_is_not_registered_is_told(tmp_path):
    ws = make_workspace(tmp_path / "home")
    register(ws)
    crown(ws)
    store.feature_store(ws).delete_feature_service("purchase_any__input")
    store.feature_store(ws).registry.delete_feature_view(
        "purchase_any__input", store.feature_store(ws).project
    )
    assert "can be scored by id" in started(ws).problems["purchase_any by id"]


def lines_of(caplog) -> list[tuple[object, ...]]:
    """What was logged since the last look: message, target, model, and the first line of what."""
    found = [
        (each.message, each.target, each.model_id, each.what.splitlines()[0])
        for each in caplog.records
        if each.name == "almanac.champions"
    ]
    caplog.clear()
    return found


def test_the_log_says_once_what_was_taken_over_and_what_could_not_be(tmp_path, caplog):
    caplog.set_level(logging.INFO, "almanac.champions")
    champions = published_champions(tmp_path / "home")
    ws = champions.ws
    assert lines_of(caplog) == []
    crown(ws, READ[:2], "second")
    champions.refresh()
    taken, waits = lines_of(caplog)
    assert taken == ("model taken over", "purchase_any", "second", "records")
    assert waits[:3] == ("not taken over", "purchase_any", "second")
    materialize(ws, None)
    champions.refresh()
    by_id = ("model taken over", "purchase_any", "second", "customers by id")
    assert lines_of(caplog) == [by_id]
    (ws.models / "purchase_any" / "second" / "card.json").write_text("{}", encoding="utf-8")
    for _ in range(3):
        champions.refresh()
    (spoilt,) = lines_of(caplog)
    assert spoilt[:3] == ("not taken over", "purchase_any", "second")
    assert "was changed after training: card.json" in spoilt[3]


def test_a_store_that_goes_away_is_told_and_found_again(redis, tmp_path, monkeypatch):
    choose(monkeypatch, tmp_path, redis.settings)
    champions = published_champions(tmp_path / "home")
    ws = champions.ws
    served, found = champions.published("purchase_any", ["a", "nobody"])
    assert served.model_id == "first"
    assert found.status.tolist()[1] == "missing"
    redis.process.kill()
    redis.process.wait()
    with pytest.raises(AlmanacError, match=r"Redis at 127\.0\.0\.1"):
        champions.published("purchase_any", ["a"])
    champions.refresh()
    assert "cannot be read" in champions.problems["purchase_any by id"]
    redis.__enter__()
    materialize(ws, None)
    champions.refresh()
    assert champions.problems == {}
    assert champions.published("purchase_any", ["a"])[0].model_id == "first"


def test_a_sqlite_store_that_is_replaced_is_read_anew(tmp_path):
    champions = published_champions(tmp_path / "home")
    ws = champions.ws
    before = champions.published("purchase_any", ["a"])[1]
    for path in ws.home.glob("online_store.db*"):
        path.unlink()
    with pytest.raises(AlmanacError, match="ml materialize"):
        champions.published("purchase_any", ["a"])
    champions.refresh()
    assert "ml materialize" in champions.problems["purchase_any by id"]
    materialize(ws, None)
    champions.refresh()
    assert champions.problems == {}
    after = champions.published("purchase_any", ["a"])[1]
    assert after.values == before.values
