"""Publishing: a whole copy of the marts swapped in, or none."""

import duckdb
import pytest

from ml.config import AlmanacError, Workspace
from ml.publish import publish
from ml.warehouse import open_warehouse
from tests.learnable import learnable


@pytest.fixture
def ws(tmp_path) -> Workspace:
    return learnable(tmp_path)


def test_publishing_swaps_a_whole_copy_in_and_readers_go_on(ws):
    first = publish(ws)
    assert first.tables["features.ftr_spend"] == 2400
    with duckdb.connect(str(ws.published), read_only=True) as reader:
        with open_warehouse(ws.warehouse, read_only=False) as connection:
            connection.execute("create view marts.spenders as from features.ftr_spend limit 5")
        assert publish(ws).tables["marts.spenders"] == 5
        assert reader.execute("select count(*) from features.ftr_spend").fetchone() == (2400,)
    with duckdb.connect(str(ws.published), read_only=True) as reader:
        kind = "select table_type from information_schema.tables where table_name = 'spenders'"
        assert reader.execute(kind).fetchone() == ("BASE TABLE",)
    assert [p.name for p in ws.home.iterdir() if p.name.startswith(".")] == []


def test_publishing_nothing_is_refused_and_leaves_the_old_copy(ws):
    publish(ws)
    with open_warehouse(ws.warehouse, read_only=False) as connection:
        connection.execute("drop schema marts cascade")
    with pytest.raises(AlmanacError, match="no marts to publish"):
        publish(ws)
    assert ws.published.exists()
