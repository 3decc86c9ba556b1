"""Publishing: a whole copy of the marts swapped in, or none."""

import duckdb
import pytest

from ml.serving.publish import publish
from ml.workspace.errors import AlmanacError
from ml.workspace.warehouse import open_warehouse
from tests.learnable import ws

__all__ = ["ws"]


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


def test_values_of_a_wide_family_are_published_once_by_name(ws):
    with open_warehouse(ws.warehouse, read_only=False) as connection:
        connection.execute(
            "create table features.ftr_wide__vectors as "
            "select customer_id, [1.5, 2.5]::float[2] as vector from features.ftr_spend limit 3;"
            "create view features.ftr_wide as select customer_id, vector[1] as wide_a, "
            "vector[2] as wide_b from features.ftr_wide__vectors"
        )
    tables = publish(ws).tables
    assert "features.ftr_wide__vectors" not in tables
    with duckdb.connect(str(ws.published), read_only=True) as reader:
        found = reader.execute("select wide_a, wide_b from features.ftr_wide").fetchall()
    assert found == [(1.5, 2.5)] * 3


def test_publishing_nothing_is_refused_and_leaves_the_old_copy(ws):
    publish(ws)
    with open_warehouse(ws.warehouse, read_only=False) as connection:
        connection.execute("drop schema marts cascade")
    with pytest.raises(AlmanacError, match="no marts to publish"):
        publish(ws)
    assert ws.published.exists()


def test_empty_tables_of_absent_sources_are_left_out_and_empty_marts_are_not(ws):
    with duckdb.connect(str(ws.warehouse)) as connection:
        connection.execute("create table features.ftr_absent (customer_id varchar)")
        connection.execute("create table marts.mart_empty (customer_id varchar)")
    tables = publish(ws).tables
    assert "features.ftr_absent" not in tables
    assert tables["marts.mart_empty"] == 0
