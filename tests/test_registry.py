import dataclasses
import json
import subprocess
import sys

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from ml.evaluation.delong import compare
from ml.models import FAMILIES
from ml.registry import artifact, history
from ml.registry import champions as registry
from ml.registry.history import Event
from ml.registry.listing import entries
from ml.training.plan import Plan
from ml.training.train import train
from ml.workspace.errors import AlmanacError
from ml.workspace.settings import Workspace
from ml.workspace.targets import target
from tests.cards import card
from tests.learnable import fake_store, learnable
from tests.test_artifact import RECORDS
from tests.test_models import sample

__all__ = ["fake_store"]
pytestmark = pytest.mark.usefixtures("fake_store")
MODEL = FAMILIES["lightgbm"].fit(*sample(), 1)
ROWS = 600


@pytest.fixture
def ws(tmp_path) -> Workspace:
    ws = Workspace(tmp_path, tmp_path / "raw", {})
    duckdb.connect(str(ws.warehouse)).close()
    return ws


def predictions(noise: float, part: str = "test", first: int = 0) -> pa.Table:
    """Rows `first` to 600 after it, predicted the worse the more noise there is."""
    rng = np.random.default_rng(5)
    wish = rng.normal(size=2 * ROWS)
    label = (rng.random(2 * ROWS) < 1 / (1 + np.exp(-2 * wish))).astype(np.int32)
    predicted = norm.cdf(wish + noise * rng.normal(size=2 * ROWS))
    rows = slice(first, first + ROWS)
    return pa.table(
        {
            "customer_id": [f"c{i}" for i in range(2 * ROWS)][rows],
            "event_timestamp": pa.array([0] * ROWS, pa.timestamp("us")),
            "label": label[rows],
            "probability": predicted[rows],
            "part": [part] * ROWS,
        }
    )


def settle(ws: Workspace, name: str, table: pa.Table) -> registry.Contest:
    folder = artifact.save(ws, card(model_id=name), MODEL, table, RECORDS)
    return registry.settle(ws, artifact.load(folder))


def champion(ws: Workspace) -> str:
    return artifact.champion(ws, "t").model_id


def test_the_first_model_is_champion_and_a_better_one_takes_its_place(ws):
    first = settle(ws, "t-1", predictions(3.0))
    assert (first.accepted, first.why) == (True, "the first champion")
    better = settle(ws, "t-2", predictions(0.1))
    assert better.accepted
    assert better.why.startswith("not worse than the champion t-1 on 600 rows of the test month")
    assert better.comparison.gain > 0
    assert champion(ws) == "t-2"


def test_a_worse_one_stays_a_challenger_until_it_is_forced(ws, fake_store):
    settle(ws, "t-1", predictions(0.1))
    assert not settle(ws, "t-2", predictions(3.0)).accepted
    assert champion(ws) == fake_store.defined == "t-1"
    with pytest.raises(AlmanacError, match=r"t-2 stays .* worse than .*p = (.|\n)*t-2 --force"):
        registry.promote(ws, "t-2")
    assert champion(ws) == "t-1"
    registry.promote(ws, "t-2", force=True)
    assert champion(ws) == fake_store.defined == "t-2"


def test_a_difference_that_luck_explains_is_no_worse(ws):
    settle(ws, "t-1", predictions(0.10))
    found = settle(ws, "t-2", predictions(0.15))
    assert found.comparison.gain < 0
    assert found.comparison.p_value > 0.05
    assert champion(ws) == "t-2"


def test_only_rows_that_both_predicted_count(ws):
    settle(ws, "t-1", predictions(0.1))
    found = settle(ws, "t-2", predictions(0.2, first=200))
    assert found.comparison.rows == 400


def test_models_without_rows_in_common_are_not_compared(ws):
    settle(ws, "t-1", predictions(3.0))
    found = settle(ws, "t-2", predictions(0.1, first=ROWS))
    assert (found.accepted, found.comparison) == (False, None)
    assert found.why == "no held-out rows of both classes in common with the champion t-1"
    assert settle(ws, "t-3", predictions(0.1, part="cv")).comparison is None
    assert champion(ws) == "t-1"
    registry.promote(ws, "t-2", force=True)
    assert champion(ws) == "t-2"


