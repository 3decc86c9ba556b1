"""Reading dbt's manifest, which dbt writes in place."""

import threading
import time

import pytest

from ml.workspace.errors import NotBuilt
from ml.workspace.manifest import read_manifest
from ml.workspace.settings import Workspace

WHOLE = '{"nodes": {"model.a": {}}}'


@pytest.fixture
def ws(tmp_path) -> Workspace:
    (tmp_path / "target").mkdir()
    return Workspace(tmp_path, tmp_path / "raw", {})


def test_a_manifest_that_is_being_written_is_waited_for(ws):
    ws.manifest.write_text(WHOLE[:9], encoding="utf-8")
    writer = threading.Timer(0.5, ws.manifest.write_text, (WHOLE,), {"encoding": "utf-8"})
    writer.start()
    assert read_manifest(ws)["nodes"] == {"model.a": {}}
    writer.join()


def test_half_a_manifest_that_stays_so_is_told(ws):
    ws.manifest.write_text(WHOLE[:9], encoding="utf-8")
    began = time.monotonic()
    with pytest.raises(NotBuilt, match=r"is not a dbt manifest(.|\n)*dbt build"):
        read_manifest(ws)
    assert time.monotonic() - began < 20
