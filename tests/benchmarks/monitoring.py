"""What a month's monitoring costs: python -m tests.benchmarks.monitoring HOME [--rival PYTHON].

HOME is a built workspace. All features of its families of vectors are measured in the newest month
beside the twelve months before it, in a process of its own. The rival is Evidently's drift of the
same columns of the same samples, in the environment of PYTHON, which has evidently and pyarrow.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import duckdb
import jinja2
import psutil

from tests.benchmarks.process import run
from tests.workspaces import REPOSITORY

MACROS = REPOSITORY / "dbt_project" / "macros" / "monitoring"
USED = ("almanac_psi", "almanac_psi_noise", "almanac_jensen_shannon", "measured_month")
MEMORY = "4GB"
RIVAL = """
import sys
import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset
here, there = (pd.read_parquet(path) for path in sys.argv[1:3])
# It refuses columns without any value.
kept = [name for name in here if here[name].notna().any() and there[name].notna().any()]
here, there = here[kept], there[kept]
Report([DataDriftPreset(method="psi")]).run(here, there).dict()
"""


def main() -> None:
    """Print what measuring took, and beside it the rival."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("--customers", type=int, default=10_000, help="Of each sample.")
    parser.add_argument("--rival", help="A Python that has evidently.")
    parser.add_argument("--columns", type=int, default=200, help="As many for the rival.")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.measure:
        print(measure(chosen.home, chosen.customers))
        return
    arguments = ["-m", "tests.benchmarks.monitoring", str(chosen.home), "--measure"]
    ran = run([sys.executable, *arguments, "--customers", str(chosen.customers)])
    print(f"{ran.seconds:.1f} s, {ran.busy:.1f} s of processors, {ran.peak / 2**30:.2f} GiB")
    if chosen.rival:
        compare(chosen.home, chosen.customers, chosen.columns, chosen.rival)


def families(warehouse: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
    """Return each table of vectors with the number of its features."""
    tables = warehouse.execute(
        "select table_schema || '.' || table_name from information_schema.columns "
        "where table_schema = 'features' and column_name = 'vector' order by 1"
    ).fetchall()
    sized = [
        (table, warehouse.execute(f"select len(vector) from {table} limit 1").fetchall())
        for (table,) in tables
    ]
    return [(table, rows[0][0]) for table, rows in sized if rows]


def months(warehouse: duckdb.DuckDBPyConnection, table: str) -> tuple[date, date, date]:
    """Return the newest month, and the first and last of the twelve before it."""
    (found,) = warehouse.execute(
        "select max(feature_month)::date, (max(feature_month) - interval 12 month)::date, "
        f"(max(feature_month) - interval 1 month)::date from {table}"
    ).fetchall()
    return found


def statement(table: str, features: int, spans: tuple[date, date, date], asked: int) -> str:
    """Return the project's own statement."""
    source = "".join((MACROS / f"{name}.sql").read_text(encoding="utf-8") for name in USED)
    call = "{{ measured_month(table, 'vector', features, month, first, last, asked) }}"
    template = jinja2.Environment().from_string(source + call)
    month, first, last = spans
    return template.render(
        table=table, features=features, month=month, first=first, last=last, asked=asked
    )


def measure(home: Path, asked: int) -> str:
    """Measure every family, as the post-hook does, and return what was done."""
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as warehouse:
        # Else DuckDB keeps what it read of the file for as long as there is memory.
        warehouse.execute(f"set memory_limit = '{MEMORY}'")
        found = families(warehouse)
        began = time.perf_counter()
        for table, features in found:
            spans = months(warehouse, table)
            warehouse.execute(statement(table, features, spans, asked)).fetchall()
        seconds = time.perf_counter() - began
        (rows,) = warehouse.execute(f"select count(*) from {found[0][0]}").fetchall()
    total = sum(features for _, features in found)
    peak = psutil.Process().memory_info().rss / 2**30
    return f"{total:,} features of {rows[0]:,} customer-months: {seconds:.1f} s, now {peak:.2f} GiB"


def compare(home: Path, asked: int, columns: int, python: str) -> None:
    """Give both the same columns of the same samples, and print seconds and memory."""
    with (
        duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as warehouse,
        tempfile.TemporaryDirectory() as folder,
    ):
        table, features = max(families(warehouse), key=lambda each: each[1])
        taken = min(columns, features)
        spans = months(warehouse, table)
        names = ", ".join(f"nullif(vector[{i + 1}], 'nan') as f{i}" for i in range(taken))
        paths = []
        for place, condition in enumerate(
            (f"= '{spans[0]}'", f"between '{spans[1]}' and '{spans[2]}'")
        ):
            path = Path(folder) / f"{place}.parquet"
            warehouse.execute(
                f"copy (select {names} from {table} where feature_month {condition} "
                f"order by md5(customer_id || feature_month) limit {asked}) to '{path}'"
            )
            paths.append(str(path))
        began = time.perf_counter()
        warehouse.execute("set threads = 2")
        warehouse.execute(
            statement(table, taken, spans, asked).replace(
                "vector as row_values", f"vector[1:{taken}] as row_values"
            )
        ).fetchall()
        ours = time.perf_counter() - began
        script = Path(folder) / "rival.py"
        script.write_text(RIVAL, encoding="utf-8")
        theirs = run([python, str(script), *paths])
        version = subprocess.run(
            [python, "-c", "import evidently; print(evidently.__version__)"],
            capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip
    print(
        f"{taken} columns of {asked:,} rows each side: {ours:.2f} s; "
        f"evidently {version}, PSI alone, {theirs.seconds:.2f} s, {theirs.peak / 2**30:.2f} GiB: "
        f"{theirs.seconds / ours:.1f} times"
    )


if __name__ == "__main__":
    main()
