"""How fast the simulator writes, and in how much memory: python tests/benchmarks/simulate.py."""

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

from ml.simulate import simulate


def main() -> None:
    """Simulate a company in a folder of its own and print transactions a second and peak memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=50_000)
    parser.add_argument("--months", type=int, default=18)
    parser.add_argument("--form", choices=("detail", "ptls"), default="detail")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "company"
        began = time.process_time()
        done = simulate(
            home, customers=chosen.customers, months=chosen.months, seed=1, form=chosen.form
        )
        busy = time.process_time() - began
        size = sum(file.stat().st_size for file in home.rglob("*") if file.is_file())
    # macOS counts bytes, Linux kilobytes.
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    print(f"{chosen.customers:,} customers, {chosen.months} months, {chosen.form} form")
    print(f"{done.transactions:,} bank transactions and all else in {done.seconds:.1f} s")
    print(f"{done.transactions_per_second:,.0f} transactions/s; {size / 1e6:,.0f} MB written")
    # What a busy machine withholds does not count here.
    print(f"{done.transactions / busy:,.0f} transactions a second of processor time")
    print(f"peak memory {peak / 1e6:,.0f} MB")


if __name__ == "__main__":
    main()
