"""The sliced transaction features in Spark SQL, from raw Parquet to a Parquet file.

What a practised user of Spark would write: one aggregation with a conditional sum a slice, a dense
grid of months, and sums over windows of its rows. Run as
`python -m tests.benchmarks.spark_rival HOME OUT`, HOME being the folder with `raw`.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pyspark.sql import SparkSession

from tests.benchmarks.rivals import Family, families, names

MASTER = "local-cluster[2,1,4096]"
WINDOWS = {1: "", 3: "_3", 6: "_6", 12: "_12"}


def main(home: Path, out: Path) -> None:
    """Write every feature of `families`, one row a customer and month since the first event."""
    session = (
        SparkSession.builder.master(MASTER)
        .config("spark.executor.memory", "4g")
        .config("spark.driver.memory", "2g")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "16")
        .config("spark.sql.session.timeZone", "UTC")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    raw = str(home / "raw" / "detail" / "trx" / "fold=0" / "*.parquet")
    session.read.parquet(raw).createOrReplaceTempView("events")
    session.sql(_monthly()).createOrReplaceTempView("monthly")
    session.sql(_dense()).createOrReplaceTempView("dense")
    session.sql(_summed()).createOrReplaceTempView("summed")
    with tempfile.TemporaryDirectory(dir=home) as folder:
        session.sql(_features()).write.parquet(f"{folder}/out", compression="lz4")
        out.mkdir(exist_ok=True)
        for number, part in enumerate(sorted(Path(folder, "out").glob("*.parquet"))):
            shutil.move(part, out / f"{number}.parquet")
    session.stop()


def _slices() -> Iterator[tuple[Family, str, str, str]]:
    """Yield each slice: its family, its column, the clause in features' names, its condition."""
    for family in families():
        listed = ", ".join(map(str, family.values))
        conditions = [f"{family.dimension} = {value}" for value in family.values]
        other = f"{family.dimension} is null or {family.dimension} not in ({listed})"
        for (column, clause), condition in zip(names(family), [*conditions, other], strict=True):
            yield family, column, clause, condition


def _own() -> list[str]:
    return ["all", *(column for _, column, _, _ in _slices())]


def _monthly() -> str:
    parts = ["sum(amount) as sum_all", "count(*) as count_all"]
    for _, column, _, condition in _slices():
        parts.append(f"sum(case when {condition} then amount end) as sum_{column}")
        parts.append(f"count(case when {condition} then 1 end) as count_{column}")
    return (
        "select client_id, cast(date_trunc('month', event_time) as date) as month, "
        f"{', '.join(parts)} from events group by 1, 2"
    )


def _dense() -> str:
    parts = [f"coalesce({p}_{c}, 0) as {p}_{c}" for c in _own() for p in ("sum", "count")]
    return (
        "with first as (select client_id, min(month) as first_month from monthly group by 1), "
        "months as (select distinct month from monthly), "
        "grid as (select client_id, month from first cross join months where month >= first_month) "
        f"select client_id, month, {', '.join(parts)} from grid "
        "left join monthly using (client_id, month)"
    )


def _summed() -> str:
    parts = []
    for column in _own():
        for part in ("sum", "count"):
            parts.append(f"{part}_{column}")
            parts += [
                f"sum({part}_{column}) over (partition by client_id order by month "
                f"rows between {window - 1} preceding and current row) as {part}_{column}{end}"
                for window, end in WINDOWS.items()
                if end
            ]
    return f"select client_id, month, {', '.join(parts)} from dense"


def _features() -> str:
    parts = []
    for family, column, clause, _ in _slices():
        for window, end in WINDOWS.items():
            total, count = f"sum_{column}{end}", f"count_{column}{end}"
            known = f"case when {count} > 0 then {total} end"
            amount, suffix = f"trx_{family.measure}", f"{clause}__{window}m"
            whole = f"nullif(sum_all{end}, 0)"
            features = {
                f"{amount}_sum{suffix}": known,
                f"{amount}_mean{suffix}": f"{known} / {count}",
                f"{amount}_share{suffix}": f"{known} / {whole}",
                f"trx_event_count{suffix}": count,
                f"trx_event_share{suffix}": f"{count} / nullif(count_all{end}, 0)",
            }
            parts += [f"cast({value} as float) as {name}" for name, value in features.items()]
    return f"select client_id, month, {', '.join(parts)} from summed"


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
