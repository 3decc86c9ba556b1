"""What a lake of any size costs: python -m tests.benchmarks.lake_costs.

Three small builds by processes fit a model of processor seconds: a part for every build, one for
every bucket, one for every customer. It predicts a build of twice the customers, which is measured
too, and then the table of docs/scaling.md.
"""

import argparse
import math
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.benchmarks.bank import write_bank
from tests.benchmarks.lake import Build, bank_of, build

MEMORY = "2GB"
# How many customers of each bucket the table assumes, and cores of a machine.
A_BUCKET = 20_000
CORES = 16


@dataclass(frozen=True)
class Costs:
    """Processor seconds of a build: its own, of each bucket and of each customer."""

    of_build: float
    of_bucket: float
    of_customer: float

    def busy(self, customers: int, buckets: int) -> float:
        """Return the processor seconds of a build."""
        return self.of_build + self.of_bucket * buckets + self.of_customer * customers


def main() -> None:
    """Measure, fit, predict, compare, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=6_000, help="Of the largest build fitted.")
    parser.add_argument("--months", type=int, default=24)
    parser.add_argument("--folder", type=Path, help="Where to work; a temporary one unless given.")
    chosen = parser.parse_args()
    half, whole, twice = (chosen.customers * times // 2 for times in (1, 2, 4))
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        shapes = [(half, 2), (half, 8), (whole, 4)]
        builds = [measured(Path(folder), *shape, chosen.months) for shape in shapes]
        known = [[1, buckets, customers] for customers, buckets in shapes]
        fitted = np.linalg.solve(np.array(known), np.array([each.whole.busy for each in builds]))
        costs = Costs(*map(float, fitted))
        print(costs, flush=True)
        predicted = costs.busy(twice, 8)
        last = measured(Path(folder), twice, 8, chosen.months)
        error = predicted / last.whole.busy - 1
        print(f"{twice:,} customers: predicted {predicted:.0f} s, {error:+.1%} beside measured")
        table(costs, last, twice)


def measured(folder: Path, customers: int, buckets: int, months: int) -> Build:
    """Build a lake by processes, from nothing, and print what it took."""
    home = folder / f"{customers}-{buckets}"
    write_bank(bank_of(customers, months), home / "raw")
    built = build(home, "processes", buckets, MEMORY)
    shutil.rmtree(home)
    print(
        f"{customers:,} customers in {buckets} buckets: processor {built.whole.busy:.1f} s, "
        f"{built.whole.seconds:.1f} s, largest process {built.whole.peak / 2**30:.2f} GiB, "
        f"{built.gigabytes:.2f} GB in {built.files:,} files",
        flush=True,
    )
    return built


def table(costs: Costs, last: Build, customers: int) -> None:
    """Print what larger lakes cost; files are those of eight buckets, scaled."""
    for count in (1_000_000, 10_000_000, 100_000_000):
        buckets = math.ceil(count / A_BUCKET)
        busy = costs.busy(count, buckets)
        hours = [f"{machines}: {busy / CORES / machines / 3600:.2f} h" for machines in (1, 10, 100)]
        print(
            f"{count:,} customers, {buckets:,} buckets: {busy / 3600:,.0f} processor hours; on so "
            f"many machines of {CORES} cores, {', '.join(hours)}; "
            f"{last.gigabytes / customers * count / 1000:,.1f} TB in "
            f"{last.files / 8 * buckets:,.0f} files"
        )


if __name__ == "__main__":
    main()
