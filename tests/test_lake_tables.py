"""The lake's tables: what a commit changes, what readers see, and what is cleaned away."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

pytest.importorskip("deltalake", reason="the extra `lake` is not installed")

from deltalake import DeltaTable

from ml.lake.column_types import arrow_schema, file_type
from ml.lake.tables import Replaced, WrittenFile, clean, commit, files_at, table_folder
from ml.workspace.errors import BadInput, Held, NotBuilt

YEARLY = ("bucket", "feature_year")
COLUMNS = {"customer_id": "VARCHAR", "amount": "DOUBLE"}
ALL = [(bucket, year) for bucket in (0, 1) for year in (2022, 2023, 2024)]
EXTREMES = {
    "VARCHAR": ["''", "'é\n\"'"],
    "BLOB": ["''::blob", r"'\x00\xFF'::blob"],
    "BOOLEAN": ["true", "false"],
    "TINYINT": ["-128", "127"],
    "SMALLINT": ["-32768", "32767"],
    "INTEGER": ["-2147483648", "2147483647"],
    "BIGINT": ["-9223372036854775808", "9223372036854775807"],
    "UTINYINT": ["0", "255"],
    "USMALLINT": ["0", "65535"],
    "UINTEGER": ["0", "4294967295"],
    "UBIGINT": ["0", "18446744073709551615"],
    "HUGEINT": [f"-{'9' * 38}", "9" * 38],
    "DECIMAL(38,0)": [f"-{'9' * 38}", "9" * 38],
    "DECIMAL(18,3)": ["-999999999999999.999", "0.001"],
    "FLOAT": ["'nan'", "'-0.0'", "'-inf'", "3.4028235e38", "1e-45"],
    "DOUBLE": ["'nan'", "'-0.0'", "'inf'", "1.7976931348623157e308", "5e-324"],
    "DATE": ["'0001-01-01'", "'9999-12-31'"],
    "TIMESTAMP": ["'0001-01-01 00:00:00.000001'", "'9999-12-31 23:59:59.999999'"],
    "TIMESTAMP WITH TIME ZONE": ["'0001-01-02 00:00:00.000001+00'", "'9999-12-30 00:00:00+00'"],
    "FLOAT[3]": ["['nan', null, '-0.0']", "[1, 2, 3]"],
    "VARCHAR[]": ["[]", "['a', null, '']"],
    "UBIGINT[]": ["[18446744073709551615, null]"],
    "UUID": ["'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"],
    "ENUM('a', 'é')": ["'a'", "'é'"],
}


@dataclass
class Table:
    """A table whose files hold one row, the name of the build that wrote it."""

    folder: Path
    database: duckdb.DuckDBPyConnection

    def write(self, build: str, *places: tuple[int, int], more: str = "") -> list[WrittenFile]:
        return [self.written(f"{build}.parquet", build, place, more) for place in places]

    def written(self, name: str, build: str, place: tuple[int, int], more: str) -> WrittenFile:
        path = self.folder / f"bucket={place[0]}" / f"feature_year={place[1]}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        row = f"'{build}' as customer_id, 1.5::double as amount{more}"
        self.database.execute(f"copy (select {row}) to '{path}' (format parquet)")
        inside = path.relative_to(self.folder).as_posix()
        return WrittenFile(inside, path.stat().st_size, 1, dict(zip(YEARLY, place, strict=True)))

    def commit(
        self,
        base: int | None,
        files: list[WrittenFile],
        replaced: Replaced,
        partition_by: tuple[str, ...] = YEARLY,
        **more: str,
    ) -> int:
        return commit(
            self.folder,
            base,
            schema=arrow_schema({**COLUMNS, **more}, partition_by),
            partition_by=partition_by,
            files=files,
            replaced=replaced,
        )

    def builds(self, version: int) -> dict[str, set[int]]:
        """The years that each build's files of a version have."""
        found: dict[str, set[int]] = {}
        for file in files_at(self.folder, version):
            path = self.folder / file.path
            ((build,),) = self.database.sql(f"select customer_id from '{path}'").fetchall()
            found.setdefault(build, set()).add(file.partition["feature_year"])
        return found

    def on_disk(self) -> set[str]:
        return {path.stem for path in self.folder.glob("bucket=*/**/*.parquet")}


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Table]:
    with duckdb.connect(config={"threads": 1}) as database:
        yield Table(table_folder(tmp_path, "features.ftr_spend"), database)


