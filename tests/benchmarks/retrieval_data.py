"""The warehouse and the Parquet files of the retrieval benchmark: FOLDER CUSTOMERS MONTHS."""

import sys
from pathlib import Path

import duckdb

from tests.benchmarks.retrieval_ways import FEATURES, VIEWS, names

ENTITY_ROWS = (100_000, 1_000_000)


def main(folder: Path, customers: int, months: int) -> None:
    """Write warehouse.duckdb, f0.parquet to f4.parquet and the entity rows into `folder`."""
    with duckdb.connect(str(folder / "warehouse.duckdb")) as warehouse:
        warehouse.execute("create schema features")
        for view in range(VIEWS):
            warehouse.execute(_vectors(view, customers, months))
            spelt = ", ".join(
                f"nullif(vector[{place}], 'nan'::float) as {name}"
                for place, name in enumerate(names(view), start=1)
            )
            warehouse.execute(
                f"create view features.f{view} as select customer_id, event_timestamp, {spelt} "
                f"from features.f{view}__vectors"
            )
            warehouse.execute(f"copy features.f{view} to '{folder}/f{view}.parquet'")
        for rows in ENTITY_ROWS:
            sql = _entities(rows, customers, months)
            warehouse.execute(f"copy ({sql}) to '{folder}/entities_{rows}.parquet'")


def _vectors(view: int, customers: int, months: int) -> str:
    # Seven digits, one value in twenty missing.
    values = ", ".join(
        f"case when hash(id, {view}, {i}) % 20 > 0 then (hash(id, {view}, {i}) % 9999991) / 7 "
        "else 'nan' end"
        for i in range(FEATURES)
    )
    return (
        f"create table features.f{view}__vectors as "
        "select 'c' || id // 1000 as customer_id, "
        "timestamp '2021-02-01' + to_months((id % 1000)::int) as event_timestamp, "
        f"[{values}]::float[{FEATURES}] as vector from (select c * 1000 + m as id "
        f"from range({customers}) a(c), range({months}) b(m))"
    )


def _entities(rows: int, customers: int, months: int) -> str:
    # One customer in a hundred is unknown; moments lie anywhere in the months and one beyond.
    return (
        f"select i as row, 'c' || hash(i, 1) % {customers * 101 // 100} as customer_id, "
        "timestamp '2021-02-01' + to_seconds((hash(i, 2) % "
        f"{(months + 1) * 30 * 86_400})::bigint) as event_timestamp from range({rows}) t(i)"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
