"""How a lake is built beside dbt on one machine: python -m tests.benchmarks.lake.

The same raw files are built by dbt, by processes and by Spark with one and two executors, each from
nothing and once more where nothing changed. Then a rival: the features by code
columns in Spark SQL, values checked equal. Seconds, processor seconds of every
process and of the whole machine (Spark's killed workers are in the second alone: leave the machine
alone), peak memory of the largest process, and ratios to dbt are printed.
"""

import argparse
import shutil
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from tests.benchmarks.bank import Bank, write_bank
from tests.benchmarks.features import (
    compare,
    families,
    query,
    size_of,
    workspace_environment,
)
from tests.benchmarks.process import Ran, run_with_offspring
from tests.workspaces import BIN, make_workspace

DBT = "dbt"
SPARK = {"spark-1": "local-cluster[1,1,1024]", "spark-2": "local-cluster[2,1,1024]"}
ENGINES = (DBT, "processes", *SPARK, "rival")


@dataclass(frozen=True)
class Build:
    """Builds of one way: from nothing, and of a lake where nothing changed, with what it holds."""

    way: str
    whole: Ran
    unchanged: Ran | None = None
    gigabytes: float = 0.0
    files: int = 0


def main() -> None:
    """Build one bank in each way and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--months", type=int, default=24)
    parser.add_argument("--positions", type=int, help="As many as transactions unless given.")
    parser.add_argument("--buckets", type=int, default=4)
    parser.add_argument("--bucket-memory", default="2GB")
    parser.add_argument("--ways", nargs="+", choices=ENGINES, default=ENGINES)
    parser.add_argument("--folder", type=Path, help="Where to work; a temporary one unless given.")
    parser.add_argument("--keep", action="store_true", help="Leave what was built.")
    chosen = parser.parse_args()
    bank = bank_of(chosen.customers, chosen.months)
    if chosen.positions is not None:
        bank = replace(bank, positions=chosen.positions)
    home = Path(tempfile.mkdtemp(dir=chosen.folder))
    try:
        race(home, bank, chosen)
    finally:
        if not chosen.keep:
            shutil.rmtree(home)


def race(home: Path, bank: Bank, chosen: argparse.Namespace) -> None:
    """Build `bank` below `home` in each chosen way."""
    write_bank(bank, home / "raw")
    print(f"{bank}: raw files {size_of(home / 'raw'):.2f} GB, {chosen.buckets} buckets", flush=True)
    first: Build | None = None
    for way in chosen.ways:
        built = build(home, way, chosen.buckets, chosen.bucket_memory)
        first = first or built
        _tell(built, first)
        if way == "rival":
            _check(home, first.way)
        elif built is not first and not chosen.keep:
            shutil.rmtree(home / way)


def bank_of(customers: int, months: int) -> Bank:
    """Return a bank with 21 transactions and 21 positions a customer and month."""
    rows = customers * months * 125 // 6
    return Bank(customers, months, rows, rows, customers * months * 5 // 24)


def build(home: Path, way: str, buckets: int, memory: str) -> Build:
    """Build the raw files below `home` in one way, from nothing."""
    if way == "rival":
        module = "tests.benchmarks.spark_rival"
        out = home / "rival.parquet"
        return Build(way, run_with_offspring([sys.executable, "-m", module, str(home), str(out)]))
    settings: dict[str, object] = {}
    if way != DBT:
        engine = {"engine": "spark", "master": SPARK[way]} if way in SPARK else {"engine": way}
        settings["lake"] = {"path": "lake", "buckets": buckets, "bucket_memory": memory} | engine
    place = make_workspace(home / way, home / "raw", **settings).home
    environment = workspace_environment(place, home / "raw")
    if way == DBT:
        command = [str(BIN / "dbt"), "build", "--quiet", "--exclude"]
        # No bucket of a lake is.
        command += ["resource_type:test", "resource_type:unit_test", "tag:monitoring"]
        return Build(way, run_with_offspring(command, **environment))
    runs = [run_with_offspring([str(BIN / "ml"), "lake", "build"], **environment) for _ in range(2)]
    files = sum(1 for _ in (place / "lake").rglob("*.parquet"))
    return Build(way, *runs, size_of(place / "lake"), files)


def _tell(built: Build, first: Build) -> None:
    whole = built.whole
    words = (
        f"{built.way:10} {whole.seconds:7.1f} s ({whole.seconds / first.whole.seconds:.2f} x), "
        f"processor {whole.busy:7.1f} s ({whole.busy / first.whole.busy:.2f} x), "
        f"of the machine {whole.machine:7.1f} s ({whole.machine / first.whole.machine:.2f} x), "
        f"largest process {whole.peak / 2**30:.2f} GiB"
    )
    if built.unchanged:
        words += (
            f"; unchanged {built.unchanged.seconds:.1f} s; {built.gigabytes:.2f} GB in "
            f"{built.files:,} files"
        )
    print(words, flush=True)


def _check(home: Path, way: str) -> None:
    """Compare the rival's values with what was built by another way, the first of this run."""
    if way == "rival":
        return
    wanted = [family.name for family in families()]
    rows = query(home / way, f"select count(*) from features.{wanted[0]}")[0][0]
    print(f"{rows:,} rows; {compare(home / way, wanted, home / 'rival.parquet')}", flush=True)


if __name__ == "__main__":
    main()
