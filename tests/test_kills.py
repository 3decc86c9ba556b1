"""A publisher may be killed at any moment: readers see one whole month, the next gets through."""

import pytest

from ml.store import retrieval as training
from tests.benchmarks.kills import besiege, make_place
from tests.online_stores import STORES, redis, repository

__all__ = ["redis"]


@pytest.mark.parametrize("name", STORES)
def test_killed_publishers_leave_one_whole_month(name, tmp_path, monkeypatch, request):
    settings = training.FEATURE_REPO
    if name == "redis":
        settings = repository(tmp_path, request.getfixturevalue("redis").settings)
    monkeypatch.setattr(training, "FEATURE_REPO", settings)
    found = besiege(make_place(tmp_path / "ws", settings), kills=8)
    assert found.wrong == []
    assert found.reads > 8
