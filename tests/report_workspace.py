"""Workspaces for the report's tests, made by hand: rows of made-up targets, marts, manifest."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import lightgbm
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ml.models import LightGBM
from ml.models.importance import TOP_FEATURES
from ml.pages.report import write_report
from ml.registry import artifact, history
from ml.training.leaderboard import BASELINE, NOTHING
from ml.workspace.settings import Workspace
from tests.cards import card


@dataclass(frozen=True)
class TargetRows:
    """Rows of a made-up target: labels, true and predicted probabilities, baseline values."""

    customers: list[str]
    months: list[datetime]
    label: np.ndarray
    probability: np.ndarray
    baseline: np.ndarray
    truth: np.ndarray
    part: list[str]


def made(name: str, rows: int = 1500, rate: float = 0.08, tested: bool = True) -> TargetRows:
    rng = np.random.default_rng(len(name))
    risk = rng.normal(size=rows)
    truth = 1 / (1 + np.exp(-(1.4 * risk + np.log(rate / (1 - rate)) - 0.6)))
    label = (rng.random(rows) < truth).astype(int)
    predicted = 1 / (
        1 + np.exp(-(1.2 * risk + rng.normal(0, 0.7, rows) + np.log(rate / (1 - rate))))
    )
    baseline = np.round(risk + rng.normal(0, 1.5, rows))
    newest = np.arange(rows) >= rows // 2
    part = ["test" if tested and last else "cv" for last in newest]
    months = [
        datetime(2024, 3 if last or not tested else 1 + number % 2, 1)
        for number, last in enumerate(newest)
    ]
    customers = [f"c{number:05d}" for number in range(rows)]
    return TargetRows(customers, months, label, predicted, baseline, truth, part)


def comparison_entry(name: str, value: float, *, chosen: bool = False) -> dict[str, Any]:
    """An entry of a card's comparison; the chosen model reaches 0.8."""
    gain = 0.8 - value
    return {
        "name": name,
        "chosen": chosen,
        "roc_auc": value,
        "roc_auc_interval": [value - 0.02, value + 0.02],
        "gain": gain,
        "gain_interval": [gain - 0.01, gain + 0.01] if gain else [0.0, 0.0],
        "pr_auc": 0.2,
        "brier": None if name == BASELINE else 0.1,
    }


COMPARISON = [
    comparison_entry("lightgbm", 0.8, chosen=True),
    comparison_entry("logistic", 0.78),
    comparison_entry(BASELINE, 0.7),
    comparison_entry(NOTHING, 0.5),
]


def contributions(names: list[str], rows: int = 1000) -> pa.Table:
    """Contributions of a thousand values of each feature; every fifth of the second is missing."""
    rng = np.random.default_rng(2)
    value = rng.normal(size=(len(names), rows))
    added = value * rng.uniform(-1, 1, (len(names), 1)) + rng.normal(0, 0.1, value.shape)
    value[1, ::5] = np.nan
    return pa.table(
        {
            "feature": np.repeat(names, rows),
            "value": pa.array(value.ravel(), pa.float32(), from_pandas=True),
            "contribution": added.ravel().astype(np.float32),
        }
    )


def write_target(
    ws: Workspace,
    name: str,
    rows: TargetRows,
    *,
    baseline: bool = True,
    features: int = 24,
    with_contributions: bool = True,
    **more: Any,
) -> None:
    """Write a champion that predicted these rows; `more` goes onto its card."""
    matrix = np.random.default_rng(1).normal(size=(200, features)).astype(np.float32)
    data = lightgbm.Dataset(matrix, (matrix[:, 0] > 0).astype(int), params={"verbosity": -1})
    model = LightGBM(lightgbm.train({"objective": "binary", "verbosity": -1}, data, 2))
    names = [f"{name}_amount_sum__kind_{number}__3m" for number in range(features)]
    weights = 0.8 ** np.arange(features)
    about = {
        "target": name,
        "model_id": f"{name}-0a1b2c3d4e",
        "family": "lightgbm",
        "features": [{"name": feature, "dtype": "double", "view": "trx"} for feature in names],
        "threshold": 0.3,
        "criterion": "f1",
        "prevalence": float(rows.label.mean()),
        "plan": {"criterion": "f1"},
        "trials": 3,
        "training_rows": len(rows.label),
        "comparison": COMPARISON if baseline else COMPARISON[:2],
        "baseline": {"feature": names[0], "descending": True} if baseline else None,
        "packages": {"lightgbm": "4.7.0"},
        "protocol": ["Test: label month 2024-03; training: label months before.", "5 folds."],
        **more,
    }
    predictions = pa.table(
        {
            "customer_id": rows.customers,
            "event_timestamp": pa.array(rows.months, pa.timestamp("us")),
            "label": pa.array(rows.label, pa.int32()),
            "probability": rows.probability,
            "baseline": pa.array(
                rows.baseline if baseline else [None] * len(rows.label), pa.float64()
            ),
            "part": rows.part,
        }
    )
    entries = [
        {
            "feature": feature,
            "importance": float(weight / weights.sum()),
            "direction": ("up", "down", "mixed")[number % 3],
            "description": f"Sum of amounts of kind {number} < 9 & more, last three months.",
        }
        for number, (feature, weight) in enumerate(zip(names, weights, strict=True))
    ]
    records = {artifact.IMPORTANCE: entries, artifact.DATASET: {}}
    if with_contributions:
        records[artifact.CONTRIBUTIONS] = contributions(names[:TOP_FEATURES])
    artifact.save(ws, card(**about), model, predictions, records)
    history.add(ws.models / name, history.Event("promoted", f"{name}-0a1b2c3d4e"))


