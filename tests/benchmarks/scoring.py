"""How fast customers are scored where their features lie: python -m tests.benchmarks.scoring.

A warehouse of 200,000 customers and two families of 100 features is generated, with a LightGBM
model of 400 trees of 31 leaves and a logistic regression. `ml score` then runs with each as the
champion, in a process of its own, without reasons and with reasons for 10,000 customers.
"""

import argparse
import multiprocessing
import tempfile
from pathlib import Path

import duckdb
import lightgbm
import numpy as np
import pyarrow as pa

from feature_repo.build import feast_objects
from ml import artifact, registry
from ml.config import Workspace
from ml.models import FAMILIES as MODELS
from ml.models import LightGBM, Model
from ml.store import feature_store
from tests.benchmarks.process import run
from tests.small_workspace import node, write_manifest

FAMILIES, FEATURES, MONTHS = 2, 100, 3
TREES, LEAVES = 400, 31
NEWEST = "timestamp '2023-04-01'"


def main() -> None:
    """Print a line a model and way: seconds, processor seconds and peak memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=200_000)
    parser.add_argument("--folder", type=Path, help="Where to work; a temporary one unless given.")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        home = Path(folder)
        # What this process needed would count as the least that its children need.
        maker = multiprocessing.get_context("spawn").Process(
            target=prepare, args=(home, chosen.customers)
        )
        maker.start()
        maker.join()
        print(f"{chosen.customers:,} customers, {FAMILIES * FEATURES} features", flush=True)
        for name in ("lightgbm", "logistic"):
            registry.promote(workspace(home), f"bench-{name}", force=True)
            for reasons in (0, 10_000):
                race(home, name, reasons)


def race(home: Path, name: str, reasons: int) -> None:
    """Score with the champion, print what it took, and take the scores away."""
    command = ["ml", "score", "--target", "bench", "--reasons", str(reasons)]
    took = run(command, ALMANAC_HOME=str(home), DBT_TARGET_PATH=str(home / "target"))
    with duckdb.connect(str(home / "warehouse.duckdb")) as warehouse:
        warehouse.execute("delete from scores.scores")
    print(
        f"{name:9} {reasons:6,} reasons  {took.seconds:6.1f} s, {took.busy:6.1f} s of processors, "
        f"peak memory {took.peak / 2**30:.1f} GiB",
        flush=True,
    )


def prepare(home: Path, customers: int) -> None:
    """Write the workspace, and both models into its registry."""
    for name, model in fitted(build(home, customers)).items():
        register(home, name, model)


def build(home: Path, customers: int) -> np.ndarray:
    """Write warehouse, manifest and registry; return features of 20,000 customers."""
    with duckdb.connect(str(home / "warehouse.duckdb")) as warehouse:
        warehouse.execute(
            "create schema features; create schema intermediate; create schema targets; "
            "create schema scores; create schema marts; "
            "create table marts.dim_features (name varchar, description varchar); "
            "create table scores.scores (customer_id varchar, target varchar, model_id varchar, "
            "as_of timestamp, score double, percentile double, scored_from varchar, "
            "reasons varchar[], "
            "primary key (customer_id, target, model_id, as_of)); "
            "create table intermediate.int_customer_months as "
            "select 'c' || lpad(c::varchar, 8, '0') as customer_id, "
            "date '2023-01-01' + to_months(m::int) as feature_month, "
            "timestamp '2023-02-01' + to_months(m::int) as event_timestamp, true as is_complete "
            f"from range({MONTHS}) b(m), range({customers}) a(c); "
            "create table targets.tgt_bench as "
            f"select customer_id, {NEWEST} as event_timestamp, 1 as label "
            "from intermediate.int_customer_months limit 10"
        )
        for family in range(FAMILIES):
            warehouse.execute(_vectors(family))
            warehouse.execute(_names(family))
        found = warehouse.sql(
            "select f0.vector || f1.vector as v from features.ftr_f0__vectors f0 "
            "join features.ftr_f1__vectors f1 using (customer_id, event_timestamp) "
            "order by customer_id, event_timestamp limit 20000"
        ).to_arrow_table()["v"]
    nodes = [node("features", f"ftr_f{i}", family=f"f{i}", ttl_months=1) for i in range(FAMILIES)]
    families = [f"f{i}" for i in range(FAMILIES)]
    ws = workspace(home)
    ws.manifest.parent.mkdir()
    nodes += [node("intermediate", "int_customer_months")]
    nodes += [node("targets", "tgt_bench", target="bench", families=families)]
    write_manifest(ws, nodes)
    feature_store(ws).apply(feast_objects(ws))
    return np.float32(found.combine_chunks().flatten().to_numpy()).reshape(len(found), -1)


def workspace(home: Path) -> Workspace:
    """Return the benchmark's workspace."""
    return Workspace(home, home / "raw", {}, home / "target")


def fitted(sample: np.ndarray) -> dict[str, Model]:
    """Return both models, fitted to labels that follow from two features."""
    rng = np.random.default_rng(0)
    wish = np.nan_to_num(sample[:, 0] - sample[:, 1] * sample[:, 2])
    labels = (rng.random(len(sample)) < 1 / (1 + np.exp(-wish))).astype(np.int8)
    settings = {"objective": "binary", "num_leaves": LEAVES, "learning_rate": 0.05,
                "feature_fraction": 0.5, "min_data_in_leaf": 100, "verbosity": -1}  # fmt: skip
    booster = lightgbm.train(settings, lightgbm.Dataset(sample, labels), TREES)
    logistic = MODELS["logistic"].fit(sample, labels, np.ones(len(labels)), 1)
    return {"lightgbm": LightGBM(booster), "logistic": logistic}


def register(home: Path, name: str, model: Model) -> None:
    """Write the model into the registry."""
    features = [
        {"name": f"f{family}_{place}", "dtype": "float", "view": f"f{family}"}
        for family in range(FAMILIES)
        for place in range(FEATURES)
    ]
    card = {"target": "bench", "model_id": f"bench-{name}", "family": model.family,
            "features": features, "threshold": 0.5}  # fmt: skip
    drivers = [{"feature": f["name"], "direction": "up", "importance": 0.005,
                "description": f"Sum of amounts of {f['name']}, over 3 months."}
               for f in features]  # fmt: skip
    records = {artifact.IMPORTANCE: drivers, artifact.DATASET: {}}
    rows = {"customer_id": ["a"], "event_timestamp": [0], "label": [1], "probability": [0.5]}
    table = pa.table(rows | {"part": ["cv"]})
    folder = artifact.save(workspace(home), card, model, table, records)
    registry.settle(workspace(home), artifact.load(folder))


def _vectors(family: int) -> str:
    # One value in twenty is missing.
    values = ", ".join(
        f"case when hash(row, {family}, {i}) % 20 > 0 "
        f"then (hash(row, {family}, {i}) % 9973) / 4986.5 - 1 else 'nan' end"
        for i in range(FEATURES)
    )
    return (
        f"create table features.ftr_f{family}__vectors as "
        f"select customer_id, feature_month, event_timestamp, [{values}]::float[{FEATURES}] "
        "as vector from (select *, row_number() over () as row "
        "from intermediate.int_customer_months)"
    )


def _names(family: int) -> str:
    columns = ", ".join(
        f"nullif(vector[{place + 1}], 'nan'::float) as f{family}_{place}"
        for place in range(FEATURES)
    )
    return (
        f"create view features.ftr_f{family} as select customer_id, feature_month, "
        f"event_timestamp, {columns} from features.ftr_f{family}__vectors"
    )


if __name__ == "__main__":
    main()
