"""Feast's SQLite online store: a file with a table a view and a row a key and feature.

What is to be published goes into tables beside the live ones; one transaction lets them take
their place. The file keeps a write-ahead log, so readers go on and see the tables of one moment.
"""

import fcntl
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from functools import cached_property, lru_cache
from pathlib import Path

from feast import FeatureStore
from feast.infra.online_stores.sqlite import SqliteOnlineStore, adapt_datetime_epoch

from ml.store.generation import Batch, Found, Generation, epoch, read_generation
from ml.store.values import Blob
from ml.workspace.errors import AlmanacError, Held, NotBuilt
from ml.workspace.sql import quoted

NEXT = "__next"
# SQLite takes at most 32,766 parameters in one query.
AT_ONCE = 10_000
PATIENCE_SECONDS = 60.0


class SqliteRows:
    """The tables of Feast's SQLite online store."""

    def __init__(self, store: FeatureStore, online: SqliteOnlineStore) -> None:
        self._store = store
        self._online = online
        self._path = Path(online._get_db_path(store.config))

    @contextmanager
    def publishing(self) -> Iterator["SqlitePublishing"]:
        """Yield the right to publish; what was staged and not switched to is dropped."""
        with _told(self._path), _alone(self._path):
            self._make_tables()
            with closing(_connect(self._path, "rwc")) as connection:
                connection.execute("pragma journal_mode = wal")
                connection.execute("pragma synchronous = normal")
                publishing = SqlitePublishing(connection, self._store.project)
                publishing.drop_staged()
                try:
                    yield publishing
                finally:
                    with suppress(sqlite3.Error):
                        publishing.drop_staged()

    def _make_tables(self) -> None:
        # Feast's own tables, which the staged ones are like.
        self._path.parent.mkdir(parents=True, exist_ok=True)
        views = [view for view in self._store.list_feature_views() if view.online]
        self._online.update(self._store.config, [], views, [], [], partial=True)

    def read(self, view: str, features: Sequence[str], keys: Sequence[bytes]) -> Found:
        """Return what the tables hold of the view for the keys, in one transaction."""
        columns = [dict[bytes, bytes]() for _ in features]
        moments: dict[bytes, int] = {}
        with self._reading() as reader:
            generation = _generation(reader, self._store.project)
            for start in range(0, len(keys), AT_ONCE):
                asked = keys[start : start + AT_ONCE]
                for feature, values in zip(features, columns, strict=True):
                    rows = reader.execute(self._query(view, len(asked)), (feature, *asked))
                    for key, value, moment in rows:
                        values[key] = value
                        moments[key] = moment
        seconds = [_utc_seconds(moments[key]) if key in moments else 0 for key in keys]
        found: list[list[Blob]] = [[values.get(key) for key in keys] for values in columns]
        return Found(generation, seconds, found)

    def _query(self, view: str, count: int) -> str:
        return (
            f"select entity_key, value, event_ts from {_table(self._store.project, view)} "
            f"where feature_name = ? and entity_key in ({', '.join('?' * count)})"
        )

    def keys(self, view: str) -> list[bytes]:
        """Return the keys of the view's table."""
        with self._reading() as reader:
            rows = reader.execute(
                f"select distinct entity_key from {_table(self._store.project, view)}"
            )
            return [row[0] for row in rows]

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            self._reader.execute("begin")
            try:
                yield self._reader
            finally:
                self._reader.execute("rollback")
        except sqlite3.Error as error:
            raise NotBuilt(
                f"The online store {self._path} cannot be read: {error}",
                "Publish into it: feast apply, then ml materialize",
            ) from error

    @cached_property
    def _reader(self) -> sqlite3.Connection:
        return _connect(self._path, "ro")


class SqlitePublishing:
    """Tables beside the live ones, and the transaction that puts them in their place."""

    def __init__(self, connection: sqlite3.Connection, project: str) -> None:
        self._connection = connection
        self._project = project
        self._staged: list[str] = []

    def stage(self, batch: Batch) -> None:
        """Write the rows into the table beside the view's."""
        with _transaction(self._connection):
            if batch.view not in self._staged:
                self._make_table(batch.view)
            for feature, (values, texts) in batch.columns.items():
                names = [feature] * len(values)
                moments = [_stored(moment) for moment in batch.moments]
                rows = zip(batch.keys, names, values, texts, moments, strict=True)
                self._connection.executemany(
                    f"insert into {_table(self._project, batch.view, NEXT)} "
                    "(entity_key, feature_name, value, value_text, event_ts) "
                    "values (?, ?, ?, ?, ?)",
                    rows,
                )

    def _make_table(self, view: str) -> None:
        like = self._connection.execute(
            "select sql from sqlite_master where type = 'table' and name = ?",
            [f"{self._project}_{view}"],
        ).fetchone()[0]
        columns = like[like.index("(") :]
        self._connection.execute(f"create table {_table(self._project, view, NEXT)} {columns}")
        self._staged.append(view)

    def switch(self, generation: Generation) -> None:
        """Replace the live tables by the staged ones and write down the generation."""
        kept = _table(self._project, "_generation")
        with _transaction(self._connection):
            for view in self._staged:
                live = _table(self._project, view)
                self._connection.execute(f"drop table if exists {live}")
                self._connection.execute(
                    f"alter table {_table(self._project, view, NEXT)} rename to {live}"
                )
            self._connection.execute(f"create table if not exists {kept} (generation text)")
            self._connection.execute(f"delete from {kept}")
            self._connection.execute(f"insert into {kept} values (?)", [generation.to_json()])

    def drop_staged(self) -> None:
        """Drop all tables that a publisher left beside the live ones."""
        left = self._connection.execute(
            "select name from sqlite_master where type = 'table' and name glob ?",
            [f"{self._project}_*{NEXT}"],
        ).fetchall()
        for (name,) in left:
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
        # A full disk has rolled back already.
        if connection.in_transaction:
            connection.execute("rollback")
        raise


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise AlmanacError(
            f"The online store {path} cannot be written: {error}",
            "What was published before is still there. Free the place, then: ml materialize",
        ) from error


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the publisher's lock, which the system takes back from a process that is killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.publisher").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Held(
                f"Another process publishes into {path}.", "Wait for it, then: ml materialize"
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
def _stored(moment: datetime) -> int:
    return int(adapt_datetime_epoch(moment))


@lru_cache(maxsize=1024)
def _utc_seconds(stored: int) -> int:
    # Feast writes naive UTC as if it were local time, and reads it back so.
    return epoch(datetime.fromtimestamp(stored))