def test_a_table_has_its_place_in_the_lake(tmp_path: Path) -> None:
    expected = tmp_path / "tables" / "features" / "ftr_spend"
    assert table_folder(tmp_path, "features.ftr_spend") == expected


def test_a_first_commit_gives_back_what_was_told(table: Table) -> None:
    files = table.write("a", *ALL)
    version = table.commit(None, files, "everything")
    assert version == 0
    assert files_at(table.folder, version) == sorted(files, key=lambda file: file.path)


def test_names_of_files_come_back_as_they_are(table: Table) -> None:
    names = ["a b.parquet", "a%20b.parquet", "é.parquet", "a#b?.parquet"]
    files = [table.written(name, "a", (0, 2022), "") for name in names]
    version = table.commit(None, files, "everything")
    assert {Path(file.path).name for file in files_at(table.folder, version)} == set(names)
    assert DeltaTable(table.folder).to_pyarrow_table().num_rows == 4


def test_an_append_keeps_the_earlier_files(table: Table) -> None:
    first = table.commit(None, table.write("a", *ALL), "everything")
    second = table.commit(first, table.write("b", (0, 2024), (0, 2025)), "nothing")
    assert table.builds(second) == {"a": {2022, 2023, 2024}, "b": {2024, 2025}}
    assert len(files_at(table.folder, second)) == len(ALL) + 2


def test_a_commit_replaces_some_years_of_all_buckets_at_once(table: Table) -> None:
    first = table.commit(None, table.write("a", *ALL), "everything")
    fresh = table.write("b", (0, 2023), (1, 2024))
    second = table.commit(first, fresh, {"feature_year": {2023, 2024}})
    assert second == first + 1
    assert table.builds(second) == {"a": {2022}, "b": {2023, 2024}}
    assert len(files_at(table.folder, second)) == 4


def test_a_commit_replaces_one_bucket_of_one_year(table: Table) -> None:
    first = table.commit(None, table.write("a", *ALL), "everything")
    replaced = {"feature_year": {2023}, "bucket": {1}}
    second = table.commit(first, table.write("b", (1, 2023)), replaced)
    left = {tuple(file.partition.values()) for file in files_at(table.folder, second)}
    assert left == set(ALL)
    assert table.builds(second) == {"a": {2022, 2023, 2024}, "b": {2023}}


def test_years_are_taken_out_where_nothing_comes_in(table: Table) -> None:
    first = table.commit(None, table.write("a", *ALL), "everything")
    second = table.commit(first, [], {"feature_year": [2022, 2024]})
    assert table.builds(second) == {"a": {2023}}


def test_no_years_are_no_years(table: Table) -> None:
    first = table.commit(None, table.write("a", *ALL), "everything")
    second = table.commit(first, [], {"feature_year": []})
    assert files_at(table.folder, second) == files_at(table.folder, first)


def test_everything_is_replaced(table: Table) -> None:
    first = table.commit(None, table.write("a", *ALL), "everything")
    second = table.commit(first, table.write("b", (0, 2024)), "everything")
    assert table.builds(second) == {"b": {2024}}