def write_truth(ws: Workspace, targets: Mapping[str, TargetRows]) -> None:
    ws.truth.parent.mkdir(parents=True)
    tables = [
        pa.table(
            {
                "customer_id": rows.customers,
                "event_timestamp": pa.array(rows.months, pa.timestamp("us")),
                "target": [name] * len(rows.customers),
                "probability": rows.truth,
            }
        )
        for name, rows in targets.items()
    ]
    pq.write_table(pa.concat_tables(tables), ws.truth)


MARTS = """
create schema marts;
create table marts.dim_customers as select 'c' || i as customer_id from range(4000) t(i);
create table marts.dim_features as
    select 'f' || i as name, case when i < 300 then 'trx' else 'market' end as family,
        'What f' || i || ' says.' as description from range(412) t(i);
create table marts.fct_customer_months as
    select customer_id, date '2022-03-01' + to_months(m::int) as feature_month
    from marts.dim_customers, range(24) t(m);
create table marts.fct_scores as
    select 'c' || i as customer_id, t.target, t.target || '-0a1b2c3d4e' as model_id,
        timestamp '2024-03-01' as as_of, 0.6 * pow((i + 0.5) / 4000, 6) as score
    from range(4000) r(i), (values ('purchase_any'), ('activity_decline')) t(target);
create table marts.mart_segments as
    select 'c' || i as customer_id, ((i * 7919) % 4000) / 4000.0 as risk,
        (pow(((i * 104729) % 4000) / 4000.0, 3) * 900)::double as profit,
        case when i % 4 = 0 then 'spend' else 'profit' end as profit_basis,
        case when risk > 0.6 and profit > 250 then 'rescue' when profit > 250 then 'loyal'
            when risk > 0.6 then 'let_go' else 'everyday' end as segment
    from range(4000) t(i);
create table marts.mart_offers as
    select customer_id, case segment when 'rescue' then 'personal_discount'
        when 'loyal' then 'early_access' else 'newsletter' end as offer from marts.mart_segments;
"""


def write_manifest(ws: Workspace, description: str) -> None:
    ws.manifest.parent.mkdir()
    config = {"meta": {"target": "purchase_any"}}
    node = {"resource_type": "model", "config": config, "description": description}
    ws.manifest.write_text(json.dumps({"nodes": {"model.tgt": node}}), encoding="utf-8")


def write_marts(ws: Workspace, sql: str = MARTS) -> None:
    with duckdb.connect(str(ws.warehouse)) as connection:
        connection.execute(sql)


def make_full(ws: Workspace) -> None:
    """Fill a workspace with everything: two temporal targets, a stratified one, truth, marts."""
    targets = {
        "purchase_any": made("purchase_any", rows=6000, rate=0.03),
        "spend_next_month": made("spend_next_month", rate=0.3),
        "activity_decline": made("activity_decline", rows=600, rate=0.4, tested=False),
    }
    for name, rows in targets.items():
        write_target(ws, name, rows)
    write_truth(ws, targets)
    write_marts(ws)
    write_manifest(ws, "Whether the customer <buys>\nin the next month.")


def page_of(ws: Workspace) -> str:
    return write_report(ws).read_text(encoding="utf-8")


def section(page: str, name: str) -> str:
    """The chapter of the page about a target."""
    start = page.index(f'id="target-{name}"')
    return page[start : page.index("</section>", start)]