def test_another_test_month_is_compared_on_cross_validated_rows(ws):
    older = pa.concat_tables([predictions(3.0), predictions(0.1, "cv")])
    newer = pa.concat_tables([predictions(0.1, first=ROWS), predictions(3.0, "cv")])
    settle(ws, "t-1", older)
    found = settle(ws, "t-2", newer)
    assert "worse than the champion t-1 on 600 cross-validated rows" in found.why
    assert not found.accepted


def test_the_champion_stays_what_it_is(ws):
    settle(ws, "t-1", predictions(0.1))
    before = registry.events_of(ws, "t")
    assert registry.promote(ws, "t-1").why == "the champion already"
    assert registry.events_of(ws, "t") == before


def test_a_spoilt_champion_holds_nobody_up(ws):
    settle(ws, "t-1", predictions(0.1))
    (ws.models / "t" / "t-1" / "card.json").write_text("{}", encoding="utf-8")
    found = settle(ws, "t-2", predictions(3.0))
    assert found.why == "t-1, the champion before, cannot be read"
    assert champion(ws) == "t-2"


def test_rolling_back_walks_through_the_champions(ws):
    for number, noise in enumerate((3.0, 1.0, 0.1), start=1):
        settle(ws, f"t-{number}", predictions(noise))
    assert registry.rollback(ws, "t") == ("t-3", "t-2")
    settle(ws, "t-4", predictions(0.2))
    assert registry.rollback(ws, "t") == ("t-4", "t-2")
    assert registry.rollback(ws, "t") == ("t-2", "t-1")
    with pytest.raises(AlmanacError, match="no champion before t-1"):
        registry.rollback(ws, "t")
    assert champion(ws) == "t-1"


def test_a_target_that_is_not_there_is_named_with_those_there_are(ws):
    with pytest.raises(AlmanacError, match=r"no target t with a champion in .* Here are: none\."):
        registry.rollback(ws, "t")
    history.add(ws.models / "t", Event("promoted", "t-1"))
    with pytest.raises(AlmanacError, match=r"There is no target nix .* Here are: t\."):
        registry.rollback(ws, "nix")


def test_models_of_the_same_features_in_the_same_order_read_the_same(ws):
    others = [{"name": "a", "dtype": "bigint", "view": "v"}]
    for about in (card(), card(model_id="t-2"), card(model_id="t-3", features=others)):
        artifact.save(ws, about, MODEL, predictions(0.1), RECORDS)
    assert registry.read_the_same(ws, "t", "t-1", "t-2")
    assert not registry.read_the_same(ws, "t", "t-1", "t-3")
    for gone in (None, "t-4"):
        assert not registry.read_the_same(ws, "t", gone, "t-1")


def test_a_spoilt_model_gets_nothing_back(ws):
    settle(ws, "t-1", predictions(1.0))
    settle(ws, "t-2", predictions(0.1))
    (ws.models / "t" / "t-1" / "model.txt").write_text("spoilt", encoding="utf-8")
    with pytest.raises(AlmanacError, match=r"changed after training: model\.txt"):
        registry.rollback(ws, "t")
    assert champion(ws) == "t-2"


def test_models_are_listed_the_newest_first(ws, monkeypatch):
    moments = iter(["2026-01-02", "2026-01-01", "2026-01-03"])
    add = history.add

    def dated(folder, *events):
        add(folder, *events)
        path = folder / history.HISTORY
        told = json.loads(path.read_text())
        told[-1]["at"] = told[-len(events)]["at"] = next(moments)
        path.write_text(json.dumps(told))

    monkeypatch.setattr(history, "add", dated)
    for name, noise in (("t-1", 3.0), ("t-2", 0.1), ("t-3", 3.0)):
        settle(ws, name, predictions(noise))
    found, damaged = entries(ws)
    assert damaged == []
    assert [entry.card.model_id for entry in found] == ["t-3", "t-1", "t-2"]
    assert [entry.trained for entry in found] == ["2026-01-03", "2026-01-02", "2026-01-01"]
    assert [entry.is_champion for entry in found] == [False, False, True]


def test_an_unknown_model_is_named_with_those_there_are(ws):
    settle(ws, "t-1", predictions(0.1))
    for name in ("t-9", ".", "../t/t-1"):
        with pytest.raises(AlmanacError, match=r"Here are: t-1\."):
            registry.promote(ws, name)


