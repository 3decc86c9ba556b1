"""How fast the service answers: python -m tests.benchmarks.serve [--store redis] [--home HOME].

Customers by id, a wide LightGBM, two workers and the load on the same machine. wrk and h2load
(Debian: wrk, nghttp2-client) ask; beside them `feast serve` gives the same vectors, without scores.
Then overload: three times as many requests as the service could answer.
"""

import argparse
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import psutil

from ml.workspace.settings import environment, workspace_at
from tests.online_stores import redis_server, repository
from tests.running_service import RunningService, free_port, wait_for
from tests.workspaces import BIN, REPOSITORY

TARGET = "purchase_any"
LUA = """
local ids = {{}}
for line in io.lines("{ids}") do ids[#ids + 1] = line end
request = function()
  local asked = {{}}
  for i = 1, {rows} do asked[i] = '"' .. ids[math.random(#ids)] .. '"' end
  local listed = table.concat(asked, ",")
  local headers = {{["content-type"] = "application/json"}}
  return wrk.format("POST", "{path}", headers, '{before}' .. listed .. '{after}')
end
"""


@dataclass(frozen=True)
class Load:
    """What a tool measured: milliseconds of the median and of 1 in 100, answers a second.

    `away` is how many requests a second were turned away.
    """

    p50: float
    p99: float
    rate: float
    away: float = 0.0

    def __str__(self) -> str:
        away = f", {self.away:,.0f} turned away" if self.away else ""
        return f"p50 {self.p50:.2f} ms, p99 {self.p99:.2f} ms, {self.rate:,.0f} a second{away}"


