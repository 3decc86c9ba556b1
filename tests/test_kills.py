"""A publisher may be killed at any moment: readers see one whole month, the next gets through."""

import pytest

from ml.workspace.settings import feature_repo
from tests.benchmarks.kills import besiege, make_place
from tests.online_stores import STORES, redis, repository

__all__ = ["redis"]


@pytest.mark.parametrize("name", STORES)
def test_killed_publishers_leave_one_whole_month(name, tmp_path, monkeypatch, request):
    settings = feature_repo()
    if name == "redis":
        settings = repository(tmp_path, request.getfixturevalue("redis").settings)
    monkeypatch.setenv("FEATURE_REPO_DIR_ENV_VAR", str(settings))
    found = besiege(make_place(tmp_path / "ws", settings), kills=8)
    assert found.wrong == []
    assert found.reads > 8
