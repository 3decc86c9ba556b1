"""Feast's Redis online store: one hash per customer, with one field per feature.

New rows are staged in hashes of their own with the same fields. One Lua script, which Redis runs
atomically, renames all of them over the live ones. Nothing else on the server is touched.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import lru_cache
from typing import Any

from feast import FeatureStore
from feast.infra.online_stores.helpers import _mmh3
from feast.infra.online_stores.redis import RedisOnlineStore
from google.protobuf.timestamp_pb2 import Timestamp
from redis.exceptions import RedisError

from ml.store.generation import Batch, Generation, StoredRows, epoch, read_generation
from ml.store.values import Blob, entity_key
from ml.workspace.errors import AlmanacError, Held

# redis-py types every reply as either a value or an awaitable, which mypy cannot narrow.
RedisClient = Any
KEYS_PER_REQUEST = 1_000
# Who reads does not wait for a server that hangs.
READ_SECONDS = 5.0
# KEYS: the generation, then one hash per customer. ARGV: the fields.
_READ = """
local found = {redis.call('GET', KEYS[1])}
for i = 2, #KEYS do found[i] = redis.call('HMGET', KEYS[i], unpack(ARGV)) end
return found
"""
# KEYS: lock, generation, lists of staged and of removed keys. ARGV: the lock's holder, the
# generation, the prefix of staged keys. Everything that can fail comes before the first change.
_SWITCH = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
    return redis.error_reply('LOCK another publisher took over')
end
local function each(list, act)
    local last = redis.call('LLEN', list) - 1
    for start = 0, last, 1000 do
        for _, key in ipairs(redis.call('LRANGE', list, start, start + 999)) do act(key) end
    end
end
local lost = 0
each(KEYS[3], function(key) lost = lost + 1 - redis.call('EXISTS', ARGV[3] .. key) end)
if lost > 0 then return redis.error_reply('LOST ' .. lost .. ' staged rows were evicted') end
redis.call('SET', KEYS[2], ARGV[2])
each(KEYS[3], function(key) redis.call('RENAME', ARGV[3] .. key, key) end)
each(KEYS[4], function(key) redis.call('UNLINK', key) end)
return redis.call('DEL', KEYS[3], KEYS[4])
"""
# Compare and set. KEYS: the lock. ARGV: the expected holder, the new holder.
_TAKE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
"""


class RedisRows:
    """The hashes of Feast's Redis online store."""

    def __init__(self, store: FeatureStore) -> None:
        self._project = store.project
        settings = store.config.online_store
        self._place = f"Redis at {settings.connection_string.split(',')[0]}"
        self._lifetime = settings.key_ttl_seconds
        self._client: RedisClient = RedisOnlineStore()._get_client(settings)
        reader: RedisClient = RedisOnlineStore()._get_client(settings)
        reader.connection_pool.connection_kwargs["socket_timeout"] = READ_SECONDS
        reader.connection_pool.connection_kwargs["socket_connect_timeout"] = READ_SECONDS
        self._read = reader.register_script(_READ)

    @contextmanager
    def begin_materialization(self) -> Iterator["RedisMaterialization"]:
        """Lock the store and yield a materialization; rows staged but not switched to are removed.

        Raises:
            AlmanacError: Redis cannot be written, or another process is writing to it.
        """
        # One connection throughout: the lock is valid for as long as Redis lists this client.
        with _redis_errors(self._place, "written"), self._client.client() as client:
            materialization = RedisMaterialization(client, self._project, self._lifetime)
            materialization.take_lock(self._place)
            try:
                materialization.remove_staged()
                yield materialization
            finally:
                with suppress(RedisError):
                    materialization.remove_staged()
                    materialization.release_lock()

    def read(self, view: str, features: Sequence[str], keys: Sequence[bytes]) -> StoredRows:
        """Return the view's rows for the keys; read again if the generation changed meanwhile."""
        fields = [f"_ts:{view}", *(_mmh3(f"{view}:{feature}") for feature in features)]
        suffix = self._project.encode()
        while True:
            with _redis_errors(self._place, "read"):
                replies = [
                    self._read(
                        [
                            _generation(self._project),
                            *(k + suffix for k in keys[i : i + KEYS_PER_REQUEST]),
                        ],
                        fields,
                    )
                    for i in range(0, max(1, len(keys)), KEYS_PER_REQUEST)
                ]
            if len({reply[0] for reply in replies}) == 1:
                rows = [row for reply in replies for row in reply[1:]]
                return _stored_rows(replies[0][0], rows, len(features))

    def keys(self, view: str) -> list[bytes]:
        """Return the keys of the hashes that hold a row of the view."""
        with _redis_errors(self._place, "read"):
            keys = list(_live_keys(self._client, self._project))
            with self._client.pipeline(transaction=False) as pipe:
                for key in keys:
                    pipe.hexists(key, f"_ts:{view}")
                there = pipe.execute()
        end = -len(self._project.encode())
        return [key[:end] for key, has in zip(keys, there, strict=True) if has]

    def forget(self, keys: Sequence[bytes]) -> int:
        """Remove the keys' hashes, and all that a killed publisher staged."""
        with self.begin_materialization() as materialization:
            return materialization.remove(keys)


