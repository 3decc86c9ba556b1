"""The same inputs give the same bytes, whatever the order of rows and the number of threads."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from tests.simulated import simulated
from tests.workspaces import TestWorkspace, make_workspace

BUILD = ("dbt", "build", "--quiet", "--exclude", "resource_type:test", "resource_type:unit_test")
# What tells of files, and of places in them, follows the files and not what they say.
OF_FILES = ("landed", "staging", "seeds")
ABOUT_FILES = {"month_version", "stamp", "_file", "file", "content", "version"}


def test_threads_and_the_order_of_rows_change_no_bit(tmp_path: Path) -> None:
    raw = simulated(tmp_path / "first").home / "raw"
    shutil.copytree(raw, tmp_path / "second")
    for file in sorted((tmp_path / "second").rglob("*")):
        turn_around(file)
    first = make_workspace(tmp_path / "a", raw)
    second = make_workspace(tmp_path / "b", tmp_path / "second")
    first.must("taskset", "--cpu-list", "0", *BUILD, "--threads", "1")
    second.must(*BUILD, "--threads", "3")
    found, other = dict(tables(first)), dict(tables(second))
    assert found.keys() == other.keys()
    assert [name for name in found if found[name] != other[name]] == []
    assert sum(rows > 0 for rows, _ in found.values()) > 40


def turn_around(file: Path) -> None:
    """Reverse the rows of a raw file below its header."""
    if file.suffix == ".parquet":
        table = pq.read_table(file)
        pq.write_table(table.take(pa.array(range(table.num_rows - 1, -1, -1))), file)
    elif file.suffix == ".csv":
        header, *lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        file.write_text("".join([header, *reversed(lines)]), encoding="utf-8")


def tables(ws: TestWorkspace) -> Iterator[tuple[str, tuple[int, str]]]:
    """Each table's rows: their number, and a hash of them that does not depend on their order."""
    with duckdb.connect(str(ws.home / "warehouse.duckdb"), read_only=True) as warehouse:
        listed = warehouse.execute(
            "select schema_name, table_name from duckdb_tables() "
            "where not list_contains(?, schema_name) order by all",
            [list(OF_FILES)],
        ).fetchall()
        for schema, table in listed:
            name = f'"{schema}"."{table}"'
            columns = [row[0] for row in warehouse.execute(f"describe {name}").fetchall()]
            hashed = ", ".join(f'"{each}"' for each in columns if each not in ABOUT_FILES)
            rows = warehouse.execute(
                f"select count(*), sum(hash({hashed}))::varchar from {name}"
            ).fetchall()[0]
            yield f"{schema}.{table}", rows
