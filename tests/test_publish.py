"""Publishing: a file that says what is in it, swapped in whole; what did not change is kept."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import date, datetime

import duckdb
import pytest

from ml.serving.publish import publish
from ml.workspace.errors import AlmanacError
from ml.workspace.warehouse import open_warehouse
from tests.learnable import ws

__all__ = ["ws"]

SCORES = """
    create table marts.fct_scores (
        customer_id varchar not null, target varchar, as_of timestamp not null, score double,
        reasons varchar[], primary key (customer_id, target)
    );
    insert into marts.fct_scores values
        ('a', 'activity', timestamp '2023-06-01', 0.5, ['Spends less', 'Was here long ago']),
        ('b', 'activity', timestamp '2023-06-01', 0.1, null);
"""


@pytest.fixture
def scored(ws):
    """The workspace with a mart of scores, of which its manifest has words."""
    change(ws, SCORES)
    manifest = json.loads(ws.manifest.read_text(encoding="utf-8"))
    manifest["nodes"]["model.almanac.fct_scores"] = {
        "unique_id": "model.almanac.fct_scores",
        "resource_type": "model",
        "schema": "marts",
        "alias": "fct_scores",
        "description": "The newest score of\nevery customer's target.",
        "raw_code": "-- one row a customer and target: the newest; key: customer_id\nselect",
        "columns": {"score": {"description": "Probability, 0 to 1."}},
        "config": {"meta": {}},
    }
    ws.manifest.write_text(json.dumps(manifest), encoding="utf-8")
    return ws


def asked_for(ws, *tables: str, **settings: object):
    """The workspace with tables that workspace.yml asks for, and other settings."""
    return replace(ws, settings={"publish": {"tables": list(tables)}, **settings})


def change(ws, sql: str) -> None:
    with open_warehouse(ws.warehouse, read_only=False) as connection:
        connection.execute(sql)


def published(ws, sql: str) -> list[tuple]:
    with duckdb.connect(str(ws.published), read_only=True) as reader:
        return reader.execute(sql).fetchall()


def copied(ws) -> set[str]:
    done = publish(ws)
    return set(done.tables) - set(done.kept)


def test_publishing_swaps_a_whole_copy_in_and_readers_go_on(ws):
    ws = asked_for(ws, "marts", "features")
    first = publish(ws)
    assert first.tables["features.ftr_spend"] == 2400
    with duckdb.connect(str(ws.published), read_only=True) as reader:
        change(ws, "create view marts.spenders as from features.ftr_spend limit 5")
        assert publish(ws).tables["marts.spenders"] == 5
        assert reader.execute("select count(*) from features.ftr_spend").fetchone() == (2400,)
    kind = "select table_type from information_schema.tables where table_name = 'spenders'"
    assert published(ws, kind) == [("BASE TABLE",)]
    assert [p.name for p in ws.home.iterdir() if p.name.startswith(".")] == []


def test_the_file_says_what_is_in_it(scored):
    publish(scored)
    says = "select name, rows, one_row, key, description from readme where name like '%fct%'"
    assert published(scored, says) == [
        (
            "marts.fct_scores",
            2,
            "customer and target: the newest",
            "customer_id, target",
            "The newest score of every customer's target.",
        )
    ]
    of_it = "from duckdb_columns() where table_name = 'fct_scores' and"
    assert published(scored, f"select comment {of_it} column_name = 'score'") == [
        ("Probability, 0 to 1.",)
    ]
    filled = published(scored, f"select column_name {of_it} not is_nullable order by all")
    assert filled == [("as_of",), ("as_of_date",), ("customer_id",), ("target",)]
    assert published(
        scored, "select comment from duckdb_tables() where table_name = 'fct_scores'"
    ) == [("The newest score of every customer's target.",)]


def test_a_date_stands_beside_a_time_and_a_text_beside_an_array(scored):
    publish(scored)
    rows = published(
        scored, "select as_of, as_of_date, reasons, reasons_text from marts.fct_scores order by all"
    )
    moment, day = datetime(2023, 6, 1), date(2023, 6, 1)
    reasons = ["Spends less", "Was here long ago"]
    assert rows == [
        (moment, day, reasons, "Spends less; Was here long ago"),
        (moment, day, None, None),
    ]


def test_keys_are_enforced_only_where_asked_for(scored):
    # DuckDB 1.0 cannot open a file with an index that DuckDB 2.0 wrote.
    keys = "select table_name from duckdb_constraints() where constraint_type = 'PRIMARY KEY'"
    publish(scored)
    assert published(scored, keys) == []
    publish(replace(scored, settings={"publish": {"primary_keys": True}}))
    assert published(scored, keys) == [("fct_scores",), ("scores",)]


def test_values_of_a_wide_family_are_published_once_by_name(ws):
    ws = asked_for(ws, "marts", "ftr_wide")
    change(
        ws,
        "create table features.ftr_wide__vectors as "
        "select customer_id, [1.5, 2.5]::float[2] as vector, 1 as month_version "
        "from features.ftr_spend limit 3;"
        "create view features.ftr_wide as select customer_id, vector[1] as wide_a, "
        "vector[2] as wide_b, month_version from features.ftr_wide__vectors",
    )
    assert set(publish(ws).tables) == {"marts.dim_features", "features.ftr_wide"}
    columns = "select wide_a, wide_b from features.ftr_wide"
    assert published(ws, columns) == [(1.5, 2.5)] * 3
    assert not published(ws, "from duckdb_columns() where column_name = 'month_version'")
    change(ws, "update features.ftr_wide__vectors set vector = [2.5, 1.5]::float[2]")
    assert copied(ws) == {"features.ftr_wide"}
    assert published(ws, columns) == [(2.5, 1.5)] * 3


@pytest.mark.parametrize(
    ("sql", "changed"),
    [
        ("select 1", set()),
        (
            "create or replace table marts.fct_scores as from marts.fct_scores order by score; "
            "alter table marts.fct_scores alter as_of set not null; "
            "alter table marts.fct_scores add primary key (customer_id, target)",
            set(),
        ),
        ("update marts.fct_scores set score = 0.6 where customer_id = 'a'", {"marts.fct_scores"}),
        ("update marts.fct_scores set reasons = reasons[1:1]", {"marts.fct_scores"}),
        ("delete from targets.tgt_rare where customer_id = 'c000'", {"targets.tgt_rare"}),
        ("alter table targets.tgt_rare rename label to answer", {"targets.tgt_rare"}),
    ],
)
def test_what_changed_is_copied_and_the_rest_kept(scored, sql, changed):
    publish(scored)
    change(scored, sql)
    assert copied(scored) == changed
    for table in ("marts.fct_scores", "targets.tgt_rare", "targets.tgt_activity"):
        with open_warehouse(scored.warehouse) as warehouse:
            rows = warehouse.execute(f"from {table} order by all").fetchall()
        derived = "as_of_date, reasons_text" if table == "marts.fct_scores" else "event_date"
        assert published(scored, f"select * exclude ({derived}) from {table} order by all") == rows
    assert copied(scored) == set()


def test_new_words_are_told_and_the_other_tables_kept(scored):
    publish(scored)
    text = scored.manifest.read_text(encoding="utf-8")
    scored.manifest.write_text(text.replace("Probability", "Chance"), encoding="utf-8")
    assert copied(scored) == {"marts.fct_scores"}
    text = scored.manifest.read_text(encoding="utf-8")
    scored.manifest.write_text(text.replace("one row a customer", "one row a person"), "utf-8")
    assert copied(scored) == {"marts.fct_scores"}
    comment = "select comment from duckdb_columns() where column_name = 'score'"
    assert ("Chance, 0 to 1.",) in published(scored, comment)


def test_rows_that_are_published_no_more_are_not_left_in_the_file(scored):
    change(scored, "insert into marts.fct_scores values ('erased_one', 't', now(), 0, null)")
    publish(scored)
    assert b"erased_one" in scored.published.read_bytes()
    change(scored, "delete from marts.fct_scores where customer_id = 'erased_one'")
    publish(scored, anew=True)
    assert b"erased_one" not in scored.published.read_bytes()
    publish(scored)
    assert "marts.fct_scores" not in publish(asked_for(scored, "targets", "dim_features")).tables
    assert b"Was here long ago" not in scored.published.read_bytes()


def test_what_another_process_wrote_and_left_is_not_in_the_new_file(scored):
    publish(scored)
    writer = """
