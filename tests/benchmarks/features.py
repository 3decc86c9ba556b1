"""How fast a bank's features are built: python -m tests.benchmarks.features.

First the whole bank: raw files are generated, every model is built, the figures are printed. Then a
tenth of it: the features by code columns in Polars, in pandas and here, outputs checked equal. Then
what a month more, twice the customers and twice the months cost. Polars comes with the extra
`benchmarks`: pip install --constraint constraints.txt --editable '.[benchmarks]'
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import duckdb

from tests.benchmarks.bank import Bank, write_bank
from tests.benchmarks.process import Ran, run
from tests.benchmarks.rivals import families
from tests.workspaces import BIN, REPOSITORY

PART = 10
# What a feature's last bits may differ by: sums in another order, kept as 32-bit floats.
TOLERANCE = 1e-5


def main() -> None:
    """Build the bank and a tenth of it, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--months", type=int, default=24)
    parser.add_argument("--only", choices=("whole", "rivals", "growth"))
    parser.add_argument("--folder", type=Path, help="Where to work; a temporary one unless given.")
    chosen = parser.parse_args()
    size = chosen.customers * chosen.months
    bank = Bank(chosen.customers, chosen.months, size * 125 // 6, size * 125 // 6, size * 5 // 24)
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        steps = {"whole": build_whole, "rivals": race, "growth": grow}
        for name, step in steps.items():
            if chosen.only in (None, name):
                step(bank, Path(folder) / name)


def build_whole(bank: Bank, home: Path) -> None:
    """Build every feature of the bank and print seconds, rows a second, memory and bytes."""
    write_bank(bank, home / "raw")
    print(bank, flush=True)
    named = dbt(home, "run", "--select", "+ftr_trx*", "+ftr_dialog*")
    print(f"features of transactions and dialogues: {named.seconds:,.0f} s", flush=True)
    seconds = model_seconds(home)
    rest = dbt(home, "build", "--exclude", "resource_type:test", "resource_type:unit_test")
    both = named.seconds + rest.seconds
    rows = bank.transactions + bank.positions + bank.dialogues
    print(f"all features: {both:,.0f} s, {rows / both:,.0f} rows a second")
    print(f"peak memory {max(named.peak, rest.peak) / 2**30:.2f} GiB")
    print(f"raw files {size_of(home / 'raw'):.1f} GB")
    print(f"warehouse {size_of(home / 'warehouse.duckdb'):.1f} GB")
    counted = query(
        home,
        "select count(*), count(*) filter (where domain in ('trx', 'dialog')) "
        "from marts.dim_features",
    )
    print(f"{counted[0][0]:,} features, {counted[0][1]:,} of transactions and dialogues")
    for name, later in model_seconds(home).items():
        seconds[name] = seconds.get(name, 0) + later
    for name in sorted(seconds, key=lambda name: -seconds[name])[:12]:
        print(f"  {seconds[name]:7.1f} s  {name}")
    print(f"data tests: {dbt(home, 'test').seconds:,.0f} s", flush=True)


def race(bank: Bank, home: Path) -> None:
    """Build the features by code columns of a tenth of the bank in three ways and compare them."""
    part = bank.share(PART)
    write_bank(part, home / "raw", streams=["trx"])
    rivals = {}
    for rival in ("polars", "pandas"):
        out = home / f"{rival}.parquet"
        rivals[rival] = run(
            [sys.executable, "-m", "tests.benchmarks.rivals", rival, str(home / "raw"), str(out)]
        )
    wanted = [family.name for family in families()]
    ours = dbt(home, "run", "--select", *(f"+{name}" for name in wanted))
    for name, took in (("almanac", ours), *rivals.items()):
        print(
            f"{name:8} {took.seconds:7.1f} s, {took.seconds / ours.seconds:5.2f} x, processor "
            f"{took.busy:7.1f} s, peak memory {took.peak / 2**30:.2f} GiB"
        )
    for rival in rivals:
        print(f"{rival}: {compare(home, wanted, home / f'{rival}.parquet')}", flush=True)


def grow(bank: Bank, home: Path) -> None:
    """Print what a month more, twice the customers and twice the months cost, on a tenth."""
    part = bank.share(PART)
    monthly = home / "monthly"
    took: dict[int, Ran] = {}
    for last in (1, 2, part.months - 1, part.months):
        built = max(took, default=0)
        write_bank(part, monthly / "raw", range(built, last))
        took[last] = dbt(monthly, "run")
    second, newest = took[2], took[part.months]
    print(
        f"second month {second.seconds:.1f} s, month {part.months} {newest.seconds:.1f} s, "
        f"{_times(newest, second)}"
    )
    whole = full_build(part, home / "whole")
    half = Bank(
        part.customers // 2,
        part.months,
        part.transactions // 2,
        part.positions // 2,
        part.dialogues // 2,
    )
    print(f"twice the customers: {_times(whole, full_build(half, home / 'customers'))}")
    early = Bank(
        part.customers,
        part.months // 2,
        part.transactions // 2,
        part.positions // 2,
        part.dialogues // 2,
    )
    print(f"twice the months: {_times(whole, full_build(early, home / 'months'))}", flush=True)


def _times(more: Ran, less: Ran) -> str:
    return f"{more.seconds / less.seconds:.2f} x, processor {more.busy / less.busy:.2f} x"


def full_build(bank: Bank, home: Path) -> Ran:
    """Return what building the bank from nothing takes."""
    write_bank(bank, home / "raw")
    return dbt(home, "run")


def dbt(home: Path, *arguments: str) -> Ran:
    """Run dbt on the workspace at `home`."""
    environment = workspace_environment(home, home / "raw")
    if arguments[0] == "run" and not (home / "warehouse.duckdb").exists():
        run([str(BIN / "dbt"), "seed", "--quiet"], **environment)
    return run([str(BIN / "dbt"), *arguments, "--quiet"], **environment)


def workspace_environment(home: Path, raw: Path) -> dict[str, str]:
    """Return the variables by which commands find the workspace at `home` and its raw files."""
    return {
        "ALMANAC_HOME": str(home),
        "ALMANAC_RAW": str(raw),
        "DBT_PROJECT_DIR": str(REPOSITORY / "dbt_project"),
        "DBT_PROFILES_DIR": str(REPOSITORY / "dbt_project"),
        "DBT_TARGET_PATH": str(home / "target"),
        "DBT_LOG_PATH": str(home / "logs"),
    }


def model_seconds(home: Path) -> dict[str, float]:
    """Return the seconds of each model in the last dbt command."""
    results = json.loads((home / "target" / "run_results.json").read_text("utf-8"))["results"]
    return {each["unique_id"].split(".")[-1]: each["execution_time"] for each in results}


def query(home: Path, sql: str) -> list[tuple[int, ...]]:
    """Return the rows of a query on the workspace's warehouse."""
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as warehouse:
        return warehouse.execute(sql).fetchall()


def compare(home: Path, relations: Sequence[str], theirs: Path) -> str:
    """Return how many values of the relations were compared with the Parquet file, and differ."""
    compared = different = 0
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as warehouse:
        for relation in relations:
            columns = [
                row[0]
                for row in warehouse.execute(f"describe features.{relation}").fetchall()
                if row[0].startswith("trx_")
            ]
            differs = " + ".join(f"count(*) filter (where {_differs(name)})" for name in columns)
            rows, wrong = warehouse.execute(
                f"select count(*), {differs} from features.{relation} as ours "
                f"full join '{theirs}' as theirs "
                "on ours.customer_id = theirs.client_id and ours.feature_month = theirs.month"
            ).fetchall()[0]
            compared += rows * len(columns)
            different += wrong
    return f"{compared:,} values compared, {different:,} differ"


def _differs(name: str) -> str:
    ours, theirs = f"ours.{name}", f"case when isfinite(theirs.{name}) then theirs.{name} end"
    near = f"abs({ours} - {theirs}) <= {TOLERANCE} * greatest(1, abs({ours}))"
    return f"({ours} is null) <> ({theirs} is null) or not coalesce({near}, true)"


def size_of(path: Path) -> float:
    """Return the gigabytes of a file or of all files in a folder."""
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file()) / 1e9


if __name__ == "__main__":
    main()
