"""Feast's SQLite online store: one table per view, with one row per key and feature.

New rows are staged in tables beside the live ones, which one transaction renames into their place.
The file is in write-ahead-log mode, so readers are not blocked and see one consistent state.
"""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from feast import FeatureStore
from feast.infra.online_stores.sqlite import SqliteOnlineStore, adapt_datetime_epoch

from ml.store.generation import Batch, Generation, StoredRows, epoch, read_generation
from ml.store.values import Blob
from ml.workspace.errors import AlmanacError, Held, NotBuilt
from ml.workspace.online_store import store_fault
from ml.workspace.sql import quoted

STAGED = "__next"
# SQLite takes at most 32,766 parameters in one query.
KEYS_PER_QUERY = 10_000
PATIENCE_SECONDS = 60.0
MAPPED_BYTES = 2**33


class SqliteRows:
    """The tables of Feast's SQLite online store."""

    def __init__(self, store: FeatureStore, online: SqliteOnlineStore) -> None:
        self._store = store
        self._online = online
        self._path = Path(online._get_db_path(store.config))
        self._own = threading.local()

    @contextmanager
    def begin_materialization(self) -> Iterator["SqliteMaterialization"]:
        """Lock the store and yield a materialization; rows staged but not switched to are dropped.

        Raises:
            AlmanacError: the file cannot be written, or another process is writing to it.
        """
        with _write_errors(self._path), _writer_lock(self._path):
            self._make_tables()
            with closing(_connect(self._path, "rwc")) as connection:
                connection.execute("pragma journal_mode = wal")
                connection.execute("pragma synchronous = normal")
                materialization = SqliteMaterialization(connection, self._store.project)
                materialization.drop_staged()
                try:
                    yield materialization
                finally:
                    with suppress(sqlite3.Error):
                        materialization.drop_staged()

    def _make_tables(self) -> None:
        # Feast creates the live tables; staged tables copy their columns.
        self._path.parent.mkdir(parents=True, exist_ok=True)
        views = [view for view in self._store.list_feature_views() if view.online]
        self._online.update(self._store.config, [], views, [], [], partial=True)

    def read(self, view: str, features: Sequence[str], keys: Sequence[bytes]) -> StoredRows:
        """Return the view's rows for the keys, read in one transaction."""
        columns = [dict[bytes, bytes]() for _ in features]
        moments: dict[bytes, int] = {}
        with self._reading() as reader:
            generation = _generation(reader, self._store.project)
            for start in range(0, len(keys), KEYS_PER_QUERY):
                asked = keys[start : start + KEYS_PER_QUERY]
                for feature, values in zip(features, columns, strict=True):
                    rows = reader.execute(self._query(view, len(asked)), (feature, *asked))
                    for key, value, moment in rows:
                        values[key] = value
                        moments[key] = moment
        seconds = [_utc_seconds(moments[key]) if key in moments else 0 for key in keys]
        found: list[list[Blob]] = [[values.get(key) for key in keys] for values in columns]
        return StoredRows(generation, seconds, found)

    def _query(self, view: str, count: int) -> str:
        return (
            f"select entity_key, value, event_ts from {_table(self._store.project, view)} "
            f"where feature_name = ? and entity_key in ({', '.join('?' * count)})"
        )

    def keys(self, view: str) -> list[bytes]:
        """Return the keys that the view's table holds."""
        with self._reading() as reader:
            rows = reader.execute(
                f"select distinct entity_key from {_table(self._store.project, view)}"
            )
            return [row[0] for row in rows]

    def forget(self, keys: Sequence[bytes]) -> int:
        """Delete the keys' rows from every table, and rewrite the file without their bytes."""
        if not self._path.exists():
            return 0
        with (
            _write_errors(self._path),
            _writer_lock(self._path),
            closing(_connect(self._path, "rw")) as connection,
        ):
            found = connection.execute(
                "select name from sqlite_master where type = 'table' and name glob ? "
                "and sql like '%entity_key%'",
                [f"{self._store.project}_*"],
            ).fetchall()
            with _transaction(connection):
                lost = sum(
                    connection.execute(
                        f"delete from {quoted(name)} where entity_key = ?", (key,)
                    ).rowcount
                    for (name,) in found
                    for key in keys
                )
            if lost:
                connection.execute("vacuum")
                connection.execute("pragma wal_checkpoint(truncate)")
            return lost

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            reader = self._reader()
            reader.execute("begin")
            try:
                yield reader
            finally:
                reader.execute("rollback")
        except sqlite3.Error as error:
            if found := self._path.exists() and store_fault(error, self._path, "read"):
                raise found from error
            raise NotBuilt(
                f"The online store {self._path} cannot be read: {error}",
                "Publish into it: feast apply, then ml materialize",
            ) from error

    def _reader(self) -> sqlite3.Connection:
        """Return this thread's connection to the file; a new one where the file was replaced."""
        try:
            place = os.stat(self._path).st_ino
        except FileNotFoundError:
            place = 0
        if getattr(self._own, "place", None) != place:
            if old := getattr(self._own, "connection", None):
                old.close()
            self._own.place = None
            self._own.connection = _connect(self._path, "ro")
            # Pages are read where the system caches them, in place of a copy a connection.
            self._own.connection.execute(f"pragma mmap_size = {MAPPED_BYTES}")
            self._own.place = place
        found: sqlite3.Connection = self._own.connection
        return found