import os, sys, duckdb
open_file = duckdb.connect(sys.argv[1])
open_file.execute("create table main.mine as select 'erased_one' as id")
os._exit(9)
"""
    subprocess.run([sys.executable, "-c", writer, str(scored.published)], check=False)
    log = scored.published.with_name(f"{scored.published.name}.wal")
    assert b"erased_one" in log.read_bytes()
    publish(scored)
    assert not log.exists()
    assert published(scored, "from duckdb_tables() where table_name = 'mine'") == []


def test_a_file_that_would_be_half_empty_is_written_anew(ws):
    change(ws, "create table marts.large as select hash(range) as h from range(600000)")
    before = publish(ws).size
    change(ws, "delete from marts.large where h % 100 > 0")
    after = publish(ws)
    assert after.size < before / 3
    assert after.kept == ()


def test_another_key_hashes_all_ids_anew(scored):
    for secret in ("0" * 16, "1" * 16):
        (scored.home / "ids.key").write_text(secret, encoding="utf-8")
        hidden = replace(scored, settings={"published_id_key": "ids.key"})
        assert copied(hidden) >= {"marts.dim_features", "marts.fct_scores"}
        assert copied(hidden) == set()
        ids = published(hidden, "select customer_id from marts.fct_scores")
        assert {len(each) for (each,) in ids} == {64}


def test_by_default_all_but_features_is_published(ws):
    done = publish(ws)
    assert {name.split(".")[0] for name in done.tables} == {"marts", "scores", "targets"}
    assert done.left_out == ("features.ftr_spend",)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"tables": ["marts", "ftr_spent"]},
            r"tables: .* `ftr_spent` \(did you mean ftr_spend\?\)",
        ),
        ({"tables": []}, "tables: .*at least 1"),
        ({"table": "marts"}, "table: is not a setting"),
        ({"primary_keys": "yes"}, "primary_keys: .*'yes'"),
        ("marts", "publish must hold `name: value` lines. Known: tables, primary_keys"),
    ],
)
def test_wrong_settings_are_told(ws, settings, said):
    with pytest.raises(AlmanacError, match=said):
        publish(replace(ws, settings={"publish": settings}))


def test_rows_that_break_what_is_said_of_them_are_not_published(scored):
    publish(scored)
    manifest = json.loads(scored.manifest.read_text(encoding="utf-8"))
    manifest["nodes"]["test.almanac.not_null"] = {
        "resource_type": "test",
        "attached_node": "model.almanac.fct_scores",
        "test_metadata": {"name": "not_null", "kwargs": {"column_name": "reasons"}},
    }
    scored.manifest.write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(AlmanacError, match="dbt test --select fct_scores"):
        publish(scored)
    assert published(scored, "select count(*) from marts.fct_scores") == [(2,)]


def test_publishing_nothing_is_refused_and_leaves_the_old_copy(ws):
    publish(ws)
    change(ws, "drop schema marts cascade")
    with pytest.raises(AlmanacError, match="no marts to publish"):
        publish(ws)
    assert ws.published.exists()


def test_empty_tables_of_absent_sources_are_left_out_and_empty_marts_are_not(ws):
    change(
        ws,
        "create table features.ftr_absent (customer_id varchar);"
        "create table marts.mart_empty (customer_id varchar)",
    )
    tables = publish(asked_for(ws, "marts", "features")).tables
    assert "features.ftr_absent" not in tables
    assert tables["marts.mart_empty"] == 0
