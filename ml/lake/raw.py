"""Landing for a lake: the raw files that changed go to the buckets of their customers."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb

from ml.lake.column_types import arrow_schema
from ml.lake.engines import Engine
from ml.lake.entry import BATCH, BUCKET, Entry, Replaced, files_with_rows
from ml.lake.facts import content_of, fingerprint, replace_table
from ml.lake.landed import BucketWriter, FileReader, LandedReader, landed_types
from ml.lake.stored import partition_of, table_of
from ml.lake.waves import FILES, Place
from ml.landing.decimals import POINT
from ml.landing.declarations import SCHEMA
from ml.landing.land import FILES_COLUMNS
from ml.landing.raw_files import RawFile
from ml.landing.relations import WORKSPACE, LandedRelation

# Raw files are read in groups of about so many bytes, a task a group.
BYTES_A_TASK = 64 * 1024 * 1024
BATCHES = "lake.batches"
BATCH_COLUMNS = {"relation": "VARCHAR", "file": "VARCHAR", "batch": "BIGINT", "whose": "VARCHAR"}
READ_FROM = 7
WORKSPACE_FACTS = ("landed.workspace__forgotten", "landed.workspace__identities")


def land_workspace_tables(
    connection: duckdb.DuckDBPyConnection, relations: Iterable[LandedRelation]
) -> list[str]:
    """Make the workspace's own tables on the driver, and return their names."""
    made = []
    for relation in relations:
        if relation.source == WORKSPACE:
            name = f"{SCHEMA}.{relation.identifier}"
            query = relation.prepare(connection, relation.files).query
            replace_table(connection, name, f"select * from ({query}) where {relation.kept}")
            made.append(name)
    return made


@dataclass
class Landing:
    """Lands the tables of customers in buckets.

    `connection` is the driver's, in which the workspace's own tables are; `entries` are the
    relations of the lake, of which the landed ones are replaced.
    """

    connection: duckdb.DuckDBPyConnection
    entries: dict[str, Entry]
    engine: Engine
    place: Place

    def land(self, relations: Sequence[LandedRelation]) -> list[str]:
        """Land every file that is new or other than before; leave out those that are gone.

        Makes `landed.files` on the driver, and the list of which batch a file landed in.

        Returns:
            Notes to print: lines that cannot be read, decimal signs that were guessed.
        """
        known = self._rows(FILES)
        batches = self._rows(BATCHES)
        # Whose rows they are decides on their buckets: another list of ids lands all files anew.
        whose = fingerprint([content_of(self.connection, name) for name in WORKSPACE_FACTS])
        files: list[tuple[Any, ...]] = []
        landed_in: list[tuple[Any, ...]] = []
        notes: list[str] = []
        for relation in relations:
            before = {row[2]: row for row in known if row[:2] == (relation.source, relation.table)}
            if relation.source == WORKSPACE:
                for row in relation.file_rows:
                    kept = before.get(row[2], ())
                    is_same = kept[:READ_FROM] == row
                    files.append(kept if is_same else (*row, _since(row), POINT))
                continue
            name = f"{SCHEMA}.{relation.identifier}"
            in_batch = {row[1]: (row[2], row[3]) for row in batches if row[0] == name}
            change = Change(relation, before, in_batch, whose)
            signs: dict[str, str] = {}
            if change.is_any or name not in self.entries:
                signs, told = self._exchange(change)
                notes += told
            files += change.rows(signs)
            landed_in += [(name, file, *change.in_batch[file]) for file in sorted(change.in_batch)]
        replace_table(self.connection, FILES, table_of(FILES_COLUMNS, files))
        replace_table(self.connection, BATCHES, table_of(BATCH_COLUMNS, landed_in))
        return notes

    def _rows(self, fact: str) -> list[tuple[Any, ...]]:
        """Return the rows of a fact in the last snapshot."""
        if fact not in self.entries:
            return []
        return self.connection.execute(self.entries[fact].whole.query).fetchall()

    def _exchange(self, change: "Change") -> tuple[dict[str, str], list[str]]:
        """Bring the rows of changed files to their buckets; return decimal signs and notes."""
        relation = change.relation
        name = f"{SCHEMA}.{relation.identifier}"
        types = landed_types(self.connection, relation)
        entry = self.entries.setdefault(name, Entry(types, (BUCKET, BATCH)))
        scratch, memory = self.place.scratch, self.place.memory
        learnt = scratch / "learnt" / relation.identifier
        facts = {fact: self.entries[fact].whole for fact in WORKSPACE_FACTS}
        readers = [
            FileReader(relation, files, self.place.buckets, facts, types, learnt, memory, scratch)
            for files in _groups(change.files)
        ]
        stale = [file for file in entry.files if partition_of(file)[BATCH] in change.stale_batches]
        left_out = frozenset(change.changed | change.gone)
        lasting = [LandedReader(path, types, left_out, memory) for path in stale if change.lasting]
        batch = 1 + max((number for number, _ in change.in_batch.values()), default=0)
        written = self.engine.exchange(
            f"landing {relation.identifier}",
            [*readers, *lasting],
            arrow_schema({**types, BUCKET: "INTEGER"}, ()),
            buckets=self.place.buckets,
            write=BucketWriter(self.place.tables / SCHEMA / relation.identifier, batch),
            scratch=scratch,
        )
        is_new = entry.base is None or entry.types != types
        entry.types = types
        fresh = files_with_rows(written)
        stale_rows: Replaced = {BATCH: change.stale_batches | {batch}} if stale else "nothing"
        entry.replace(fresh, "everything" if is_new else stale_rows)
        change.land_in(batch)
        entry.fingerprint = fingerprint(change.stamps, sorted(types.items()), change.whose)
        told = [json.loads(path.read_text(encoding="utf-8")) for path in learnt.glob("*.json")]
        signs = {file: sign for each in told for file, sign in each["signs"].items()}
        return signs, sorted({note for each in told for note in each["notes"]})


