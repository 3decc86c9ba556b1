"""How fast training sets are retrieved: python -m tests.benchmarks.retrieval.

A warehouse of 100,000 customers and 24 months is generated, five families of 100 features each, and
the same rows as Parquet files. Then, each in a process of its own: a million entity rows with 500
features here and in Polars, and 100,000 rows with 100 and with 500 features here and in Feast's own
DuckDB store, which is installed into an environment of its own. All answers are checked to be equal
row by row. Feast's store takes minutes for a million rows of 500 features and is left out there.

Polars comes with the extra `benchmarks`:
pip install --constraint constraints.txt --editable '.[benchmarks]'
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from tests.benchmarks.process import run
from tests.benchmarks.stock_environment import stock_python

WAYS = "tests.benchmarks.retrieval_ways"
# Entity rows, views of 100 features each, and the ways to retrieve them; the first is the measure.
RACES = (
    (1_000_000, 5, ("arrow", "matrix", "batches", "polars")),
    (100_000, 1, ("arrow", "stock")),
    (100_000, 5, ("arrow", "stock")),
)


def main() -> None:
    """Print a line a race and way: seconds, peak memory, and whether the answers are equal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--months", type=int, default=24)
    parser.add_argument("--folder", type=Path, help="Where to work; a temporary one unless given.")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        size = (str(chosen.customers), str(chosen.months))
        run([sys.executable, "-m", "tests.benchmarks.retrieval_data", folder, *size])
        stock = stock_python(Path(folder))
        for rows, views, ways in RACES:
            race(Path(folder), stock, rows, views, ways)


def race(folder: Path, stock: Path, rows: int, views: int, ways: tuple[str, ...]) -> None:
    """Retrieve the same rows in each way and print what it took."""
    print(f"\n{rows:,} rows, {views * 100} features")
    first: tuple[float, np.ndarray] | None = None
    for way in ways:
        python = str(stock if way == "stock" else sys.executable)
        took = run([python, "-m", WAYS, way, str(folder), str(rows), str(views)])
        seconds, busy = json.loads((folder / "took.json").read_text("utf-8"))
        answer = np.load(folder / "digests.npy")
        first = first or (seconds, answer)
        equal = int((answer == first[1]).sum())
        print(
            f"{way:8} {seconds:6.1f} s, {seconds / first[0]:5.2f} x, processor {busy:6.1f} s, "
            f"peak memory {took.peak / 2**30:5.2f} GiB, {equal:,} rows as in {ways[0]}",
            flush=True,
        )


if __name__ == "__main__":
    main()