def main() -> None:
    """Serve one workspace, ask it in each way, and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", choices=("sqlite", "redis"), default="sqlite")
    parser.add_argument("--home", type=Path, help="A workspace with a champion; else one is made.")
    parser.add_argument("--seconds", type=int, default=15, help="Of each load.")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        code = Path(folder) / "code"
        settings = None
        if chosen.store == "redis":
            place = Path(folder) / "redis"
            place.mkdir()
            settings = stack.enter_context(redis_server(place)).settings
        copy_code(code, settings)
        home = chosen.home or Path(folder) / "home"
        if chosen.home is None:
            make(home, code)
        run(home, code, "feast", "apply")
        run(home, code, "ml", "materialize")
        ids = customers(home, Path(folder) / "ids.txt")
        print(
            f"{chosen.store}: {TARGET}, {len(ids):,} customers, {features(home)} inputs", flush=True
        )
        ours(home, code, Path(folder), ids, chosen.seconds)
        feasts(home, code, Path(folder), chosen.seconds)


def copy_code(code: Path, online_store: dict[str, str] | None) -> None:
    """Copy what commands read, so that feature_store.yaml may name another online store."""
    ignored = shutil.ignore_patterns("target", "logs", "__pycache__")
    for name in ("ml", "feature_repo", "dbt_project"):
        shutil.copytree(REPOSITORY / name, code / name, ignore=ignored)
    if online_store:
        repository(code / "feature_repo", online_store)


def surroundings(home: Path, code: Path) -> dict[str, str]:
    """Return the environment in which the copied code works on the workspace."""
    return {
        "ALMANAC_HOME": str(home),
        "ALMANAC_RAW": "",
        "DBT_TARGET_PATH": str(home / "target"),
        "DBT_PROJECT_DIR": str(code / "dbt_project"),
        "DBT_PROFILES_DIR": str(code / "dbt_project"),
        "FEAST_FEATURE_REPO_PATH": str(code / "feature_repo"),
        "PYTHONPATH": str(code),
    }


def run(home: Path, code: Path, program: str, *arguments: str) -> None:
    """Run a command of the copied code."""
    place = ["--chdir", str(code / "feature_repo")] if program == "feast" else []
    command = [str(BIN / program), *place, *arguments]
    subprocess.run(
        command, env=environment(**surroundings(home, code)), check=True, capture_output=True
    )


def make(home: Path, code: Path) -> None:
    """Make a workspace with a champion of many inputs."""
    run(home, code, "ml", "simulate", "--customers", "3000", "--months", "14")
    run(home, code, "dbt", "build", "--quiet")
    run(home, code, "feast", "apply")
    run(home, code, "ml", "train", "--target", TARGET, "--model", "lightgbm")


def customers(home: Path, path: Path) -> list[str]:
    """Write the ids of all customers to a file, a line each, and return them."""
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        rows = connection.execute("select customer_id from marts.dim_customers order by 1")
        ids = [row[0] for row in rows.fetchall()]
    path.write_text("\n".join(ids) + "\n")
    return ids


def features(home: Path) -> int:
    """Return how many inputs the champion has."""
    from ml.registry import artifact

    return len(artifact.champion(workspace_at(home), TARGET).features)


def ours(home: Path, code: Path, folder: Path, ids: Sequence[str], seconds: int) -> None:
    """Ask `ml serve` in each way."""
    path = f"/v1/targets/{TARGET}/score"
    with RunningService(home, "--workers", "2", **surroundings(home, code)) as service:
        service.wait_until(lambda: len(service.workers()) == 2)
        wrk(service.url, lua(folder, path, 1), 4, 2)
        one = wrk(service.url, lua(folder, path, 1), 1, seconds)
        print(f"ml serve, one customer, one caller: {one}", flush=True)
        steady, _ = h2load(folder, service.url + path, ids[0], callers=2, rate=300, seconds=seconds)
        print(f"ml serve, one customer, 300 a second: {steady}", flush=True)
        most = wrk(service.url, lua(folder, path, 1), 16, seconds)
        print(f"ml serve, one customer, 16 callers: {most}", flush=True)
        hundred = wrk(service.url, lua(folder, path, 100), 1, seconds)
        print(f"ml serve, 100 customers, one caller: {hundred}", flush=True)
        rate = int(3 * most.rate)
        accepted, refused = h2load(
            folder, service.url + path, ids[0], callers=96, rate=rate, seconds=4 * seconds
        )
        print(f"ml serve, {rate:,} a second asked for, accepted: {accepted}", flush=True)
        print(f"ml serve, {rate:,} a second asked for, turned away: {refused}", flush=True)
        print(f"ml serve, memory: {memory(service)}", flush=True)


def feasts(home: Path, code: Path, folder: Path, seconds: int) -> None:
    """Ask `feast serve` for the same vectors."""
    port = free_port()
    command = [str(BIN / "feast"), "--chdir", str(code / "feature_repo")]
    command += ["serve", "--port", str(port), "--workers", "2"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        command, env=environment(**surroundings(home, code)), stdout=quiet, stderr=quiet
    ) as server:
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}/health")
        before = f'{{"features": ["{TARGET}__input:vector"], "entities": {{"customer_id": ['
        script = lua(folder, "/get-online-features", 1, before, "]}}")
        wrk(url, script, 4, 2)
        for callers in (1, 16):
            found = wrk(url, script, callers, seconds)
            print(f"feast serve, one customer, {callers} callers: {found}", flush=True)
        server.terminate()


def lua(
    folder: Path, path: str, rows: int, before: str = '{"customers": [', after: str = "]}"
) -> Path:
    """Write what wrk sends: customers drawn at random."""
    script = folder / "ask.lua"
    ids = folder / "ids.txt"
    script.write_text(LUA.format(ids=ids, rows=rows, path=path, before=before, after=after))
    return script


def wrk(url: str, script: Path, callers: int, seconds: int) -> Load:
    """Let so many callers ask as fast as they are answered."""
    command = ["wrk", "-t1", f"-c{callers}", f"-d{seconds}", "-s", str(script), "--latency", url]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    p50, p99 = (_milliseconds(text, rf"{share}%\s+([\d.]+)(us|ms|s)\b") for share in (50, 99))
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    assert rate, text
    away = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    lost = int(away[1]) / seconds if away else 0.0
    return Load(p50, p99, float(rate[1]) - lost, lost)


def h2load(
    folder: Path, url: str, customer: str, *, callers: int, rate: int, seconds: int
) -> tuple[Load, Load | None]:
    """Let callers ask so often a second together; return who was answered and who turned away."""
    body, log = folder / "body.json", folder / "h2load.tsv"
    body.write_text(json.dumps({"customers": [customer]}))
    log.unlink(missing_ok=True)
    command = ["h2load", "--h1", f"-c{callers}", f"-D{seconds}", f"--rps={rate / callers:.3f}"]
    command += ["-d", str(body), "-H", "content-type: application/json", f"--log-file={log}", url]
    subprocess.run(command, check=True, capture_output=True)
    by_status: dict[str, list[float]] = {}
    for line in log.read_text().splitlines():
        _, status, microseconds = line.split("\t")[:3]
        by_status.setdefault(status, []).append(int(microseconds) / 1000)
    assert set(by_status) <= {"200", "503"}, {name: len(each) for name, each in by_status.items()}
    loads = {
        status: Load(*np.percentile(times, [50, 99]), len(times) / seconds)
        for status, times in by_status.items()
    }
    return loads["200"], loads.get("503")


def memory(service: RunningService) -> str:
    """Return what the processes hold, pages that they share counted once."""
    held = [psutil.Process(number) for number in (service.process.pid, *service.workers())]
    own = [process.memory_full_info().uss / 2**20 for process in held]
    together = sum(process.memory_full_info().pss for process in held) / 2**20
    return (
        f"{together:.0f} MiB together; of their own: the first process {own[0]:.0f}, "
        f"a worker {max(own[1:]):.0f}"
    )


def _milliseconds(text: str, pattern: str) -> float:
    found = re.search(pattern, text)
    assert found, text
    return float(found[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[found[2]]


if __name__ == "__main__":
    main()