class SqliteMaterialization:
    """Stages tables beside the live ones, then renames them into place in one transaction."""

    def __init__(self, connection: sqlite3.Connection, project: str) -> None:
        self._connection = connection
        self._project = project
        self._staged: list[str] = []

    def stage(self, batch: Batch) -> None:
        """Write the rows into the view's staged table."""
        with _transaction(self._connection):
            if batch.view not in self._staged:
                self._make_table(batch.view)
            for feature, (values, texts) in batch.columns.items():
                names = [feature] * len(values)
                moments = [_to_stored(moment) for moment in batch.moments]
                rows = zip(batch.keys, names, values, texts, moments, strict=True)
                self._connection.executemany(
                    f"insert into {_table(self._project, batch.view, STAGED)} "
                    "(entity_key, feature_name, value, value_text, event_ts) "
                    "values (?, ?, ?, ?, ?)",
                    rows,
                )

    def _make_table(self, view: str) -> None:
        live_sql = self._connection.execute(
            "select sql from sqlite_master where type = 'table' and name = ?",
            [f"{self._project}_{view}"],
        ).fetchone()[0]
        columns = live_sql[live_sql.index("(") :]
        self._connection.execute(f"create table {_table(self._project, view, STAGED)} {columns}")
        self._staged.append(view)

    def switch(self, generation: Generation) -> None:
        """Replace the live tables by the staged ones and store the generation."""
        kept = _table(self._project, "_generation")
        with _transaction(self._connection):
            for view in self._staged:
                live = _table(self._project, view)
                self._connection.execute(f"drop table if exists {live}")
                self._connection.execute(
                    f"alter table {_table(self._project, view, STAGED)} rename to {live}"
                )
            self._connection.execute(f"create table if not exists {kept} (generation text)")
            self._connection.execute(f"delete from {kept}")
            self._connection.execute(f"insert into {kept} values (?)", [generation.to_json()])

    def drop_staged(self) -> None:
        """Drop all staged tables, those of a killed process included."""
        leftovers = self._connection.execute(
            "select name from sqlite_master where type = 'table' and name glob ?",
            [f"{self._project}_*{STAGED}"],
        ).fetchall()
        for (name,) in leftovers:
            self._connection.execute(f"drop table {quoted(name)}")


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.resolve().as_uri()}?mode={mode}",
        uri=True,
        timeout=PATIENCE_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("begin immediate")
    try:
        yield
        connection.execute("commit")
    except BaseException:
        # SQLite rolls back by itself on some errors, such as a full disk.
        if connection.in_transaction:
            connection.execute("rollback")
        raise


@contextmanager
def _write_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise store_fault(error, path) or AlmanacError(
            f"The online store {path} cannot be written: {error}",
            "What was published before is still there. Try again: ml materialize",
        ) from error


@contextmanager
def _writer_lock(path: Path) -> Iterator[None]:
    """Hold the writer's file lock, which the system releases when a process is killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.publisher").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Held(
                f"Another process publishes into {path}.",
                "Wait for it, then run the command again.",
            ) from error
        yield


def _table(project: str, view: str, suffix: str = "") -> str:
    return quoted(f"{project}_{view}{suffix}")


def _generation(reader: sqlite3.Connection, project: str) -> Generation | None:
    try:
        row = reader.execute(f"select generation from {_table(project, '_generation')}").fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" not in str(error):
            raise
        return None
    return read_generation(row[0]) if row else None


@lru_cache(maxsize=1024)
def _to_stored(moment: datetime) -> int:
    return int(adapt_datetime_epoch(moment))


@lru_cache(maxsize=1024)
def _utc_seconds(stored: int) -> int:
    # Feast writes naive UTC as if it were local time, and reads it back the same way.
    return epoch(datetime.fromtimestamp(stored))
