"""What training sets cost on a big warehouse: python -m tests.benchmarks.datasets.

A made-up warehouse of wide families with month versions: the snapshot of all of them, beside a hash
of all that they hold; then one training set made, found again and verified.
"""

import argparse
import json
import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import duckdb

from feature_repo.build import feast_objects
from ml.dataset import current, make, verify
from ml.dataset.snapshot import SnapshotSource, snapshot
from ml.store import feature_store
from ml.workspace.settings import Workspace
from ml.workspace.targets import target
from tests.small_workspace import node

Result = TypeVar("Result")
LABELS = '"targets"."tgt_purchase"'


def main() -> None:
    """Build the warehouse and print what each step took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--months", type=int, default=24)
    parser.add_argument("--families", type=int, default=20)
    parser.add_argument("--width", type=int, default=125)
    parser.add_argument("--used", type=int, default=4, help="Families of the training set.")
    parser.add_argument("--labels", type=int, default=200_000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        # Feast's files lie in the workspace that the environment names.
        os.environ["ALMANAC_HOME"] = folder
        measure(fill(Path(folder), chosen), chosen)


def measure(ws: Workspace, chosen: argparse.Namespace) -> None:
    """Print a line a step, and the peak memory of all."""
    views = [
        SnapshotSource(f'"features"."{name(i)}"', "event_timestamp", None)
        for i in range(chosen.families)
    ]
    timed(
        "the snapshot", lambda: snapshot(ws, SnapshotSource(LABELS, "event_timestamp", None), views)
    )
    timed("a hash of every value", lambda: hashed(ws, chosen.families))
    feature_store(ws).apply(feast_objects(ws))
    wanted = target(ws, "purchase")
    print(f"{chosen.labels:,} label rows, {chosen.used * chosen.width} features:")
    made = timed("ml dataset make", lambda: make(ws, wanted))
    print(f"{'on disk':24}{made.bytes / 1e6:8.1f} MB")
    timed("today's, from kept rows", lambda: current(ws, wanted))
    assert timed("ml dataset verify", lambda: verify(ws, made)).holds
    assert timed("ml dataset verify --rows", lambda: verify(ws, made, rows=True)).holds
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{'peak memory':24}{peak:8.1f} GB")


def timed(what: str, do: Callable[[], Result]) -> Result:
    """Do it and print its seconds."""
    began = time.perf_counter()
    done = do()
    print(f"{what:24}{time.perf_counter() - began:8.1f} s", flush=True)
    return done


def name(i: int) -> str:
    """Return the model of a family."""
    return f"ftr_f{i:02}"


def hashed(ws: Workspace, families: int) -> None:
    """Hash every value of every family, which is what the versions save."""
    with duckdb.connect(str(ws.warehouse), read_only=True) as warehouse:
        for i in range(families):
            table = f"features.{name(i)}__vectors"
            warehouse.execute(f"select sum(hash(rows)) from {table} as rows").fetchall()


def fill(home: Path, chosen: argparse.Namespace) -> Workspace:
    """Return a workspace with the families, a target on the first of them, and a manifest."""
    ws = Workspace(home, home / "raw", {})
    used = [f"f{i:02}" for i in range(chosen.used)]
    nodes = [node("features", name(i), family=f"f{i:02}") for i in range(chosen.families)]
    nodes.append(node("targets", "tgt_purchase", target="purchase", families=used))
    ws.manifest.parent.mkdir()
    listed = {f"model.almanac.{each['alias']}": each for each in nodes}
    ws.manifest.write_text(json.dumps({"nodes": listed, "sources": {}}), encoding="utf-8")
    with duckdb.connect(str(ws.warehouse)) as warehouse:
        for schema in ("features", "targets", "marts"):
            warehouse.execute(f"create schema {schema}")
        warehouse.execute("create table marts.dim_features (name varchar, description varchar)")
        for i in range(chosen.families):
            warehouse.execute(_family(i, chosen))
        warehouse.execute(
            f"create table {LABELS} as select customer_id, event_timestamp, "
            f"(hash(customer_id) % 50 = 0)::integer as label from features.ftr_f00__vectors "
            f"using sample reservoir({chosen.labels} rows) repeatable (1)"
        )
    print(f"{chosen.families} families of {chosen.width} features, {chosen.customers:,} customers, "
          f"{chosen.months} months: {ws.warehouse.stat().st_size / 1e9:.1f} GB")  # fmt: skip
    return ws


def _family(i: int, chosen: argparse.Namespace) -> str:
    values = ", ".join(f"cast(hash(c, m, {j}) % 1000 as float)" for j in range(chosen.width))
    names = ", ".join(f"vector[{j + 1}] as f{i:02}_{j}" for j in range(chosen.width))
    keys = "customer_id, feature_month, event_timestamp, month_version"
    return f"""
        create table features.{name(i)}__vectors as
        select
            printf('c%07d', c) as customer_id,
            cast(date '2022-01-01' + to_months(m::integer) as date) as feature_month,
            cast(date '2022-02-01' + to_months(m::integer) as timestamp) as event_timestamp,
            hash(m) as month_version,
            [{values}]::float[{chosen.width}] as vector
        from range({chosen.months}) months(m), range({chosen.customers}) customers(c);
        create view features.{name(i)} as select {keys}, {names} from features.{name(i)}__vectors
    """


if __name__ == "__main__":
    main()