@dataclass
class Change:
    """What is new of a landed table's files.

    `before` are their rows of `landed.files` in the last snapshot; `in_batch` says in which batch
    each landed, and for which list of ids.
    """

    relation: LandedRelation
    before: Mapping[str, tuple[Any, ...]]
    in_batch: dict[str, tuple[int, str]]
    whose: str

    def __post_init__(self) -> None:
        self.now = {row[2]: row for row in self.relation.file_rows}
        self.changed = {
            file
            for file, row in self.now.items()
            if self.before.get(file, ())[:READ_FROM] != row
            or self.in_batch.get(file, (0, ""))[1] != self.whose
        }
        self.gone = self.before.keys() - self.now.keys()
        self.stale_batches = {
            self.in_batch[file][0] for file in self.changed | self.gone if file in self.in_batch
        }
        self.lasting = {
            file
            for file, (batch, _) in self.in_batch.items()
            if batch in self.stale_batches and file not in self.changed | self.gone
        }

    @property
    def is_any(self) -> bool:
        """Whether any file is new, other, or gone."""
        return bool(self.changed or self.gone)

    @property
    def files(self) -> tuple[RawFile, ...]:
        """The files to be read."""
        return tuple(file for file in self.relation.files if file.name in self.changed)

    @property
    def stamps(self) -> list[tuple[Any, ...]]:
        """What tells one state of the files from another."""
        return sorted(self.now.values())

    def land_in(self, batch: int) -> None:
        """Note that what was read, and what lasts of the batches it was in, is in this batch."""
        moved = dict.fromkeys(self.changed | self.lasting, (batch, self.whose))
        kept = {file: each for file, each in self.in_batch.items() if file not in self.gone}
        self.in_batch = kept | moved

    def rows(self, signs: Mapping[str, str]) -> list[tuple[Any, ...]]:
        """Return the table's rows of `landed.files`."""
        return [
            (*row, _since(row), signs.get(file, POINT))
            if file in self.changed
            else self.before[file]
            for file, row in self.now.items()
        ]


def _groups(files: Sequence[RawFile]) -> list[tuple[RawFile, ...]]:
    """Return the files in groups, each of about as many bytes as a task reads."""
    groups: list[list[RawFile]] = []
    room = 0
    for file in files:
        if not groups or room < file.bytes:
            groups.append([])
            room = BYTES_A_TASK
        groups[-1].append(file)
        room -= file.bytes
    return [tuple(group) for group in groups]


def _since(row: Sequence[Any]) -> datetime:
    """Return the last instant that a file landed now can know of."""
    modified = datetime.fromtimestamp(row[4] / 1e9, UTC).replace(tzinfo=None)
    return max(datetime.now(UTC).replace(tzinfo=None), modified)
