"""The rows of a lake: beside those that dbt built on one machine, and spoilt by hand."""

from pathlib import Path

import duckdb

from ml.workspace.sql import quoted

SCHEMAS = ("staging", "intermediate", "features", "targets", "marts", "seeds")
# About how many customers a file's events are of: an estimate, and no bucket's is the whole's.
ESTIMATES = ("customers",)
# Hashes of where a raw file lies and when it was written.
STAMPS = ("stamp", "stamp_together")
# What dbt notes of its own work, and which models a workspace has trained.
NOTES = ("measured_families", "judged_files", "dim_targets")


def differences(one: Path, other: Path, *, same_files: bool = True, least: int = 80) -> list[str]:
    """Each relation of `one` whose types or rows, in any order, are not those of `other`.

    Of copies of the raw files, not `same_files`, what is known of the files themselves differs.
    There must be more than `least` relations.
    """
    left_out = () if same_files else STAMPS
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"attach '{one}/warehouse.duckdb' as one (read_only)")
        connection.execute(f"attach '{other}/warehouse.duckdb' as other (read_only)")
        relations = connection.execute(
            "select table_schema, table_name from information_schema.tables "
            f"where table_catalog = 'one' and table_schema in {SCHEMAS} "
            # They are built after the lake.
            "and not contains(table_name, '_monitoring_') order by all"
        ).fetchall()
        assert len(relations) > least
        return [
            told
            for schema, name in relations
            if name not in NOTES
            and (told := _difference(connection, f"{schema}.{quoted(name)}", left_out))
        ]


def _difference(connection: duckdb.DuckDBPyConnection, name: str, left_out: tuple[str, ...]) -> str:
    columns = [
        [row[:2] for row in connection.execute(f"describe {which}.{name}").fetchall()]
        for which in ("one", "other")
    ]
    if sorted(columns[0]) != sorted(columns[1]):
        return f"{name}: {set(columns[0]) ^ set(columns[1])}"
    if "_files" in name:
        left_out += ESTIMATES
    exact = [column for column, _ in columns[0] if column not in left_out]
    rows = ", ".join(map(quoted, exact))
    counts = [
        connection.execute(f"select count(*) from {which}.{name}").fetchall()[0][0]
        for which in ("one", "other")
    ]
    ((more,),) = connection.execute(
        f"select count(*) from (select {rows} from one.{name} "
        f"except all select {rows} from other.{name})"
    ).fetchall()
    return f"{name}: {counts} rows, {more} differ" if more or counts[0] != counts[1] else ""


def rounded(value: object) -> object:
    """Return floats with 12 digits, lists and tuples element by element, and all else as it is.

    Sums of floats, as standard deviations are made of, differ in the last digit by their order.
    """
    if isinstance(value, list | tuple):
        return [rounded(each) for each in value]
    return float(f"{value:.12g}") if isinstance(value, float) else value


def spoil(file: str, column: str) -> None:
    """Change a column of a file of the lake by hand, and what its table's log says of the size."""
    path = Path(file)
    before = f'"size":{path.stat().st_size}'
    with duckdb.connect() as connection:
        connection.execute(
            f"create table rows as select * replace ({column} + 1 as {column}) "
            f"from read_parquet('{file}', hive_partitioning = false)"
        )
        connection.execute(f"copy rows to '{file}' (format parquet)")
    after = f'"size":{path.stat().st_size}'
    (logs,) = (found for each in path.parents if (found := each / "_delta_log").is_dir())
    for log in logs.glob("*.json"):
        lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
        told = (line.replace(before, after) if path.name in line else line for line in lines)
        log.write_text("".join(told), encoding="utf-8")
