"""How fast features are published and read: python -m tests.benchmarks.online.

A model's input of 500 features is published for 100,000 customers into SQLite and Redis, read one
by one and a hundred at a time, and verified; a wrong value is planted and must be named. The rival
is Feast's own way, every feature by its name: `feast materialize` of fewer customers, and
`get_online_features`.
"""

import argparse
import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from redis import Redis

from ml import store
from ml.registry.artifact import champion
from ml.serving.parity import verify_input
from ml.store.online_reader import online_rows_of
from ml.store.values import entity_key, packed, unpacked
from ml.workspace.settings import Workspace, feature_repo
from ml.workspace.targets import target
from tests.benchmarks.process import run
from tests.online_stores import redis_server, repository
from tests.small_workspace import change, crown, make_workspace, node, write_manifest

FAMILIES = 5
VIEW = "purchase_any__input"


@dataclass(frozen=True)
class Size:
    """How many customers, months and features a workspace has."""

    customers: int
    months: int
    features: int

    @property
    def values(self) -> int:
        """How many values are published."""
        return self.customers * self.features

    @property
    def moment(self) -> datetime:
        """When the newest month is known."""
        return datetime(2020 + self.months // 12, self.months % 12 + 1, 1)


def main() -> None:
    """Publish, read and verify in both stores and both forms, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--months", type=int, default=24)
    parser.add_argument("--features", type=int, default=500)
    parser.add_argument("--rival-customers", type=int, default=5_000)
    parser.add_argument("--step", choices=STEPS, help="What a process of its own does.")
    parser.add_argument("--form", choices=("vector", "names"), default="vector")
    parser.add_argument("--home", type=Path)
    parser.add_argument("--repository", type=Path, default=feature_repo())
    chosen = parser.parse_args()
    ours = Size(chosen.customers, chosen.months, chosen.features)
    if chosen.step:
        os.environ["FEATURE_REPO_DIR_ENV_VAR"] = str(chosen.repository)
        ws = Workspace(chosen.home, chosen.home / "raw", {})
        STEPS[chosen.step](ws, ours, chosen.form)
        return
    rival = Size(chosen.rival_customers, 1, chosen.features)
    with tempfile.TemporaryDirectory() as folder:
        homes = {"vector": Path(folder) / "vector", "names": Path(folder) / "names"}
        make(homes["vector"], ours, by_name=False)
        make(homes["names"], rival, by_name=True)
        race("sqlite", feature_repo(), homes, (ours, rival), None)
        with redis_server(Path(folder)) as server:
            settings = repository(Path(folder), server.settings)
            race("redis", settings, homes, (ours, rival), Redis(port=server.port))


def race(
    name: str,
    settings: Path,
    homes: dict[str, Path],
    sizes: tuple[Size, Size],
    redis: Redis | None,
) -> None:
    """Print seconds, bytes and milliseconds of both forms in one store."""
    cost: dict[str, tuple[float, float]] = {}
    for form, size in zip(homes, sizes, strict=True):
        if redis:
            redis.flushall()
        took = run(command("publish", homes[form], settings, size, form))
        held = bytes_in(homes[form], redis)
        cost[form] = (took.seconds / size.values, held / size.values)
        print(
            f"{name} {form}: {size.customers:,} x {size.features} published in "
            f"{took.seconds:.1f} s, peak memory {took.peak / 2**30:.2f} GiB, "
            f"{held / 1e6:,.0f} MB, {held / size.values:.1f} bytes a value"
        )
        for line in output("read", homes[form], settings, size, form):
            print(f"{name} {form}: {line}", flush=True)
        if form == "vector":
            for line in output("verify", homes[form], settings, size, form):
                print(f"{name} {form}: {line}", flush=True)
    faster, smaller = (cost["names"][i] / cost["vector"][i] for i in (0, 1))
    print(f"{name}: {faster:.0f} times faster a value, 1/{smaller:.0f} of the bytes", flush=True)


def command(step: str, home: Path, settings: Path, size: Size, form: str) -> list[str]:
    """Return the command of a step in a process of its own."""
    given = {
        "step": step,
        "form": form,
        "home": home,
        "repository": settings,
        "customers": size.customers,
        "months": size.months,
        "features": size.features,
    }
    options = [f"--{name}={value}" for name, value in given.items()]
    return [sys.executable, "-m", "tests.benchmarks.online", *options]


def output(*step: object) -> list[str]:
    """Return the lines that a step prints."""
    done = subprocess.run(command(*step), check=True, capture_output=True, text=True)  # type: ignore[arg-type]
    return done.stdout.splitlines()


def make(home: Path, size: Size, *, by_name: bool) -> None:
    """Make a workspace of that size, straight in the warehouse, and a model that reads it all."""
    ws = make_workspace(home)
    families = [f"f{number}" for number in range(FAMILIES)]
    write_manifest(
        ws,
        [
            *(
                node("features", f"ftr_{family}", family=family, ttl_months=1, online=by_name)
                for family in families
            ),
            node("targets", "tgt_purchase_any", target="purchase_any", families=families),
        ],
    )
    rows = (
        "select 'c' || lpad(i::varchar, 8, '0') as customer_id, feature_month, "
        "(feature_month + interval 1 month)::timestamp as event_timestamp, {} from (select i, m, "
        f"(date '2020-01-01' + to_months(m::int))::date as feature_month "
        f"from range({size.months}) m(m), range({size.customers}) c(i))"
    )
    spine = rows.format("true as is_complete")
    change(ws, f"create or replace table intermediate.int_customer_months as {spine}")
    width = size.features // FAMILIES
    for number, family in enumerate(families):
        values = ", ".join(
            f"if((i + m * {place} + {number}) % 20 = 0, 'nan'::float, "
            f"((i * 7919 + m * 104729 + {place + number * width} * 31) % 1000003)::float / 7)"
            for place in range(width)
        )
        vectors = rows.format(f"[{values}]::float[{width}] as vector")
        names = ", ".join(
            f"nullif(vector[{place + 1}], 'nan'::float) as {family}_x{place}__1m"
            for place in range(width)
        )
        change(
            ws,
            f"create table features.ftr_{family}__vectors as {vectors}",
            f"create view features.ftr_{family} as select * exclude (vector), {names} "
            f"from features.ftr_{family}__vectors",
        )
    read = [(f"{f}_x{place}__1m", f) for f in families for place in range(width)]
    crown(ws, read, kind="float")


def bytes_in(home: Path, redis: Redis | None) -> int:
    """Return the bytes that the online store takes."""
    if redis:
        return int(redis.info("memory")["used_memory"])
    return sum(file.stat().st_size for file in home.glob("online_store.db*"))


def publish(ws: Workspace, size: Size, form: str) -> None:
    """Publish the input, or every feature by its name as Feast does."""
    if form == "vector":
        store.materialize(ws, {VIEW: size.moment})
        return
    feast = store.feature_store(ws)
    views = [view.name for view in feast.list_feature_views() if view.name != VIEW]
    with contextlib.redirect_stdout(sys.stderr):
        feast.materialize(datetime(2020, 1, 1), size.moment, feature_views=views)


def read(ws: Workspace, size: Size, form: str) -> None:
    """Print how long one customer takes, and a hundred."""
    ask = by_vector(ws) if form == "vector" else by_name(ws)
    chance = np.random.default_rng(1)
    for count, times in ((1, 2_000), (100, 300)) if form == "vector" else ((1, 200), (100, 15)):
        milliseconds = []
        for number in range(times + 5):
            customers = [f"c{i:08}" for i in chance.integers(0, size.customers, count)]
            began = time.perf_counter()
            ask(customers)
            if number >= 5:
                milliseconds.append(1000 * (time.perf_counter() - began))
        middle, last = np.percentile(milliseconds, [50, 99])
        print(f"{count} customers read: p50 {middle:.2f} ms, p99 {last:.2f} ms")


def by_vector(ws: Workspace) -> Callable[[list[str]], object]:
    """Return the read of a model's input."""
    card = champion(ws, "purchase_any").card
    return store.input_reader(
        ws, store.ModelInput.of(card.target, card.model_id, card.features)
    ).read


def by_name(ws: Workspace) -> Callable[[list[str]], object]:
    """Return the read of all features by their names."""
    feast = store.feature_store(ws)
    service = feast.get_feature_service("purchase_any")
    return lambda customers: feast.get_online_features(
        service, [{"customer_id": customer} for customer in customers]
    ).to_dict()


def verify(ws: Workspace, size: Size, form: str) -> None:
    """Print what `ml verify` finds, before and after a wrong value is planted."""
    began = time.perf_counter()
    found = verify_input(ws, target(ws, "purchase_any"))
    seconds = time.perf_counter() - began
    wrong = sum(found.total(kind) for kind in ("missing", "extra", "mismatched"))
    print(f"{found.customers:,} customers verified in {seconds:.1f} s, {wrong} values differ")
    plant(ws, size, "c00000042", 7)
    for each in verify_input(ws, target(ws, "purchase_any")).differences:
        print(f"planted and named: {each}")


def plant(ws: Workspace, size: Size, customer: str, place: int) -> None:
    """Publish a wrong value of one customer's feature."""
    feast, key = store.feature_store(ws), entity_key(customer)
    rows = online_rows_of(feast)
    found = rows.read(VIEW, ["vector"], [key]).values[0][0]
    vector = unpacked([found or b""], size.features).copy()
    vector[0, place] += 1
    value = packed(vector)[0]
    if feast.config.online_store.type == "redis":
        _, port = feast.config.online_store.connection_string.split(":")
        client = Redis(port=int(port))
        hashed = key + feast.project.encode()
        field = next(field for field in client.hkeys(hashed) if not field.startswith(b"_ts:"))
        client.hset(hashed, field, value)
        return
    with contextlib.closing(sqlite3.connect(ws.home / "online_store.db")) as connection, connection:
        table = f"{feast.project}_{VIEW}"
        connection.execute(f"update {table} set value = ? where entity_key = ?", [value, key])


STEPS = {"publish": publish, "read": read, "verify": verify}


if __name__ == "__main__":
    main()
