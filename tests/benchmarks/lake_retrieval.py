"""How fast training rows come from a lake: python -m tests.benchmarks.lake_retrieval HOME ….

Each HOME is a workspace of the same customers, one of dbt's warehouse and others of lakes, as
`python -m tests.benchmarks.lake --keep` leaves them. Random customer-months are looked up with the
first so many features of the transactions, each in a process of its own, and the answers compared.
"""

import argparse
import os
import sys
from pathlib import Path

import pyarrow as pa

from tests.benchmarks.features import workspace_environment
from tests.benchmarks.process import run_with_offspring
from tests.workspaces import BIN, REPOSITORY

ENTITIES = """
    select customer_id, event_timestamp from features.ftr_trx
    order by hash(customer_id, event_timestamp) limit {rows}
"""


def main() -> None:
    """Print a line a workspace: seconds, memory, and whether the answer is that of the first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("homes", nargs="+", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=500)
    chosen = parser.parse_args()
    first: tuple[float, str] | None = None
    for home in chosen.homes:
        found = home.resolve()
        environment = workspace_environment(found, found.parent / "raw")
        environment["FEATURE_REPO_DIR_ENV_VAR"] = str(REPOSITORY / "feature_repo")
        run_with_offspring([str(BIN / "feast"), "apply"], **environment)
        call = f"from {__spec__.name} import retrieve; retrieve({chosen.rows}, {chosen.features})"
        took = run_with_offspring([sys.executable, "-c", call], **environment)
        answer = (found / "answer.txt").read_text("utf-8")
        first = first or (took.seconds, answer)
        print(
            f"{home.name:10} {took.seconds:6.1f} s ({took.seconds / first[0]:.2f} x), processor "
            f"{took.busy:6.1f} s, largest process {took.peak / 2**30:.2f} GiB; {answer}; "
            f"{'equal' if answer == first[1] else 'DIFFERENT'}",
            flush=True,
        )


def retrieve(rows: int, features: int) -> None:
    """Look the rows up in the workspace of ALMANAC_HOME, and write what identifies the answer."""
    import duckdb

    from ml.features.catalogue.lookup import read_features
    from ml.store.retrieval import retrieval
    from ml.workspace.settings import workspace

    ws = workspace()
    with duckdb.connect(str(ws.warehouse), read_only=True) as warehouse:
        entities = warehouse.sql(ENTITIES.format(rows=rows)).to_arrow_table()
    names = [each.name for each in read_features(ws) if each.family.startswith("trx")][:features]
    answer = retrieval(ws, names, entities).to_arrow()
    assert isinstance(answer, pa.Table)
    with duckdb.connect() as memory:
        memory.register("answer", answer)
        memory.execute("set threads = 1")
        numbered = "select answer as row, row_number() over () as number from answer"
        total = memory.execute(f"select sum(hash(row, number)) from ({numbered})").fetchone()
    words = f"{answer.num_rows:,} rows, {answer.num_columns} columns, hash {total and total[0]}"
    (Path(os.environ["ALMANAC_HOME"]) / "answer.txt").write_text(words, encoding="utf-8")


if __name__ == "__main__":
    main()
