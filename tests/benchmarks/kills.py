"""What readers see while publishers are killed: python -m tests.benchmarks.kills.

A publisher lets two months take turns in the online store and is killed (SIGKILL) at a random
moment, again and again; each time the next one must get through. Meanwhile readers check that every
answer is of one month, for all customers and features: by vector, by name, and through Feast.
"""

import argparse
import multiprocessing
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import numpy as np

from ml import store
from ml.data.feature import Feature
from ml.store.online_reader import online_rows_of
from ml.workspace.settings import Workspace, feature_repo
from tests.online_stores import redis_server, repository
from tests.small_workspace import change, crown, make_workspace

CUSTOMERS = [f"c{number:04}" for number in range(400)]
FEATURES = [(f"geo_x{number}__1m", "geo") for number in range(30)] + [("trx_count__1m", "trx")]
MONTHS = (datetime(2023, 1, 1), datetime(2023, 2, 1))
# Publishers need the processors too.
PAUSE_SECONDS = 0.005
# Forked from a process that has imported everything and started no thread.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["ml.store.redis_rows", "tests.small_workspace"])


@dataclass(frozen=True)
class Place:
    """A workspace and the folder with the feature_store.yaml to be used."""

    home: Path
    repository: Path

    def workspace(self) -> Workspace:
        os.environ["FEATURE_REPO_DIR_ENV_VAR"] = str(self.repository)
        return Workspace(self.home, self.home / "raw", {})


@dataclass(frozen=True)
class Siege:
    """Kills, those of them that came before the switch, answers read, and what was wrong in any."""

    kills: int
    early: int
    reads: int
    wrong: list[str]


def main() -> None:
    """Kill publishers into SQLite and into Redis and print what readers saw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, redis_server(Path(folder)) as redis:
        stores = {
            "sqlite": feature_repo(),
            "redis": repository(Path(folder), redis.settings),
        }
        for name, settings in stores.items():
            place = make_place(Path(folder) / name, settings)
            found = besiege(place, chosen.kills, chosen.seed)
            print(
                f"{name}: {found.kills} kills, {found.early} of them before the switch; "
                f"{found.reads:,} reads, {len(found.wrong)} wrong",
                *found.wrong[:3],
                sep="\n  ",
                flush=True,
            )


def make_place(home: Path, settings: Path) -> Place:
    """Make a workspace in which every value of a month is the month's number."""
    ws = make_workspace(home)
    months = "(values (1, date '2022-12-01'), (2, date '2023-01-01')) m (number, feature_month)"
    rows = (
        "select 'c' || lpad(i::varchar, 4, '0') as customer_id, feature_month, "
        "(feature_month + interval 1 month)::timestamp as event_timestamp, {} "
        f"from range({len(CUSTOMERS)}) t(i), {months}"
    )
    vector = ", ".join(["number"] * (len(FEATURES) - 1))
    names = ", ".join(f"vector[{i + 1}] as {name}" for i, (name, _) in enumerate(FEATURES[:-1]))
    change(
        ws,
        "drop table features.ftr_geo",
        f"create table features.ftr_geo__vectors as "
        f"{rows.format(f'[{vector}]::float[{len(FEATURES) - 1}] as vector')}",
        f"create view features.ftr_geo as select * exclude (vector), {names} "
        "from features.ftr_geo__vectors",
        f"create or replace table features.ftr_trx as "
        f"{rows.format('number::double as trx_count__1m')}",
        f"create or replace table intermediate.int_customer_months as "
        f"{rows.format('true as is_complete')}",
    )
    place = Place(home, settings)
    crown(place.workspace(), FEATURES)
    return place


def besiege(place: Place, kills: int, seed: int = 1) -> Siege:
    """Kill so many publishers while readers read, and return what came of it."""
    chance = random.Random(seed)
    # The first process waits for all imports.
    _published(place, 1)
    early = 0
    with reading(place) as reads:
        seconds = _published(place, 0)
        for number in range(kills):
            month = 1 - number % 2
            killed = PROCESSES.Process(target=publish, args=(place, month))
            killed.start()
            time.sleep(chance.uniform(0, 1.1 * seconds))
            killed.kill()
            killed.join()
            early += moment(place) != MONTHS[month]
            seconds = _published(place, month)
            assert moment(place) == MONTHS[month], "the next publisher did not get through"
    counts, wrong = zip(*reads, strict=True)
    return Siege(kills, early, sum(counts), [each for part in wrong for each in part])


def publish(place: Place, month: int) -> None:
    """Publish the first or the second month."""
    views = ("purchase_any__input", "geo", "trx")
    store.materialize(place.workspace(), dict.fromkeys(views, MONTHS[month]))


def _published(place: Place, month: int) -> float:
    """Publish in a process of its own, and return its seconds."""
    began = time.perf_counter()
    process = PROCESSES.Process(target=publish, args=(place, month))
    process.start()
    process.join()
    assert not process.exitcode, "a publisher failed"
    return time.perf_counter() - began


def moment(place: Place) -> datetime:
    """Return which month is published."""
    rows = online_rows_of(store.feature_store(place.workspace()))
    generation = rows.read("purchase_any__input", ["vector"], []).generation
    assert generation, "nothing is published"
    return generation.views["purchase_any__input"].moment


@contextmanager
def reading(place: Place) -> Iterator[list[tuple[int, list[str]]]]:
    """Read in three ways until the end, and leave how often, and what was wrong."""
    stop, answers = PROCESSES.Event(), PROCESSES.Queue()
    readers = [
        PROCESSES.Process(target=read, args=(place, way, stop, answers))
        for way in (by_vector, by_name, through_feast)
    ]
    found: list[tuple[int, list[str]]] = []
    for reader in readers:
        reader.start()
    try:
        yield found
    finally:
        stop.set()
        found += [answers.get(timeout=60) for _ in readers]
        for reader in readers:
            reader.join()


def read(place: Place, way: Callable[..., Any], stop: Event, answers: Any) -> None:
    """Ask again and again; every answer must have all customers and one value throughout."""
    ask, reads, wrong = way(place.workspace()), 0, []
    while not stop.wait(PAUSE_SECONDS):
        reads += 1
        try:
            values = ask()
        except Exception as error:
            wrong.append(f"{way.__name__}: {error!r}")
            continue
        if len(np.unique(values)) != 1:
            wrong.append(f"{way.__name__}: {np.unique(values)}")
    answers.put((reads, wrong))


def by_vector(ws: Workspace) -> Callable[[], Any]:
    features = tuple(FEATURES)
    read = [Feature(name, "double", view) for name, view in features]
    reader = store.input_reader(ws, store.ModelInput.of("purchase_any", "first", read))
    return lambda: reader.read(CUSTOMERS).matrix


def by_name(ws: Workspace) -> Callable[[], Any]:
    names = [name for name, _ in FEATURES]

    def ask() -> Any:
        rows = store.online_rows(ws, "purchase_any", CUSTOMERS[::20])
        return np.stack([rows[name].to_numpy() for name in names])

    return ask


def through_feast(ws: Workspace) -> Callable[[], Any]:
    feast = store.feature_store(ws)
    service = feast.get_feature_service("purchase_any__input")
    asked = [{"customer_id": customer} for customer in CUSTOMERS[::40]]
    # A call of Feast's is one query in SQLite; in Redis it is one a customer, so one is asked for.
    if feast.config.online_store.type == "redis":
        asked = asked[:1]
    return lambda: np.array(feast.get_online_features(service, asked).to_dict()["vector"])


if __name__ == "__main__":
    main()
