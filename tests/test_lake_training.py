"""Training sets that memory does not hold: they lie in a file, and Spark's executors fit them."""

import gc
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from importlib.util import find_spec

import numpy as np
import pytest

from ml.data.mapped import file_of, passing
from ml.data.training_set import TrainingSet
from ml.dataset.rows import labelled_rows
from ml.lake.training import TrainingRoom, training_room
from ml.training.crossfit import Candidate, chosen_columns, fit, in_memory_rows
from ml.training.plan import Plan
from ml.training.train import train
from ml.workspace.errors import BadInput
from ml.workspace.memory import machine_memory
from ml.workspace.settings import Workspace
from ml.workspace.targets import target
from tests.learnable import fake_store, learnable
from tests.workspaces import REPOSITORY

__all__ = ["fake_store"]

TARGET = "spend_next_month"
NOTHING = "0.001MB"
pytestmark = pytest.mark.usefixtures("fake_store")
needs_spark = pytest.mark.skipif(
    not find_spec("pyspark") or not find_spec("xgboost") or not shutil.which("java"),
    reason="pyspark, xgboost or Java is missing",
)


@pytest.fixture
def ws(tmp_path) -> Workspace:
    return learnable(tmp_path)


def beyond_memory(ws: Workspace, **settings: str) -> Workspace:
    """The workspace with a lake that lets a training set take no memory."""
    (ws.home / "lake").mkdir(exist_ok=True)
    lake = {"path": "lake", "buckets": 2, "training_memory": NOTHING, **settings}
    return replace(ws, settings={"lake": lake})


def rows_of(ws: Workspace) -> TrainingSet:
    return labelled_rows(ws, target(ws, TARGET))


def left_in(ws: Workspace) -> list[str]:
    gc.collect()
    return [str(each) for each in (ws.home / "lake" / "answers").iterdir()]


def test_a_file_holds_the_rows_that_memory_would(ws):
    held, kept = rows_of(ws), rows_of(beyond_memory(ws))
    assert file_of(held.matrix) is None
    assert file_of(kept.matrix) is not None
    assert kept.digest() == held.digest()
    assert (kept.customers == held.customers).all()
    some = np.arange(0, len(kept), 3)
    assert file_of(kept.take(some).matrix) is not None
    assert kept.take(some).digest() == held.take(some).digest()
    middle = kept.take(np.arange(7, 20))
    assert file_of(middle.matrix).first == 7
    assert middle.digest() == held.take(np.arange(7, 20)).digest()


def test_the_file_goes_when_nobody_uses_the_rows(ws):
    ws = beyond_memory(ws)
    rows = rows_of(ws).take(np.arange(5, 50))
    assert len(left_in(ws)) == 1
    assert len(rows) == 45
    del rows
    assert not left_in(ws)


def test_the_model_is_that_of_rows_in_memory(ws, monkeypatch):
    """Where a fit fits, and only the whole is in a file."""
    plan = Plan(families=("lightgbm",), features=3)
    held = train(ws, target(ws, TARGET), plan).card
    ws = beyond_memory(ws, training_memory="1GB")
    monkeypatch.setattr("ml.lake.training.in_memory", partial(passing, ws.home / "lake"))
    assert file_of(rows_of(ws).matrix) is not None
    kept = train(ws, target(ws, TARGET), plan).card
    assert kept.model_id == held.model_id
    assert kept.held_out == held.held_out


def test_what_a_dead_process_left_goes_and_what_a_living_one_holds_stays(tmp_path):
    script = (
        "from pathlib import Path; from ml.data.mapped import passing; import os; "
        f"kept = passing(Path({str(tmp_path)!r}), (3, 4)); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=REPOSITORY)
    (left,) = tmp_path.iterdir()
    mine = passing(tmp_path, (2, 2))
    os.utime(file_of(mine).path.parent, (0, time.time() - 3600 * 24 * 2))
    other = passing(tmp_path, (2, 2))
    assert not left.exists()
    assert {file_of(each).path.parent for each in (mine, other)} == set(tmp_path.iterdir())
    assert np.isnan(mine).all()


@pytest.mark.parametrize(
    ("family", "engine", "words"),
    [
        (
            "lightgbm",
            "spark",
            r"lightgbm is fitted in memory, and a fit to 2,000 rows of 4 features takes 64.0 KB, "
            r"more than training_memory \(1.0 KB\)",
        ),
        ("xgboost", "processes", "Only Spark's executors fit what this machine's memory"),
    ],
)
def test_what_no_memory_holds_is_refused(ws, family, engine, words):
    rows = rows_of(beyond_memory(ws, engine=engine))
    with pytest.raises(BadInput, match=words):
        fit(Candidate(family), rows, np.arange(len(rows)), np.arange(4), 1)


# pyspark leaves the sockets of collected rows to the garbage collector.
@pytest.mark.filterwarnings(
    "ignore:unclosed <socket:ResourceWarning",
    "ignore:Exception ignored in.*<socket:pytest.PytestUnraisableExceptionWarning",
)
@needs_spark
def test_executors_fit_what_one_machine_would(ws):
    held = rows_of(ws)
    kept = rows_of(beyond_memory(ws, engine="spark", master="local-cluster[2,1,1024]"))
    rows, columns = np.arange(100, len(held)), np.array([0, 2])
    candidate = Candidate("xgboost", {"rounds": 40})
    wanted, found = (
        fit(candidate, data, rows, columns, 1).log_odds(held.matrix[:, columns])
        for data in (held, kept)
    )
    assert np.corrcoef(wanted, found)[0, 1] > 0.99
    assert abs(wanted.mean() - found.mean()) < 0.05


def test_columns_are_chosen_by_the_rows_that_memory_holds(ws, monkeypatch):
    rows = rows_of(beyond_memory(ws, training_memory="0.02MB"))
    seen = []
    monkeypatch.setattr(
        "ml.training.crossfit.fit",
        lambda candidate, data, rows, *rest: (
            seen.append(len(rows)) or fit(candidate, data, rows, *rest)
        ),
    )
    chosen = chosen_columns(rows, np.arange(len(rows)), 2, 1)
    assert [rows.features[i].name for i in chosen] == ["spend_sum__1m", "spend_days_since__all"]
    assert max(seen) <= 20_000 // (4 * 4 * 2) < len(rows)


def test_columns_are_chosen_by_all_positives_of_a_rare_target(ws):
    rows = labelled_rows(beyond_memory(ws, training_memory="0.02MB"), target(ws, "rare"))
    chosen = in_memory_rows(rows, np.arange(len(rows)), np.arange(4))
    assert 300 < len(chosen) <= 625
    assert rows.labels[chosen].sum() == rows.positives == 15


def test_a_family_is_refused_before_its_folds_are_fitted(ws, monkeypatch):
    """The folds would fit; all rows do not."""
    ws = beyond_memory(ws, training_memory="0.045MB")
    monkeypatch.setattr("ml.lake.training.in_memory", partial(passing, ws.home / "lake"))
    monkeypatch.setattr("ml.training.crossfit.fit", None)
    with pytest.raises(BadInput, match="lightgbm is fitted in memory"):
        train(ws, target(ws, TARGET), Plan(families=("lightgbm",)))


def test_half_of_the_memory_is_enough_by_default(ws):
    assert training_room(ws).most_bytes == machine_memory() // 2
    room = training_room(beyond_memory(ws, training_memory="1.5 GiB"))
    assert room.most_bytes == 3 * 2**29
    assert TrainingRoom(None).matrix((2, 3)).shape == (2, 3)