class RedisMaterialization:
    """Stages hashes that nobody reads yet, then renames them over the live ones."""

    def __init__(self, client: RedisClient, project: str, lifetime: int | None) -> None:
        self._client = client
        self._project = project
        self._lifetime = lifetime
        server, number = client.info("server")["run_id"], client.client_id()
        self._holder = f"{server}:{number}".encode()
        self._lock = f"{project}:publisher"
        self._prefix = f"{project}:next:".encode()
        self._key_lists = [f"{project}:next:staged", f"{project}:next:gone"]
        self._staged: dict[bytes, None] = {}

    def take_lock(self, place: str) -> None:
        """Take the writer's lock; a lock whose holder's connection is gone is taken over.

        Raises:
            AlmanacError: another process holds the lock.
        """
        take = self._client.register_script(_TAKE)
        while not self._client.set(self._lock, self._holder, nx=True):
            holder = self._client.get(self._lock)
            if holder and self._is_alive(holder):
                raise Held(
                    f"Another process publishes into {place}.",
                    "Wait for it, then run the command again.",
                )
            if holder and take([self._lock], [holder, self._holder]):
                return

    def _is_alive(self, holder: bytes) -> bool:
        server, _, number = holder.decode().partition(":")
        if server != self._holder.decode().partition(":")[0]:
            return False
        return bool(self._client.client_list(client_id=[number]))

    def release_lock(self) -> None:
        """Release the writer's lock if it is still ours."""
        if self._client.get(self._lock) == self._holder:
            self._client.delete(self._lock)

    def stage(self, batch: Batch) -> None:
        """Write the rows as fields of staged hashes."""
        fields = [_mmh3(f"{batch.view}:{feature}") for feature in batch.columns]
        suffix = self._project.encode()
        for start in range(0, len(batch.keys), KEYS_PER_REQUEST):
            with self._client.pipeline(transaction=False) as pipe:
                for row in range(start, min(start + KEYS_PER_REQUEST, len(batch.keys))):
                    values = (column.values[row] for column in batch.columns.values())
                    mapping: dict[str | bytes, bytes] = dict(zip(fields, values, strict=True))
                    mapping[f"_ts:{batch.view}"] = _stamp(batch.moments[row])
                    self._write(pipe, batch.keys[row] + suffix, mapping)
                pipe.execute()

    def _write(self, pipe: RedisClient, key: bytes, mapping: dict[str | bytes, bytes]) -> None:
        pipe.hset(self._prefix + key, mapping=mapping)
        if self._lifetime:
            pipe.expire(self._prefix + key, self._lifetime)
        self._staged[key] = None

    def switch(self, generation: Generation) -> None:
        """Rename all staged hashes over the live ones and store the generation, atomically."""
        removed = [
            key for key in _live_keys(self._client, self._project) if key not in self._staged
        ]
        for name, keys in zip(self._key_lists, ([*self._staged], removed), strict=True):
            for start in range(0, len(keys), KEYS_PER_REQUEST):
                self._client.rpush(name, *keys[start : start + KEYS_PER_REQUEST])
        switch = self._client.register_script(_SWITCH)
        switch(
            [self._lock, _generation(self._project), *self._key_lists],
            [self._holder, generation.to_json(), self._prefix],
        )

    def remove(self, keys: Sequence[bytes]) -> int:
        """Remove the keys' live hashes at once; return how many there were."""
        return sum(self._client.unlink(key + self._project.encode()) for key in keys)

    def remove_staged(self) -> None:
        """Remove all staged hashes and key lists, those of a killed process included."""
        left = list(self._client.scan_iter(self._prefix + b"*", count=KEYS_PER_REQUEST))
        for start in range(0, len(left), KEYS_PER_REQUEST):
            self._client.unlink(*left[start : start + KEYS_PER_REQUEST])


def _generation(project: str) -> str:
    return f"{project}:generation"


def _live_keys(client: RedisClient, project: str) -> Iterator[bytes]:
    """Yield the keys of the project's hashes: Feast's keys end with the project's name."""
    # The head of an entity key; four bytes with the value's length follow, then the value.
    head, suffix = entity_key("")[:-4], project.encode()
    for key in client.scan_iter(head + b"*" + suffix, count=KEYS_PER_REQUEST):
        length = int.from_bytes(key[len(head) : len(head) + 4], "little")
        # Keys of a project whose name ends with this project's name match the pattern too.
        if len(key) == len(head) + 4 + length + len(suffix):
            yield key


def _stored_rows(
    generation: bytes | None, rows: Sequence[Sequence[Blob]], features: int
) -> StoredRows:
    seconds = [_seconds(row[0]) for row in rows]
    values = [[row[place] for row in rows] for place in range(1, features + 1)]
    return StoredRows(read_generation(generation), seconds, values)


@lru_cache(maxsize=1024)
def _stamp(moment: datetime) -> bytes:
    return bytes(Timestamp(seconds=epoch(moment)).SerializeToString())


@lru_cache(maxsize=1024)
def _seconds(stamp: bytes | None) -> int:
    return int(Timestamp.FromString(stamp).seconds) if stamp else 0


@contextmanager
def _redis_errors(place: str, done: str) -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        kept = "What was published before is still there. " if done == "written" else ""
        raise AlmanacError(
            f"The online store, {place}, cannot be {done}: {error}",
            f"{kept}Start it or make room in it, then run the command again.",
        ) from error
