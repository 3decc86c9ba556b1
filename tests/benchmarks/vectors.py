"""What the width of a vector costs: python -m tests.benchmarks.vectors.

The same 1,600 features of the same customer-months, kept as vectors of several widths and as plain
columns: writing them, reading twenty by name, and fetching all of them for random rows.
"""

import argparse
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

FEATURES = 1_600
WIDTHS = (1_600, 400, 200, 100, 25)


def main() -> None:
    """Print a line a width."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--sample", type=int, default=20_000, help="Rows of the training matrix.")
    chosen = parser.parse_args()
    print("width    write  20 names  matrix     MB")
    with tempfile.TemporaryDirectory() as folder:
        for width in (*WIDTHS, 1):
            path = Path(folder) / f"{width}.duckdb"
            figures = measure(path, width, chosen.rows, chosen.sample)
            print(
                f"{width:5}  {figures[0]:6.2f} s  {figures[1]:6.3f} s {figures[2]:6.2f} s", end=""
            )
            print(f"  {path.stat().st_size / 1e6:5.0f}", flush=True)
            path.unlink()


def measure(path: Path, width: int, rows: int, sample: int) -> tuple[float, float, float]:
    """Return seconds of writing, of reading twenty by name and of fetching a sample's matrix."""
    with duckdb.connect(str(path)) as warehouse:
        tables = [f"family_{i}" for i in range(FEATURES // width if width > 1 else FEATURES // 200)]
        names = 200 if width == 1 else width
        began = time.perf_counter()
        for table in tables:
            warehouse.execute(f"create table {table} as {_rows(width, names, rows)}")
        warehouse.execute("checkpoint")
        written = time.perf_counter()
        # One feature in eighty, wherever it lies.
        for table in tables[:: max(1, len(tables) // 20)]:
            wanted = range(1, names + 1, max(1, FEATURES // 20))
            values = ", ".join(f"avg({_value(width, place)})" for place in wanted)
            warehouse.execute(f"select {values} from {table}").fetchall()
        read = time.perf_counter()
        fetch(warehouse, tables, sample, rows // sample)
        return written - began, read - written, time.perf_counter() - read


def _rows(width: int, names: int, rows: int) -> str:
    values = [f"cast((hash(i, {place}) % 100000) / 7 as float)" for place in range(names)]
    if width == 1:
        named = ", ".join(f"{value} as f{place + 1}" for place, value in enumerate(values))
        return f"select i as id, {named} from range({rows}) t(i)"
    return (
        f"select i as id, [{', '.join(values)}]::float[{width}] as vector from range({rows}) t(i)"
    )


def _value(width: int, place: int) -> str:
    return f"f{place}" if width == 1 else f"vector[{place}]"


def fetch(
    warehouse: duckdb.DuckDBPyConnection, tables: list[str], sample: int, step: int
) -> NDArray[np.float32]:
    """Return every feature of every `step`-th row as one matrix."""
    blocks = []
    for table in tables:
        found = warehouse.sql(
            f"select t.* exclude (id) from range({sample}) e(i) "
            f"join {table} t on t.rowid = e.i * {step} order by e.i"
        ).to_arrow_table()
        if found.num_columns == 1:
            blocks.append(found.column(0).combine_chunks().flatten().to_numpy().reshape(sample, -1))
        else:
            blocks.append(np.column_stack([column.to_numpy() for column in found.columns]))
    return np.hstack(blocks)


if __name__ == "__main__":
    main()
