"""What a lake's warehouse shows, so that a bucket of it can be read by itself.

`warehouse.duckdb` of a lake has a schema `lake`: which relations there are, their files and
queries, and the settings of the lake's last build. Of these, the relations of one bucket are made
in a process that sees no other file.
"""

import json
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ml.lake.bucket import prepare
from ml.lake.connection import task_connection
from ml.lake.engines import Engine, engine_of
from ml.lake.entry import by_bucket
from ml.lake.facts import replace_table
from ml.lake.landed import bucket_sql
from ml.lake.settings import LakeSettings
from ml.lake.stored import Stored, table_of
from ml.workspace.holder import held_folder
from ml.workspace.sql import quoted, quoted_relation

SCHEMA = "lake"
RELATIONS = f"{SCHEMA}.relations"
SETTINGS = f"{SCHEMA}.settings"
COLUMNS = dict.fromkeys(("relation", "query", "reads", "columns", "files"), "VARCHAR")
# Of a bucket's stored rows there is a view of this suffix with the column ROW, their number.
NUMBERED = "__numbered"
ROW = "__row"
# What tasks hand over lies here, below the lake.
ANSWERS = "answers"
# From so many rows on, work on a Spark cluster is worth its start.
ROWS_FOR_SPARK = 100_000


class Shown(NamedTuple):
    """A relation: stored rows, or the query of a view and the relations that it reads."""

    stored: Stored | None
    query: str
    reads: tuple[str, ...]


@dataclass(frozen=True)
class ShownLake:
    """The lake that a warehouse shows: its settings, and its relations in an order to make them."""

    settings: LakeSettings
    relations: Mapping[str, Shown]

    def has(self, relations: Iterable[str]) -> bool:
        """Return whether a bucket can serve these relations, alone of what the lake stores."""
        return all(name in self.relations for name in self._needed(relations))

    def is_stored(self, relation: str) -> bool:
        """Return whether the rows are stored, and not computed by a view."""
        return self.relations[relation].stored is not None

    def databases(
        self, buckets: Collection[int], relations: Iterable[str]
    ) -> dict[int, "BucketDatabase"]:
        """Return what each of these buckets needs for these relations."""
        needed = self._needed(relations)
        made: dict[int, list[tuple[str, str]]] = {bucket: [] for bucket in buckets}
        for name, shown in self.relations.items():
            if name not in needed:
                continue
            parts = by_bucket(shown.stored, buckets) if shown.stored else {}
            for bucket, queries in made.items():
                stored = parts.get(bucket)
                queries.append((name, stored.query if stored else shown.query))
                if stored:
                    queries.append((f"{name}{NUMBERED}", stored.numbered(ROW)))
        memory = self.settings.bucket_memory
        return {bucket: BucketDatabase(tuple(queries), memory) for bucket, queries in made.items()}

    def _needed(self, relations: Iterable[str]) -> set[str]:
        needed: set[str] = set()
        waiting = list(relations)
        while waiting:
            name = waiting.pop()
            if name not in needed:
                needed.add(name)
                waiting += self.relations[name].reads if name in self.relations else ()
        return needed

    def buckets_of(self, ids: pa.ChunkedArray) -> NDArray[np.int32]:
        """Return the bucket of each customer id; 0 of a null."""
        with duckdb.connect(":memory:") as connection:
            connection.register("ids", pa.table({"id": ids}))
            sql = f"select {bucket_sql('cast(id as varchar)', self.settings.buckets)} as b from ids"
            found: NDArray[np.int32] = connection.sql(sql).to_arrow_table()["b"].to_numpy()
            return found

    def engine(self, rows: int) -> Engine:
        """Return what runs the tasks for so many rows: a cluster is not started for few."""
        few = rows < ROWS_FOR_SPARK
        return engine_of(replace(self.settings, engine="processes") if few else self.settings)

    def answers(self) -> AbstractContextManager[Path]:
        """Yield a folder that tasks write their answers to; it goes afterwards."""
        return answers(self.settings.path)


@contextmanager
def answers(lake: Path) -> Iterator[Path]:
    """Yield a folder of this lake that all machines see; it goes afterwards."""
    made = held_folder(lake / ANSWERS)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@dataclass(frozen=True)
class BucketDatabase:
    """One bucket as a database: relations with their queries, and the memory that DuckDB has."""

    relations: tuple[tuple[str, str], ...]
    memory: str

    @contextmanager
    def opened(self, scratch: Path) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a connection, of one thread, that spills into a folder below `scratch`."""
        with task_connection(self.memory, scratch) as connection:
            prepare(connection)
            for relation, query in self.relations:
                schema = quoted(relation.split(".")[0])
                connection.execute(f"create schema if not exists {schema}")
                connection.execute(f"create view {quoted_relation(relation)} as {query}")
            yield connection


def write_shown(
    connection: duckdb.DuckDBPyConnection, settings: LakeSettings, relations: Mapping[str, Shown]
) -> None:
    """Make the warehouse say which lake it shows."""
    rows = [
        (
            name,
            shown.query,
            json.dumps(shown.reads),
            json.dumps(dict(shown.stored.types)) if shown.stored else None,
            json.dumps(shown.stored.files) if shown.stored else None,
        )
        for name, shown in relations.items()
    ]
    replace_table(connection, RELATIONS, table_of(COLUMNS, rows))
    values = {name: str(value) for name, value in asdict(settings).items()}
    texts = dict.fromkeys(values, "VARCHAR")
    replace_table(connection, SETTINGS, table_of(texts, [tuple(values.values())]))


def shown_lake(connection: duckdb.DuckDBPyConnection) -> ShownLake | None:
    """Return the lake that the warehouse shows; None where it has its rows itself."""
    found = connection.execute(
        "select table_name from information_schema.tables "
        f"where table_catalog = current_database() and table_schema = '{SCHEMA}'"
    ).fetchall()
    if {("relations",), ("settings",)} - set(found):
        return None
    path, buckets, engine, master, memory = connection.execute(
        f"select path, buckets, engine, master, bucket_memory from {SETTINGS}"
    ).fetchall()[0]
    settings = LakeSettings(Path(path), int(buckets), engine, master, memory)
    relations = {
        name: Shown(
            Stored(tuple(json.loads(files)), json.loads(columns)) if files else None,
            query,
            tuple(json.loads(reads)),
        )
        for name, query, reads, columns, files in connection.execute(
            f"select relation, query, reads, columns, files from {RELATIONS}"
        ).fetchall()
    }
    return ShownLake(settings, relations)