def test_a_spoilt_history_is_told(ws):
    settle(ws, "t-1", predictions(0.1))
    (ws.models / "t" / history.HISTORY).write_text("[{}]", encoding="utf-8")
    with pytest.raises(AlmanacError, match="is not a history of models"):
        artifact.champion(ws, "t")


def test_a_history_keeps_what_was_there(tmp_path):
    events = [Event("trained", "a"), Event("promoted", "a"), Event("rolled back", "a")]
    history.add(tmp_path, *events[:2])
    history.add(tmp_path, events[2])
    kept = history.read(tmp_path)
    assert [dataclasses.replace(event, at="") for event in kept] == events
    assert all(event.at for event in kept)
    assert history.champions(kept) == ["a"]
    assert [path.name for path in tmp_path.iterdir()] == [history.HISTORY]


def test_the_paired_test_agrees_with_the_bootstrap():
    table = predictions(0.3).to_pandas()
    other = predictions(1.0).to_pandas()["probability"].to_numpy()
    label, score = table["label"].to_numpy(), table["probability"].to_numpy()
    found = compare(label.astype(float), score, other)
    assert found.value == pytest.approx(roc_auc_score(label, score))
    assert found.gain == pytest.approx(found.value - roc_auc_score(label, other))
    rng = np.random.default_rng(0)
    gains = []
    for _ in range(300):
        rows = rng.integers(0, len(label), len(label))
        gains.append(
            roc_auc_score(label[rows], score[rows]) - roc_auc_score(label[rows], other[rows])
        )
    assert found.error == pytest.approx(np.std(gains), rel=0.15)
    assert found.p_value == pytest.approx(2 * norm.sf(abs(found.gain) / found.error))


def test_equal_rankings_differ_by_luck_alone():
    table = predictions(0.3).to_pandas()
    label, score = table["label"].to_numpy(float), table["probability"].to_numpy()
    found = compare(label, score, score)
    assert (found.gain, found.p_value, found.worse) == (0.0, 1.0, False)


def test_training_again_keeps_the_champion_and_a_worse_family_does_not_take_over(tmp_path, request):
    request.getfixturevalue("fake_store")
    ws = learnable(tmp_path)
    wanted = target(ws, "spend_next_month")
    first = train(ws, wanted, Plan(families=("logistic",)))
    again = train(ws, wanted, Plan(families=("logistic",)))
    assert again.contest.why == "the champion already"
    assert len(registry.events_of(ws, wanted.name)) == 3
    other = train(ws, wanted, Plan(families=("lightgbm",)))
    frames = [
        artifact.load(each.folder).predictions().to_pandas().query("part == 'test'")
        for each in (other, first)
    ]
    mine, theirs = (pd.Series(f["probability"].to_numpy(), f["customer_id"]) for f in frames)
    labels = frames[1].set_index("customer_id")["label"]
    found = compare(
        labels.to_numpy(float), mine[labels.index].to_numpy(), theirs[labels.index].to_numpy()
    )
    assert other.contest.comparison == found
    champion = artifact.champion(ws, wanted.name).model_id
    assert (champion == other.card.model_id) == (not found.worse)


def test_processes_that_add_at_once_lose_no_event(tmp_path):
    code = (
        "import sys; from pathlib import Path; from ml.registry.history import Event, add\n"
        "for n in range(50): add(Path(sys.argv[1]), Event('trained', f'{sys.argv[2]}-{n}'))"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name]) for name in ("a", "b")
    ]
    assert [process.wait() for process in both] == [0, 0]
    found = [event.model_id for event in history.read(tmp_path)]
    assert sorted(found) == sorted(f"{name}-{n}" for name in ("a", "b") for n in range(50))


def test_a_card_that_is_cut_off_is_named_and_the_others_are_listed(ws):
    settle(ws, "t-1", predictions(3.0))
    settle(ws, "t-2", predictions(0.1))
    cut_off = ws.models / "t" / "t-1" / "card.json"
    cut_off.write_text(cut_off.read_text("utf-8")[:100], encoding="utf-8")
    found, damaged = entries(ws)
    assert [(entry.card.model_id, entry.is_champion) for entry in found] == [("t-2", True)]
    assert [str(cut_off) in str(error) for error in damaged] == [True]
