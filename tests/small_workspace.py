"""A workspace made by hand: two families with rows, one without, two targets, one without rows."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from feature_repo.build import feast_objects
from ml import store
from ml.data.feature import Feature
from ml.models import FAMILIES as MODELS
from ml.registry import artifact, history
from ml.workspace.settings import Workspace
from tests.cards import card

FEATURES = [
    ("trx_amount_sum__1m", "Sum of amounts in the last month."),
    ("trx_count__1m", "Number of transactions in the last month."),
    ("geo_count__1m", "Number of positions in the last month."),
    ("spend_sum__1m", "Money spent in the last month."),
]


def make_workspace(home: Path) -> Workspace:
    """Return a workspace in `home` with a warehouse and a manifest; nothing is registered."""
    home.mkdir(parents=True, exist_ok=True)
    ws = Workspace(home, home / "raw", {})
    with duckdb.connect(str(ws.warehouse)) as connection:
        fill_warehouse(connection)
    ws.manifest.parent.mkdir(exist_ok=True)
    write_manifest(ws, [*FAMILIES, *TARGETS])
    return ws


def copied(ws: Workspace, home: Path) -> Workspace:
    """Return the workspace once more, in `home`, to be changed."""
    shutil.copytree(ws.home, home)
    return Workspace(home, home / "raw", {})


# In an order of the model's own, and two families by turns.
READ = (("trx_count__1m", "trx"), ("geo_count__1m", "geo"), ("trx_amount_sum__1m", "trx"))


def crown(
    ws: Workspace,
    read: Sequence[tuple[str, str]] = READ,
    name: str = "first",
    kind: str = "double",
) -> None:
    """Register what is there, make a model that reads these features champion, register its input.

    It scores purchase_any, by chance.
    """
    features = [Feature(each, kind, view) for each, view in read]
    about = card(target="purchase_any", model_id=name, family="logistic", features=features)
    matrix = np.random.default_rng(1).normal(size=(40, len(read))).astype(np.float32)
    labels = (matrix[:, 0] > 0).astype(np.int8)
    model = MODELS["logistic"].fit(matrix, labels, np.ones(40), 7)
    records = {artifact.IMPORTANCE: [], artifact.DATASET: {}}
    folder = artifact.save(ws, about, model, pa.table({"customer_id": ["a"]}), records)
    history.add(folder.parent, history.Event("promoted", name))
    register(ws)
    store.define_input(ws, store.ModelInput.of("purchase_any", name, features))
    register(ws)


def register(ws: Workspace) -> None:
    """What `feast apply` does."""
    store.feature_store(ws).apply(feast_objects(ws))


def change(ws: Workspace, *statements: str) -> None:
    """Run statements in the warehouse."""
    with duckdb.connect(str(ws.warehouse)) as connection:
        for statement in statements:
            connection.execute(statement)


def write_manifest(ws: Workspace, nodes: list[dict[str, Any]]) -> None:
    content = {"nodes": {f"model.almanac.{node['alias']}": node for node in nodes}, "sources": {}}
    ws.manifest.write_text(json.dumps(content), encoding="utf-8")


def node(schema: str, alias: str, **meta: Any) -> dict[str, Any]:
    return {
        "resource_type": "model",
        "schema": schema,
        "alias": alias,
        "description": f"All about {alias}.",
        "config": {"meta": meta},
    }


FAMILIES = [
    node("features", "ftr_trx", family="trx", ttl_months=1, online=True),
    node("features", "ftr_geo", family="geo", ttl_months=2, online=True),
    node("features", "ftr_spend", family="spend"),
    node("intermediate", "int_customer_months"),
]
TARGETS = [
    node("targets", "tgt_purchase_any", target="purchase_any", families=["trx", "geo", "spend"]),
    node("targets", "tgt_spend_decline", target="spend_decline", families=["spend"]),
    node("targets", "tgt_empty", target="empty", families=["trx"]),
]


def fill_warehouse(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        """
        create schema features;
        create schema targets;
        create schema marts;
        create schema intermediate;
        create table intermediate.int_customer_months as
        select * from (values ('a'), ('b'), ('c'), ('d')) t (customer_id), (values
            (date '2022-11-01', timestamp '2022-12-01', true),
            (date '2022-12-01', timestamp '2023-01-01', true),
            (date '2023-01-01', timestamp '2023-02-01', true)
        ) m (feature_month, event_timestamp, is_complete);
        create table features.ftr_trx as
        select * from (values
            ('a', date '2022-11-01', timestamp '2022-12-01', 10.5::double, 3::double),
            ('a', date '2022-12-01', timestamp '2023-01-01', 20.5, null),
            ('a', date '2023-01-01', timestamp '2023-02-01', 30.5, 5),
            ('b', date '2022-11-01', timestamp '2022-12-01', 40.5, 7)
        ) t (customer_id, feature_month, event_timestamp, trx_amount_sum__1m, trx_count__1m);
        create table features.ftr_geo as
        select * from (values
            ('a', date '2022-12-01', timestamp '2023-01-01', 100::double),
            ('c', date '2022-12-01', timestamp '2023-01-01', 300)
        ) t (customer_id, feature_month, event_timestamp, geo_count__1m);
        create table features.ftr_spend (
            customer_id varchar, feature_month date, event_timestamp timestamp, spend_sum__1m double
        );
        create table targets.tgt_purchase_any as
        select * from (values
            ('b', timestamp '2023-01-01', 1), ('a', timestamp '2023-01-01', 0),
            ('a', timestamp '2023-02-01', 1), ('c', timestamp '2022-12-01', 0)
        ) t (customer_id, event_timestamp, label);
        create table targets.tgt_spend_decline as from targets.tgt_purchase_any limit 2;
        create table targets.tgt_empty as from targets.tgt_purchase_any limit 0;
        create table marts.dim_features (name varchar, description varchar);
        """
    )
    connection.executemany("insert into marts.dim_features values (?, ?)", FEATURES)