def test_tables_of_events_have_batches(table: Table) -> None:
    parts = ("bucket", "batch")
    for batch in (1, 2):
        (file,) = table.write(f"batch{batch}", (0, 2024))
        file = WrittenFile(file.path, file.bytes, 1, {"bucket": 0, "batch": batch})
        version = table.commit(None if batch == 1 else 0, [file], "nothing", parts)
    told = [file.partition for file in files_at(table.folder, version)]
    assert told == [{"bucket": 0, "batch": 1}, {"bucket": 0, "batch": 2}]


def test_a_reader_of_the_old_version_sees_nothing_of_a_commit(table: Table) -> None:
    first = table.commit(None, table.write("a", *ALL), "everything")
    before = files_at(table.folder, first)
    reader = table.database.cursor()
    reader.execute(f"select customer_id from '{table.folder}/bucket=0/**/*.parquet'")
    second = table.commit(first, table.write("b", *ALL), "everything")
    clean(table.folder, {first, second})
    assert files_at(table.folder, first) == before
    assert table.builds(first) == {"a": {2022, 2023, 2024}}
    assert reader.fetchall() == [("a",)] * 3


@pytest.mark.parametrize("dead", ["everything", {"feature_year": {2023}}])
def test_a_commit_goes_back_before_a_build_that_died(table: Table, dead: Replaced) -> None:
    first = table.commit(None, table.write("a", *ALL), "everything")
    table.commit(first, table.write("dead", (0, 2023)), dead)
    second = table.commit(first, table.write("b", (0, 2024)), {"feature_year": {2024}})
    assert table.builds(second) == {"a": {2022, 2023}, "b": {2024}}


def test_a_commit_goes_back_before_another_schema_and_partitions(table: Table) -> None:
    """A version without times, and one of other partitions, may lie in between."""
    times = ", timestamp '2024-01-01' as seen"
    files = table.write("a", *ALL, more=times)
    first = table.commit(None, files, "everything", seen="TIMESTAMP")
    (file,) = table.write("dead", (0, 2023))
    other = WrittenFile(file.path, file.bytes, 1, {"bucket": 0})
    table.commit(first, [other], "everything", ("bucket",))
    fresh = table.write("b", (0, 2024), more=times)
    second = table.commit(first, fresh, {"feature_year": {2024}}, seen="TIMESTAMP")
    assert table.builds(second) == {"a": {2022, 2023}, "b": {2024}}
    assert DeltaTable(table.folder).to_pyarrow_table().column("seen").null_count == 0


def test_a_table_of_a_build_that_died_is_new_again(table: Table) -> None:
    table.commit(None, table.write("dead", *ALL), "everything")
    version = table.commit(None, table.write("a", (0, 2022)), "nothing")
    assert table.builds(version) == {"a": {2022}}


def test_no_version_is_added_where_there_is_nothing_to_go_back_from(table: Table) -> None:
    first = table.commit(None, table.write("a", *ALL), "everything")
    second = table.commit(first, table.write("b", *ALL), "everything")
    clean(table.folder, {second})
    assert table.commit(second, table.write("c", (0, 2022)), "nothing") == second + 1


def test_new_columns_replace_the_table(table: Table) -> None:
    first = table.commit(None, table.write("a", *ALL), "everything")
    fresh = table.write("b", (0, 2024), more=", timestamp '2024-01-01' as seen")
    second = table.commit(first, fresh, "everything", seen="TIMESTAMP")
    rows = DeltaTable(table.folder).to_pyarrow_table()
    assert rows.column_names == ["customer_id", "amount", "seen", *YEARLY]
    assert rows.column("seen").null_count == 0
    assert table.builds(second) == {"b": {2024}}
    older = DeltaTable(table.folder, version=first).to_pyarrow_table()
    assert older.column_names == ["customer_id", "amount", *YEARLY]


@pytest.mark.parametrize("replaced", ["nothing", {"feature_year": {2024}}])
def test_new_columns_in_some_of_the_files_are_refused(table: Table, replaced: Replaced) -> None:
    first = table.commit(None, table.write("a", *ALL), "everything")
    with pytest.raises(ValueError, match="other columns"):
        table.commit(first, table.write("b", (0, 2024)), replaced, seen="TIMESTAMP")
    assert DeltaTable(table.folder).version() == first


