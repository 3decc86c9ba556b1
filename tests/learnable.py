"""A workspace with something to learn: 400 customers, six months, and a stand-in for the store.

The stand-in joins by time and customer as Feast does, so that training and scoring can be tested
without a registry; the store has tests of its own.
"""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import ml
from feature_repo.stores.retrieval import FeatureMatrix
from ml.data.feature import Feature
from ml.data.mapped import MatrixMaker, in_memory
from ml.data.training_set import matrix_of
from ml.store import rows_at
from ml.workspace.settings import Workspace
from ml.workspace.warehouse import open_warehouse

AS_OF = datetime(2023, 6, 1)
FEATURES = ["spend_sum__1m", "spend_count__1m", "spend_days_since__all", "spend_noise__1m"]


class Name(NamedTuple):
    name: str
    view: str
    dtype: pa.DataType


def node(schema: str, alias: str, **meta: object) -> dict:
    return {
        "resource_type": "model",
        "schema": schema,
        "alias": alias,
        "description": f"All about {alias}.",
        "checksum": {"name": "sha256", "checksum": alias},
        "config": {"meta": meta},
    }


class Source(NamedTuple):
    view: str
    relation: str
    timestamp: str
    ttl: timedelta


class Recipe(NamedTuple):
    sql: str
    features: list[Name]
    sources: list[Source]


TARGETS = [
    node("targets", "tgt_spend_next_month", target="spend_next_month", kind="binary",
         horizon_months=1, metric="roc_auc", validation="temporal", families=["spend"],
         baseline={"feature": "spend_days_since__all", "descending": False}),
    node("targets", "tgt_activity", target="activity", kind="binary", horizon_months=3,
         metric="roc_auc", validation="stratified", families=["spend"]),
    node("targets", "tgt_rare", target="rare", validation="temporal", families=["spend"]),
    node("targets", "tgt_absent", target="absent", validation="temporal", families=["geo"]),
    node("targets", "tgt_never_built", target="never_built", families=["geo"]),
]  # fmt: skip


def customer_months(seed: int = 3) -> pd.DataFrame:
    """One row a customer and month: features, and labels that follow from two of them."""
    rng = np.random.default_rng(seed)
    months = pd.date_range("2023-02-01", periods=6, freq="MS")
    frame = pd.MultiIndex.from_product(
        [[f"c{i:03}" for i in range(400)], months], names=["customer_id", "event_timestamp"]
    ).to_frame(index=False)
    size = len(frame)
    frame["feature_month"] = frame["event_timestamp"] - pd.DateOffset(months=1)
    frame[FEATURES] = rng.lognormal(size=(size, 4))
    frame.loc[rng.random(size) < 0.1, "spend_sum__1m"] = np.nan
    wish = np.log(frame["spend_sum__1m"].fillna(1)) - 1.2 * np.log(frame["spend_days_since__all"])
    frame["truth"] = 1 / (1 + np.exp(1 - wish))
    frame["label"] = (rng.random(size) < frame["truth"]).astype(int)
    return frame


def learnable(home: Path, frame: pd.DataFrame | None = None) -> Workspace:
    """Build the workspace from `frame` (by default `customer_months()`)."""
    frame = customer_months() if frame is None else frame
    ws = Workspace(home, home / "raw", {})
    ws.manifest.parent.mkdir(parents=True)
    nodes = [*TARGETS, node("features", "ftr_spend", family="spend", ttl_months=1)]
    manifest = {"nodes": {f"model.almanac.{n['alias']}": n for n in nodes}}
    ws.manifest.write_text(json.dumps(manifest), encoding="utf-8")
    with duckdb.connect(str(ws.warehouse)) as connection:
        connection.register("frame", frame)
        connection.execute(
            f"""
            create schema features; create schema targets; create schema intermediate;
            create schema marts; create schema scores;
            create table scores.scores (
                customer_id varchar not null, target varchar, model_id varchar, as_of timestamp,
                score double, percentile double, scored_from varchar, reasons varchar[],
                primary key (customer_id, target, model_id, as_of)
            );
            create table features.ftr_spend as
            select customer_id, feature_month::date as feature_month,
                event_timestamp::timestamp as event_timestamp, {", ".join(FEATURES)}
            from frame;
            create table intermediate.int_customer_months as
            select customer_id, feature_month, event_timestamp,
                feature_month < date '2023-06-01' as is_complete
            from features.ftr_spend;
            create table targets.tgt_spend_next_month as
            select customer_id, event_timestamp::timestamp as event_timestamp,
                label::integer as label
            from frame where event_timestamp < '2023-07-01'
            union all select 'stranger', timestamp '2023-03-01', 1;
            create table targets.tgt_activity as
            from targets.tgt_spend_next_month where event_timestamp = '2023-03-01';
            create table targets.tgt_rare as
            select * replace ((customer_id < 'c003')::integer as label)
            from targets.tgt_spend_next_month;
            create table targets.tgt_absent as from targets.tgt_activity limit 0;
            create table marts.dim_features as
            select 'spend_sum__1m' as name, 'Money spent in the month.' as description;
            """
        )
    return ws


