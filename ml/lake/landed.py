"""Raw files land in buckets: the readers of one machine, each row to the bucket of its customer."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from ml.lake.bucket import prepare
from ml.lake.column_types import file_type
from ml.lake.connection import task_connection
from ml.lake.entry import BATCH, BUCKET, Written
from ml.lake.stored import ROW_GROUP, Stored, partition_of, types_of
from ml.landing.raw_files import RawFile
from ml.landing.relations import LandedRelation
from ml.workspace.faults import writing
from ml.workspace.files import write_json
from ml.workspace.sql import literal, no_glob, quoted, quoted_relation

# Rows of a batch between a reader and the exchange.
ROWS_AT_ONCE = 50_000
FOLDED = (
    "regexp_replace(regexp_replace({id}, '[\\p{{Cc}}\\p{{Cf}}]', '', 'g'), "
    "'^[\\s\\p{{Z}}]+|[\\s\\p{{Z}}]+$', '', 'g')"
)


@dataclass(frozen=True)
class FileReader:
    """A task: reads raw files of one table; its rows carry their bucket.

    `facts` are the workspace's own tables, of which a reader needs identities and who is
    forgotten. What it learns of its files beside their rows goes to a file in `learnt`. A file of
    text is a table before it is rows: what `memory` does not hold of it spills below `scratch`.
    """

    relation: LandedRelation
    files: tuple[RawFile, ...]
    buckets: int
    facts: Mapping[str, Stored]
    types: Mapping[str, str]
    learnt: Path
    memory: str
    scratch: Path

    def __call__(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows with `bucket`, a hash of the company-wide customer; 0 where none."""
        with task_connection(self.memory, self.scratch) as connection:
            prepare(connection)
            for fact, stored in self.facts.items():
                connection.execute(f"create view {quoted_relation(fact)} as {stored.query}")
            made = self.relation.prepare(connection, self.files)
            if self.files:
                self.learnt.mkdir(parents=True, exist_ok=True)
                told = {"signs": dict(made.signs), "notes": made.notes}
                write_json(self.learnt / f"{uuid.uuid4().hex}.json", told)
            rows = connection.sql(self._query(made.query)).to_arrow_reader(ROWS_AT_ONCE)
            yield from rows

    def _query(self, query: str) -> str:
        columns = ", ".join(
            f"cast(landed.{quoted(name)} as {file_type(name, kind)}) as {quoted(name)}"
            for name, kind in self.types.items()
        )
        bucket = "cast(0 as integer)"
        join = ""
        if self.relation.customer:
            source_id = f"trim(cast(landed.{quoted(self.relation.customer)} as varchar))"
            customer = f"coalesce(identities.customer_id, {source_id})"
            bucket = bucket_sql(customer, self.buckets)
            join = (
                "left join landed.workspace__identities as identities "
                f"on identities.source = {literal(self.relation.source)} "
                f"and identities.source_id = {source_id}"
            )
        return (
            f"select {columns}, {bucket} as bucket "
            f"from (select * from ({query}) where {self.relation.kept}) as landed {join}"
        )


def bucket_sql(customer: str, buckets: int) -> str:
    """Return the SQL of the bucket of a customer, given as SQL: a hash of the id; 0 of a null."""
    # Most ids are plain: to see that costs a third of folding them.
    plain = f"regexp_full_match({customer}, '[!-~]*')"
    bucket = f"hash(if({plain}, {customer}, {FOLDED.format(id=customer)})) % {buckets}"
    return f"cast(coalesce({bucket}, 0) as integer)"


def landed_types(connection: duckdb.DuckDBPyConnection, relation: LandedRelation) -> dict[str, str]:
    """Return the columns of a landed table with their types, whether it has files or not."""
    return types_of(connection, relation.prepare(connection, ()).query)


@dataclass(frozen=True)
class LandedReader:
    """A task: reads the rows of a bucket that landed before, but for those of some raw files."""

    path: str
    types: Mapping[str, str]
    left_out: frozenset[str]
    memory: str

    def __call__(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows with their bucket."""
        bucket = partition_of(self.path)[BUCKET]
        columns = ", ".join(quoted(name) for name in self.types)
        with task_connection(self.memory) as connection:
            rows = connection.sql(
                f"select {columns}, cast({bucket} as integer) as bucket "
                f"from read_parquet({literal(no_glob(self.path))}, hive_partitioning = false) "
                "where not list_contains(?, _file)",
                params=[sorted(self.left_out)],
            ).to_arrow_reader(ROWS_AT_ONCE)
            yield from rows


@dataclass(frozen=True)
class BucketWriter:
    """Writes the rows of one bucket to one file; given to the engine's exchange."""

    folder: Path
    batch: int

    def __call__(self, bucket: int, batches: Iterator[pa.RecordBatch]) -> Written:
        """Write the rows, which come in the order of file and row, as one file."""
        place = self.folder / f"{BUCKET}={bucket}" / f"{BATCH}={self.batch}"
        path = place / f"{uuid.uuid4().hex}.parquet"
        with writing(path):
            place.mkdir(parents=True, exist_ok=True)
            return Written(str(path), _write_batches(path, batches))


def _write_batches(path: Path, batches: Iterator[pa.RecordBatch]) -> int:
    """Write the rows to a file, made with the first of them; return how many there were."""
    rows, writer = 0, None
    try:
        for batch in batches:
            if writer is None:
                writer = pq.ParquetWriter(path, batch.schema, compression="zstd")
            writer.write_batch(batch, row_group_size=ROW_GROUP)
            rows += batch.num_rows
    finally:
        if writer is not None:
            writer.close()
    return rows