def test_other_partition_columns_in_some_of_the_files_are_refused(table: Table) -> None:
    first = table.commit(None, table.write("a", *ALL), "everything")
    with pytest.raises(ValueError, match="is partitioned by"):
        table.commit(first, [], "nothing", ("bucket",))


def test_a_file_outside_of_what_is_replaced_is_refused(table: Table) -> None:
    first = table.commit(None, table.write("a", *ALL), "everything")
    with pytest.raises(ValueError, match="is not in"):
        table.commit(first, table.write("b", (0, 2022)), {"feature_year": {2023}})
    with pytest.raises(ValueError, match="none of the columns"):
        table.commit(first, [], {"month": {1}})
    with pytest.raises(ValueError, match="none of the columns"):
        table.commit(first, [], {})


def test_a_file_without_its_partition_is_refused(table: Table) -> None:
    (file,) = table.write("a", (0, 2022))
    with pytest.raises(ValueError, match=r"is no \('bucket', 'feature_year'\)"):
        table.commit(None, [WrittenFile(file.path, file.bytes, 1, {"bucket": 0})], "everything")


def test_a_file_that_is_gone_or_cut_short_is_told(table: Table) -> None:
    (file,) = table.write("a", (0, 2022))
    path = table.folder / file.path
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(NotBuilt, match=f"has {file.bytes - 1} bytes"):
        table.commit(None, [file], "everything")
    path.unlink()
    with pytest.raises(NotBuilt, match="is not there"):
        table.commit(None, [file], "everything")


