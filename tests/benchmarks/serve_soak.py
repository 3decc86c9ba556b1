"""Whether the service stays right for long: python -m tests.benchmarks.serve_soak HOME --rate 600.

HOME is a workspace with a champion of purchase_any; a second model of fewer features is trained,
and both are scored for two months: the truth. Then `ml serve` is asked so many times a second for
so many minutes, while every minute the other model is promoted or rolled back to and the other
month materialized, and every two minutes a worker is killed. Every failed request and every score
that is not the truth of its model and month is counted; who is turned away did not fail.
"""

import argparse
import json
import os
import random
import re
import signal
import subprocess
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import psutil
import requests

from ml.registry import artifact
from ml.workspace.settings import environment, workspace_at
from tests.benchmarks.serve import TARGET, customers
from tests.running_service import RunningService
from tests.workspaces import BIN

MONTHS = ("2022-12-01", "2023-01-01")
PATH = f"/v1/targets/{TARGET}/score"
Truth = dict[tuple[str, str], dict[str, float]]


@dataclass
class Tally:
    """What was seen: answers by status, failures beside and away from kills, wrong scores."""

    statuses: Counter[str] = field(default_factory=Counter)
    answered_by: Counter[str] = field(default_factory=Counter)
    wrong: int = 0
    failures: list[tuple[float, str]] = field(default_factory=list)
    kills: list[float] = field(default_factory=list)

    def unexplained(self) -> list[str]:
        """Return failures that are further than two seconds from a kill."""
        return [
            what for at, what in self.failures if all(abs(at - kill) > 2 for kill in self.kills)
        ]


def main() -> None:
    """Prepare the truth, serve, disturb, and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--rate", type=int, default=600)
    chosen = parser.parse_args()
    home: Path = chosen.home
    truth = prepare(home)
    ids = customers(home, home / "ids.txt")
    tally, ended = Tally(), threading.Event()
    with RunningService(home, "--workers", "2") as service:
        service.wait_until(lambda: len(service.workers()) == 2)
        threads = [
            threading.Thread(target=check, args=(service, ids, truth, tally, ended)),
            threading.Thread(target=load, args=(service, ids[0], chosen.rate, tally, ended)),
            threading.Thread(target=kill, args=(service, tally, ended)),
        ]
        for thread in threads:
            thread.start()
        end = time.monotonic() + 60 * chosen.minutes
        turn = 0
        while time.monotonic() < end:
            began = time.monotonic()
            disturb(home, turn)
            turn += 1
            print(f"minute {turn}: {dict(tally.statuses)}, wrong {tally.wrong}, {held(service)}",
                  flush=True)  # fmt: skip
            time.sleep(max(0.0, min(end, began + 60) - time.monotonic()))
        ended.set()
        for thread in threads:
            thread.join()
    print(f"answered by {dict(tally.answered_by)}; statuses {dict(tally.statuses)}")
    print(f"wrong scores {tally.wrong}; kills {len(tally.kills)}; failures {len(tally.failures)}, "
          f"away from kills {len(tally.unexplained())} {tally.unexplained()[:3]}")  # fmt: skip


def prepare(home: Path) -> Truth:
    """Train the second model, and return the batch scores of both at both months."""
    first = artifact.champion_id(workspace_at(home), TARGET)
    run(home, "ml", "train", "--target", TARGET, "--model", "lightgbm", "--features", "100")
    folder = home / "models" / TARGET
    (second,) = {path.name for path in folder.iterdir() if path.is_dir()} - {first}
    for model in (second, first):
        run(home, "ml", "promote", model, "--force")
        run(home, "feast", "apply")
        for month in MONTHS:
            run(home, "ml", "score", "--target", TARGET, "--as-of", month, "--reasons", "1")
    # From now on each roll-back gives the other model its place.
    run(home, "ml", "materialize")
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        rows = connection.execute(
            f"select model_id, strftime(as_of, '%Y-%m-%d'), customer_id, score from scores.scores "
            f"where target = '{TARGET}'"
        ).fetchall()
    truth: Truth = {}
    for model, month, customer, score in rows:
        truth.setdefault((model, month), {})[customer] = score
    return truth


def run(home: Path, *command: str) -> None:
    """Run a command on the workspace."""
    place = {"ALMANAC_HOME": str(home), "DBT_TARGET_PATH": str(home / "target")}
    program = [str(BIN / command[0])]
    if command[0] == "feast":
        program += ["--chdir", "feature_repo"]
    program += command[1:]
    done = subprocess.run(
        program, env=environment(**place), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def disturb(home: Path, turn: int) -> None:
    """Give the champion's place to the other model, and publish the other month."""
    models = sorted(path.name for path in (home / "models" / TARGET).iterdir() if path.is_dir())
    if turn % 2:
        run(home, "ml", "rollback", TARGET)
    else:
        reigning = artifact.champion_id(workspace_at(home), TARGET)
        (other,) = set(models) - {reigning}
        run(home, "ml", "promote", other, "--force")
    run(home, "feast", "apply")
    run(home, "ml", "materialize", "--until", MONTHS[turn % 2])


