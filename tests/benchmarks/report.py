"""How long a company's report takes and how large it is: python -m tests.benchmarks.report.

Nine targets are made up, each with a champion, held-out predictions of 130,000 rows and the
contributions of 1,000, beside the marts of 4,000 customers. `ml report` runs in a process of its
own.
"""

import argparse
import multiprocessing
import tempfile
from pathlib import Path

from ml.workspace.settings import Workspace
from tests.benchmarks.process import run
from tests.report_workspace import made, write_marts, write_target

TARGETS = 9


def main() -> None:
    """Print seconds, processor seconds, peak memory and the size of the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=130_000, help="Held-out rows of each target.")
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        # What this process needed would count as the least that its child needs.
        maker = multiprocessing.get_context("spawn").Process(target=prepare, args=(home, rows))
        maker.start()
        maker.join()
        took = run(["ml", "report"], ALMANAC_HOME=str(home), DBT_TARGET_PATH=str(home / "target"))
        size = (home / "report.html").stat().st_size / 1e6
    print(
        f"{TARGETS} targets of {rows:,} rows  {took.seconds:.1f} s, {took.busy:.1f} s of "
        f"processors, {took.peak / 2**30:.2f} GiB, {size:.1f} MB"
    )


def prepare(home: Path, rows: int) -> None:
    """Make the workspace."""
    ws = Workspace(home, home / "raw", {})
    for number in range(TARGETS):
        name = f"target_{number}"
        write_target(ws, name, made(name, rows=rows, rate=0.05))
    write_marts(ws)


if __name__ == "__main__":
    main()