def test_a_commit_of_somebody_else_meanwhile_is_told(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = table.commit(None, table.write("a", *ALL), "everything")
    theirs, ours = table.write("theirs", (0, 2022)), table.write("ours", (0, 2022))
    write = DeltaTable.create_write_transaction

    def late(*args: object, **options: object) -> None:
        monkeypatch.undo()
        table.commit(first, theirs, "nothing")
        write(*args, **options)

    monkeypatch.setattr(DeltaTable, "create_write_transaction", late)
    with pytest.raises(Held, match="changed the table"):
        table.commit(first, ours, "nothing")
    assert set(table.builds(first + 1)) == {"a", "theirs"}


@pytest.mark.parametrize(
    ("version", "told"), [(0, "ftr_spend is not there"), (7, "ftr_spend cannot be used: .*7")]
)
def test_what_is_not_there_is_told(table: Table, version: int, told: str) -> None:
    if version:
        table.commit(None, table.write("a", *ALL), "everything")
    with pytest.raises(NotBuilt, match=told) as caught:
        files_at(table.folder, version)
    assert "build the lake again" in caught.value.next.lower()


def test_a_damaged_log_is_told(table: Table) -> None:
    version = table.commit(None, table.write("a", *ALL), "everything")
    (log,) = (table.folder / "_delta_log").glob("*.json")
    log.write_text(log.read_text()[:100])
    with pytest.raises(NotBuilt, match="ftr_spend cannot be used"):
        files_at(table.folder, version)


def test_cleaning_leaves_what_the_kept_versions_need(table: Table) -> None:
    versions = [table.commit(None, table.write("a", *ALL), "everything")]
    for build in ("b", "c"):
        fresh = table.write(build, (0, 2024), (1, 2024))
        versions.append(table.commit(versions[-1], fresh, {"feature_year": {2024}}))
    table.commit(versions[-1], table.write("dead", (0, 2023)), "everything")
    table.write("orphan", (5, 2023))
    deleted = clean(table.folder, versions[1:])
    assert {path.stem for path in deleted} == {"a", "dead", "orphan"}
    assert all("feature_year=2024" in str(path) for path in deleted if path.stem == "a")
    assert table.builds(versions[1]) == {"a": {2022, 2023}, "b": {2024}}
    assert table.builds(versions[2]) == {"a": {2022, 2023}, "c": {2024}}
    assert table.on_disk() == {"a", "b", "c"}
    assert clean(table.folder, versions[1:]) == []
    assert {path.stem for path in clean(table.folder, {versions[2]})} == {"b"}


def test_a_build_goes_on_after_a_dead_one_was_cleaned_away(table: Table) -> None:
    first = table.commit(None, table.write("a", *ALL), "everything")
    table.commit(first, table.write("dead", (0, 2023)), {"feature_year": {2023}})
    clean(table.folder, {first})
    second = table.commit(first, table.write("b", (0, 2024)), {"feature_year": {2024}})
    assert table.builds(second) == {"a": {2022, 2023}, "b": {2024}}


def test_versions_are_whole_after_many_commits(table: Table) -> None:
    """Every tenth commit sums up the earlier ones; those before it can still be read."""
    versions = [table.commit(None, table.write("0", *ALL), "everything")]
    for build in range(1, 25):
        fresh = table.write(str(build), (0, 2024))
        versions.append(table.commit(versions[-1], fresh, {"feature_year": {2024}}))
    assert list((table.folder / "_delta_log").glob("*.checkpoint.parquet"))
    for build in (1, 9, 10, 11, 23, 24):
        assert table.builds(versions[build]) == {"0": {2022, 2023}, str(build): {2024}}
    clean(table.folder, versions[-2:])
    assert table.on_disk() == {"0", "23", "24"}


@pytest.mark.parametrize("duckdb_type", EXTREMES)
def test_values_survive_the_way_through_the_lake(table: Table, duckdb_type: str) -> None:
    """Of each type: its extremes and null, as DuckDB and as Arrow read them."""
    values = [*EXTREMES[duckdb_type], "null"]
    kept = file_type("x", duckdb_type)
    made = f"(values {', '.join(f'(({value})::{duckdb_type})' for value in values)}) made(x)"
    source = f"select x from {made}"
    path = table.folder / "bucket=0" / "a.parquet"
    path.parent.mkdir(parents=True)
    table.database.execute(f"set timezone = 'UTC'; create table source as {source}")
    table.database.execute(f"copy (select x::{kept} as x from source) to '{path}'")
    schema = arrow_schema({"x": duckdb_type}, ("bucket",))
    file = WrittenFile("bucket=0/a.parquet", path.stat().st_size, len(values), {"bucket": 0})
    commit(
        table.folder,
        None,
        schema=schema,
        partition_by=("bucket",),
        files=[file],
        replaced="nothing",
    )

    # Written out as text, NaN equals NaN, and -0.0 is not 0.0.
    expected = table.database.sql("select x::varchar from source").fetchall()
    read = f"select x::{duckdb_type}::varchar from"
    assert table.database.sql(f"{read} read_parquet('{path}')").fetchall() == expected
    arrow = DeltaTable(table.folder).to_pyarrow_table()
    assert table.database.sql(f"{read} arrow").fetchall() == expected
    assert arrow.schema.field("x").type.equals(schema.field("x").type) or "[" in duckdb_type


@pytest.mark.parametrize(
    "duckdb_type", ["TIME", "INTERVAL", "TIMESTAMP_NS", "UHUGEINT", "STRUCT(a INTEGER)", "TIME[]"]
)
def test_types_that_would_not_come_back_are_refused(duckdb_type: str) -> None:
    with pytest.raises(BadInput, match="The column seen_at is of type"):
        file_type("seen_at", duckdb_type)


def test_a_number_too_large_for_the_files_is_no_rounded_number(table: Table) -> None:
    kept = file_type("x", "HUGEINT")
    with pytest.raises(duckdb.ConversionException):
        table.database.sql(f"select 1{'0' * 38}::hugeint::{kept}").fetchall()
