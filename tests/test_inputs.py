"""A model's input in the warehouse is what Feast's retrieval gives, at every moment."""

import duckdb
import numpy as np
import pytest

from ml import store
from ml.data.feature import Feature
from ml.data.training_set import matrix_of
from ml.store import rows_at
from tests.small_workspace import change, make_workspace, register

# By turns from a family of columns, from vectors of a source whose records come ten days late, and
# from rows that live for two months.
READ = (
    ("trx_count__1m", "trx"),
    ("geo_two__1m", "geo"),
    ("spend_sum__1m", "spend"),
    ("geo_one__1m", "geo"),
    ("trx_amount_sum__1m", "trx"),
)
WHOLE = "select * from (from inputs.purchase_any order by all)"
ROWS = """
    select 'c' || c as customer_id, (date '2022-01-01' + to_months(m::int))::date as feature_month,
        (date '2022-02-01' + to_months(m::int) + to_days({lag}))::timestamp as event_timestamp,
        hash(c, m, {seed}) as h
    from range(20) c(c), range(6) m(m) where hash(c, m, {seed}, 1) % 10 < {tenths}
"""


def fill(ws, seed):
    rows = {
        name: ROWS.format(lag=lag, tenths=tenths, seed=seed + number)
        for number, (name, lag, tenths) in enumerate(
            [("trx", 0, 6), ("geo", 10, 7), ("spend", 0, 4), ("spine", 0, 10)]
        )
    }
    change(
        ws,
        "drop table features.ftr_geo",
        f"""create or replace table features.ftr_trx as select * exclude (h),
            case h % 5 when 0 then null when 1 then 'inf'::double when 2 then 1e300
                else h::double end as trx_amount_sum__1m,
            (h % 1000)::integer as trx_count__1m from ({rows["trx"]})""",
        f"""create table features.ftr_geo__vectors as select * exclude (h), 1 as month_version,
            [(h % 97)::float, if(h % 3 = 0, 'nan'::float, (h % 89)::float)]::float[2] as vector
            from ({rows["geo"]})""",
        """create view features.ftr_geo as
            select customer_id, feature_month, event_timestamp,
                nullif(vector[1], 'nan'::float) as geo_one__1m,
                nullif(vector[2], 'nan'::float) as geo_two__1m, month_version
            from features.ftr_geo__vectors""",
        f"""create or replace table features.ftr_spend as
            select * exclude (h), h % 7 > 2 as spend_sum__1m from ({rows["spend"]})""",
        f"""create or replace table intermediate.int_customer_months as
            select * exclude (h), true as is_complete from ({rows["spine"]})""",
    )


def show_as_views(ws):
    """Have relations be views over stored rows, as a lake's warehouse shows them."""
    for name in ("ftr_trx", "ftr_geo__vectors", "ftr_spend"):
        change(
            ws,
            f"create table features.stored_{name} as from features.{name}",
            f"drop table features.{name}",
            f"create view features.{name} as from features.stored_{name}",
        )


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("are_views", [False, True])
def test_an_input_is_what_feast_retrieves_at_every_moment(tmp_path, seed, are_views):
    ws = make_workspace(tmp_path)
    fill(ws, seed)
    if are_views:
        show_as_views(ws)
    register(ws)
    kinds = {each.name: str(each.dtype) for each in store.feature_names(ws, "purchase_any")}
    features = [Feature(name, kinds[name], family) for name, family in READ]
    store.define_input(ws, store.ModelInput.of("purchase_any", "first", features))
    with duckdb.connect(str(ws.warehouse), read_only=True) as connection:
        rows = connection.execute(WHOLE).fetchnumpy()
        moments = np.unique(rows["event_timestamp"])
        for moment in moments:
            connection.execute("set variable moment = ?", [moment.item()])
            of_moment = connection.execute(f"{WHOLE} where event_timestamp = ?", [moment.item()])
            alone = np.stack(of_moment.fetchnumpy()["vector"])
            whole = np.stack(rows["vector"][rows["event_timestamp"] == moment])
            np.testing.assert_array_equal(alone, whole)
    assert len(moments) == 12
    assert len(rows["customer_id"]) == 12 * 20
    for moment in moments:
        here = rows["event_timestamp"] == moment
        customers = rows["customer_id"][here].astype(str)
        asked = rows_at(customers, moment.item())
        table = store.training_set(ws, [name for name, _ in READ], asked)
        given = np.stack(rows["vector"][here])
        given[np.isinf(given)] = np.nan
        expected = matrix_of(table, features)
        np.testing.assert_array_equal(given, expected)
        # What was known and has expired is among it.
        assert np.isnan(expected).any()
