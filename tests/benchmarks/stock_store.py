"""Where Feast's own DuckDB store is wrong: python -m tests.benchmarks.stock_store.

The store is installed into an environment of its own, and its answers are judged by the oracle that
judges ours (`tests/pair_oracle.py`), one option of retrieval at a time. Printed is, for each, the
smallest case found in which an answer is wrong, or how many random cases were right.
"""

import argparse
import tempfile
from pathlib import Path

from tests.benchmarks.process import run
from tests.benchmarks.stock_environment import stock_python


def main() -> None:
    """Print a line an option."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="Where to work; a temporary one unless given.")
    with tempfile.TemporaryDirectory(dir=parser.parse_args().folder) as folder:
        python = str(stock_python(Path(folder)))
        cases = [python, "-W", "ignore", "-m", "tests.benchmarks.stock_cases", folder]
        run(cases)


if __name__ == "__main__":
    main()
