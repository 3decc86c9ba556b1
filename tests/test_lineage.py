"""A feature is followed through SQL to its raw columns."""

import duckdb
import pytest

from ml.features.catalogue.lineage import columns_read, lineage
from ml.features.catalogue.lookup import CatalogueFeature, read_features, search
from ml.features.catalogue.queries import parse
from ml.workspace.errors import AlmanacError
from ml.workspace.settings import Workspace
from tests.company_fixtures import ws

__all__ = ["ws"]


def some(ws: Workspace, pattern: str) -> CatalogueFeature:
    return search(read_features(ws), pattern, None)[0]


def test_a_grid_feature_is_followed_to_its_raw_columns(ws):
    found = some(ws, "trx_amount_sum__event_type_[0-9]*__3m")
    steps = lineage(ws, found.relation, found.name)
    assert [step.layer for step in steps] == ["feature", "intermediate", "staging", "landed"]
    assert steps[0].expressions[0].name == found.name
    assert len(steps[0].expressions) > 1, "the window's part"
    assert "amount" in " ".join(each.sql for each in steps[1].expressions)
    assert steps[2].relation == "staging.stg_mbd__trx"
    assert steps[3].relation == "landed.mbd__trx"
    assert set(steps[3].columns) >= {"amount", "event_type"}
    assert steps[3].files == ("detail/trx/fold=*/*.parquet",)


def test_a_ratio_of_counts_reads_rows_of_its_source(ws):
    steps = lineage(ws, "features.ftr_geo", "geo_event_ratio__1m_over_6m")
    below = ["intermediate.int_mbd_geo_cells", "staging.stg_mbd__geo", "landed.mbd__geo"]
    assert [step.relation for step in steps[2:]] == below
    assert "nullif" in steps[0].expressions[0].sql
    assert {each.name for each in steps[0].expressions} >= {"event__count__1m", "event__count__6m"}


def test_a_narrow_feature_is_followed_through_ordinary_sql(ws):
    steps = lineage(ws, "features.ftr_market", "market_revenue_ratio__1m_over_lag_1")
    assert steps[-1].columns == ("Выручка",)
    assert steps[-1].files == ("market_money.csv",)
    assert "Выручка" in steps[-2].expressions[0].sql
    session = lineage(
        ws, "features.ftr_session", "session_segment_last__behaviour_high_engagement__1m"
    )
    assert set(session[-1].columns) == {"time_spent", "pages_viewed"}


def test_every_feature_leads_to_a_landed_table(ws):
    families = {each.family: each for each in read_features(ws)}
    for last in families.values():
        steps = lineage(ws, last.relation, last.name)
        assert steps[0].layer == "feature", last.name
        assert steps[-1].layer == "landed", last.name
        assert steps[-1].files, last.name


FREE_SQL = """
with bills as (select * exclude (note), amount * 2 as doubled from landed.bills as b),
notes as (select id, note from landed.notes),
every as (
    select doubled as value, day from bills
    union all
    select length(note) as value, null as day from notes
),
ranked as (
    select every.*, sum(value) over (partition by day order by value) as running from every
)
select
    "running" / 2 as half,
    half + 1 as more,
    (select max(c.value) from seeds.codes as c where c.code = ranked.day) as coded,
    count(*) as rows_seen,
    1 as one,
    'ж' || cast(running as varchar) as said,
    (2.5 * running - 1) / (running + (1)) as slope
from ranked
"""


@pytest.mark.parametrize(
    ("column", "columns"),
    [
        ("half", {("landed.bills", "amount"), ("landed.notes", "note")}),
        ("MORE", {("landed.bills", "amount"), ("landed.notes", "note")}),
        ("coded", {("landed.bills", "day")}),
        ("rows_seen", {("landed.bills", "*"), ("landed.notes", "*")}),
        ("one", set()),
        ("said", {("landed.bills", "amount"), ("landed.notes", "note")}),
        ("slope", {("landed.bills", "amount"), ("landed.notes", "note")}),
        ("absent", set()),
    ],
)
def test_columns_of_free_sql_are_found(column, columns):
    tables = {"landed.bills": ["Amount", "day", "note"], "landed.notes": ["id", "note"]}
    with duckdb.connect() as connection:
        assert set(columns_read(parse(connection, FREE_SQL), column, tables)) == columns


def test_the_text_of_a_column_is_whole():
    with duckdb.connect() as connection:
        items = parse(connection, FREE_SQL).selects[0].named
    assert items["half"].text == '"running" / 2'
    assert items["said"].text == "'ж' || cast(running as varchar)"
    assert items["slope"].text == "(2.5 * running - 1) / (running + (1))"
    assert items["coded"].text.endswith("c.code = ranked.day)")


def test_sql_that_cannot_be_read_is_an_error():
    with duckdb.connect() as connection, pytest.raises(AlmanacError, match="dbt compile"):
        parse(connection, "select from where")
