"""How fast customers are scored where their features lie: python -m tests.benchmarks.scoring.

A warehouse of 200,000 customers and two families of 100 features is generated, with a LightGBM
model of 400 trees of 31 leaves and a logistic regression. `ml score` then runs with each as the
champion, in a process of its own, without reasons and with reasons for 10,000 customers.
"""

import argparse
import tempfile
from pathlib import Path

import duckdb
import lightgbm
import numpy as np
import pyarrow as pa

from ml.data.feature import Feature
from ml.models import FAMILIES as MODELS
from ml.models import LightGBM, Model
from ml.registry import artifact
from ml.registry import champions as registry
from tests.benchmarks.process import run
from tests.benchmarks.vector_workspace import Shape, aside, build, workspace
from tests.cards import card

FAMILIES, WIDTH, MONTHS = 2, 100, 3
TREES, LEAVES = 400, 31
LABELS = (
    "select customer_id, event_timestamp, 1 as label from intermediate.int_customer_months "
    "where event_timestamp = '2023-04-01' limit 10"
)


def main() -> None:
    """Print a line a model and way: seconds, processor seconds and peak memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=200_000)
    parser.add_argument("--folder", type=Path, help="Where to work; a temporary one unless given.")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        home = Path(folder)
        aside(prepare, home, Shape(chosen.customers, MONTHS, FAMILIES, WIDTH))
        print(f"{chosen.customers:,} customers, {FAMILIES * WIDTH} features", flush=True)
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


def prepare(home: Path, shape: Shape) -> None:
    """Write the workspace, and both models into its registry."""
    build(home, shape, LABELS)
    for name, model in fitted(sample(home)).items():
        register(home, name, model, shape)


def sample(home: Path) -> np.ndarray:
    """Return the features of 20,000 customers."""
    with duckdb.connect(str(home / "warehouse.duckdb")) as warehouse:
        found = warehouse.sql(
            "select f0.vector || f1.vector as v from features.ftr_f0__vectors f0 "
            "join features.ftr_f1__vectors f1 using (customer_id, event_timestamp) "
            "order by customer_id, event_timestamp limit 20000"
        ).to_arrow_table()["v"]
    return np.float32(found.combine_chunks().flatten().to_numpy()).reshape(len(found), -1)


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


def register(home: Path, name: str, model: Model, shape: Shape) -> None:
    """Write the model into the registry."""
    features = [Feature(name, "float", view) for name, view in shape.names]
    about = card(target="bench", model_id=f"bench-{name}", family=model.family, features=features)
    drivers = [{"feature": f.name, "direction": "up", "importance": 0.005,
                "description": f"Sum of amounts of {f.name}, over 3 months."}
               for f in features]  # fmt: skip
    records = {artifact.IMPORTANCE: drivers, artifact.DATASET: {}}
    rows = {"customer_id": ["a"], "event_timestamp": [0], "label": [1], "probability": [0.5]}
    table = pa.table(rows | {"part": ["cv"]})
    folder = artifact.save(workspace(home), about, model, table, records)
    registry.settle(workspace(home), artifact.load(folder))


if __name__ == "__main__":
    main()