def check(
    service: RunningService, ids: list[str], truth: Truth, tally: Tally, ended: threading.Event
) -> None:
    """Ask for few customers, twenty times a second, and compare each score with the truth."""
    dice, session = random.Random(1), requests.Session()
    while not ended.wait(0.05):
        asked = dice.sample(ids, 5)
        try:
            found = session.post(service.url + PATH, json={"customers": asked}, timeout=30)
            tally.statuses[str(found.status_code)] += 1
            if "enough to do" in found.text:
                continue
            if found.status_code != 200:
                tally.failures.append((time.monotonic(), found.text[:200]))
                continue
            answer = found.json()
            known = truth[answer["model_id"], answer["as_of"][:10]]
            tally.answered_by[f"{answer['model_id']} {answer['as_of'][:10]}"] += 1
            tally.wrong += sum(
                each["score"] != known.get(each["customer_id"]) for each in answer["scores"]
            )
        except requests.RequestException as error:
            tally.failures.append((time.monotonic(), repr(error)[:200]))


def load(
    service: RunningService, customer: str, rate: int, tally: Tally, ended: threading.Event
) -> None:
    """Ask for one customer so often a second."""
    body = json.dumps({"customers": [customer]})
    while not ended.is_set():
        command = ["hey", "-z", "10s", "-c", "8", "-q", str(rate // 8), "-m", "POST", "-d", body]
        command += ["-T", "application/json", service.url + PATH]
        text = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        for status, count in re.findall(r"\[(\d{3})\]\s+(\d+) responses", text):
            tally.statuses[status] += int(count)
            if status not in ("200", "503"):
                tally.failures.append((time.monotonic(), f"{count} times {status}"))
        for count, what in re.findall(r"\[(\d+)\]\s+(Post .*)", text):
            tally.statuses["none"] += int(count)
            # Ten seconds are seen together: the kill among them, if there was one, explains it.
            now = time.monotonic()
            kill_in_it = next((at for at in tally.kills if now - 12 < at), now)
            tally.failures.append((kill_in_it, what[:120]))


def kill(service: RunningService, tally: Tally, ended: threading.Event) -> None:
    """Kill a worker every two minutes."""
    while not ended.wait(120):
        tally.kills.append(time.monotonic())
        os.kill(random.choice(service.workers()), signal.SIGKILL)


def held(service: RunningService) -> str:
    """Return the memory of each process, in MiB."""
    sizes = [
        psutil.Process(number).memory_full_info().pss / 2**20
        for number in (service.process.pid, *service.workers())
    ]
    return f"memory {' '.join(f'{size:.0f}' for size in sizes)} MiB"


if __name__ == "__main__":
    main()