class FakeStore(ModuleType):
    """Stands in for `ml.store`: the features of the same instant, from the warehouse."""

    def feature_names(self, ws: Workspace, service: str) -> list[Name]:
        return [Name(name, "spend", pa.float64()) for name in FEATURES]

    def training_recipe(self, ws: Workspace, target: str, entities: str) -> Recipe:
        source = Source("spend", '"features"."ftr_spend"', "event_timestamp", timedelta(days=32))
        return Recipe("select the same month", self.feature_names(ws, target), [source])

    def training_set(self, ws: Workspace, target: str, entities: pa.Table | str) -> pa.Table:
        with duckdb.connect(str(ws.warehouse), read_only=True) as connection:
            if isinstance(entities, str):
                entities = connection.sql(entities).to_arrow_table()
            connection.register(
                "entities", entities.append_column("row", pa.array(range(len(entities))))
            )
            return connection.sql(
                f"select e.* exclude (row), {', '.join(FEATURES)} from entities as e "
                "left join features.ftr_spend as f using (customer_id, event_timestamp)"
                "order by e.row"
            ).to_arrow_table()

    def training_matrix(
        self,
        ws: Workspace,
        target: str,
        entities: pa.Table | str,
        make: MatrixMaker = in_memory,
    ) -> FeatureMatrix:
        table = self.training_set(ws, target, entities)
        values = make((table.num_rows, len(FEATURES)))
        for position, name in enumerate(FEATURES):
            values[:, position] = table[name].to_numpy()
        types = {name: table.schema.field(name).type for name in FEATURES}
        return FeatureMatrix(table.drop_columns(FEATURES), types, values)

    def training_matrices(
        self, ws: Workspace, target: str, entities: pa.Table, rows: int
    ) -> Iterator[FeatureMatrix]:
        for start in range(0, len(entities), rows):
            yield self.training_matrix(ws, target, entities.slice(start, rows))

    def applied(
        self,
        ws: Workspace,
        target: str,
        entities: pa.Table,
        rows: int,
        call: Callable[[FeatureMatrix], pa.Table],
    ) -> Iterator[pa.Table]:
        return map(call, self.training_matrices(ws, target, entities, rows))

    rows_at = staticmethod(rows_at)
    ModelInput = SimpleNamespace(of=lambda *card: card)

    def define_input(self, ws: Workspace, wanted: tuple) -> None:
        self.defined = wanted[1]

    def input_reader(self, ws: Workspace, wanted: tuple) -> "FakeReader":
        return FakeReader(self, ws, tuple(wanted[2]))


@dataclass
class FakeReader:
    """Reads online what the fake store gives offline; published is the newest complete month."""

    store: FakeStore
    ws: Workspace
    features: tuple[Feature, ...]

    def read(self, customers: list[str], at: datetime = AS_OF) -> SimpleNamespace:
        table = self.store.training_set(self.ws, "", rows_at(customers, at))
        return SimpleNamespace(matrix=matrix_of(table, self.features), moment=at)


@pytest.fixture
def fake_store(monkeypatch: pytest.MonkeyPatch) -> FakeStore:
    store = FakeStore("ml.store")
    monkeypatch.setitem(sys.modules, "ml.store", store)
    monkeypatch.setattr(ml, "store", store, raising=False)
    return store


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    return learnable(tmp_path)


def scores(ws: Workspace) -> list[tuple[Any, ...]]:
    """Return all rows of the scores."""
    with open_warehouse(ws.warehouse) as connection:
        return connection.execute("from scores.scores order by all").fetchall()
