"""Feast's Redis online store: a hash a customer, with a field a feature.

What is to be published goes into hashes of their own with the same fields; one script renames all
of them over the live ones, which Redis does in one step. Nothing else on the server is touched.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import lru_cache
from typing import Any

from feast import FeatureStore
from feast.infra.online_stores.helpers import _mmh3
from feast.infra.online_stores.redis import RedisOnlineStore
from google.protobuf.timestamp_pb2 import Timestamp  # type: ignore[import-untyped]
from redis.exceptions import RedisError

from ml.store.generation import Batch, Found, Generation, epoch, read_generation
from ml.store.values import Blob, entity_key
from ml.workspace.errors import AlmanacError, Held

# The library types every answer as one now or one later.
Client = Any
AT_ONCE = 1_000
# KEYS: the generation, then a hash a customer. ARGV: the fields.
_READ = """
local found = {redis.call('GET', KEYS[1])}
for i = 2, #KEYS do found[i] = redis.call('HMGET', KEYS[i], unpack(ARGV)) end
return found
"""
# KEYS: lock, generation, lists of staged and of gone keys. ARGV: the lock's holder, the generation,
# what staged keys begin with. Whatever can fail comes before the first change.
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
# KEYS: lock. ARGV: its holder as it was seen, the new holder.
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
        self._client: Client = RedisOnlineStore()._get_client(settings)
        self._read = self._client.register_script(_READ)

    @contextmanager
    def publishing(self) -> Iterator["RedisPublishing"]:
        """Yield the right to publish; what was staged and not switched to is removed."""
        # One connection throughout: while Redis knows it, the publisher lives.
        with _told(self._place, "written"), self._client.client() as client:
            publishing = RedisPublishing(client, self._project, self._lifetime)
            publishing.take_lock(self._place)
            try:
                publishing.remove_staged()
                yield publishing
            finally:
                with suppress(RedisError):
                    publishing.remove_staged()
                    publishing.give_lock()

    def read(self, view: str, features: Sequence[str], keys: Sequence[bytes]) -> Found:
        """Return what the hashes hold of the view for the keys; it asks again if they changed."""
        fields = [f"_ts:{view}", *(_mmh3(f"{view}:{feature}") for feature in features)]
        suffix = self._project.encode()
        while True:
            with _told(self._place, "read"):
                parts = [
                    self._read(
                        [_generation(self._project), *(k + suffix for k in keys[i : i + AT_ONCE])],
                        fields,
                    )
                    for i in range(0, max(1, len(keys)), AT_ONCE)
                ]
            if len({part[0] for part in parts}) == 1:
                rows = [row for part in parts for row in part[1:]]
                return _found(parts[0][0], rows, len(features))

    def keys(self, view: str) -> list[bytes]:
        """Return the keys of the hashes that have the view's row."""
        with _told(self._place, "read"):
            keys = list(_live_keys(self._client, self._project))
            with self._client.pipeline(transaction=False) as pipe:
                for key in keys:
                    pipe.hexists(key, f"_ts:{view}")
                there = pipe.execute()
        end = -len(self._project.encode())
        return [key[:end] for key, has in zip(keys, there, strict=True) if has]


class RedisPublishing:
    """Hashes that nobody reads yet, and the script that puts them in the live ones' place."""

    def __init__(self, client: Client, project: str, lifetime: int | None) -> None:
        self._client = client
        self._project = project
        self._lifetime = lifetime
        server, number = client.info("server")["run_id"], client.client_id()
        self._me = f"{server}:{number}".encode()
        self._lock = f"{project}:publisher"
        self._prefix = f"{project}:next:".encode()
        self._lists = [f"{project}:next:staged", f"{project}:next:gone"]
        self._staged: dict[bytes, None] = {}

    def take_lock(self, place: str) -> None:
        """Become the only publisher, unless another one's connection is alive."""
        take = self._client.register_script(_TAKE)
        while not self._client.set(self._lock, self._me, nx=True):
            holder = self._client.get(self._lock)
            if holder and self._is_alive(holder):
                raise Held(
                    f"Another process publishes into {place}.", "Wait for it, then: ml materialize"
                )
            if holder and take([self._lock], [holder, self._me]):
                return

    def _is_alive(self, holder: bytes) -> bool:
        server, _, number = holder.decode().partition(":")
        if server != self._me.decode().partition(":")[0]:
            return False
        return bool(self._client.client_list(client_id=[number]))

    def give_lock(self) -> None:
        """Let others publish."""
        if self._client.get(self._lock) == self._me:
            self._client.delete(self._lock)

    def stage(self, batch: Batch) -> None:
        """Write the rows as fields of the hashes that are to come."""
        fields = [_mmh3(f"{batch.view}:{feature}") for feature in batch.columns]
        suffix = self._project.encode()
        for start in range(0, len(batch.keys), AT_ONCE):
            with self._client.pipeline(transaction=False) as pipe:
                for row in range(start, min(start + AT_ONCE, len(batch.keys))):
                    values = (column.values[row] for column in batch.columns.values())
                    mapping: dict[str | bytes, bytes] = dict(zip(fields, values, strict=True))
                    mapping[f"_ts:{batch.view}"] = _stamp(batch.moments[row])
                    self._write(pipe, batch.keys[row] + suffix, mapping)
                pipe.execute()

    def _write(self, pipe: Client, key: bytes, mapping: dict[str | bytes, bytes]) -> None:
        pipe.hset(self._prefix + key, mapping=mapping)
        if self._lifetime:
            pipe.expire(self._prefix + key, self._lifetime)
        self._staged[key] = None

    def switch(self, generation: Generation) -> None:
        """Rename all staged hashes over the live ones and write down the generation."""
        gone = [key for key in _live_keys(self._client, self._project) if key not in self._staged]
        for name, keys in zip(self._lists, ([*self._staged], gone), strict=True):
            for start in range(0, len(keys), AT_ONCE):
                self._client.rpush(name, *keys[start : start + AT_ONCE])
        switch = self._client.register_script(_SWITCH)
        switch(
            [self._lock, _generation(self._project), *self._lists],
            [self._me, generation.to_json(), self._prefix],
        )

    def remove_staged(self) -> None:
        """Remove all hashes and lists that a publisher left."""
        left = list(self._client.scan_iter(self._prefix + b"*", count=AT_ONCE))
        for start in range(0, len(left), AT_ONCE):
            self._client.unlink(*left[start : start + AT_ONCE])


def _generation(project: str) -> str:
    return f"{project}:generation"


def _live_keys(client: Client, project: str) -> Iterator[bytes]:
    """Yield the keys of the project's hashes: Feast's keys end with the project's name."""
    # What an entity's key begins with; then come four bytes of its value's length, and the value.
    head, suffix = entity_key("")[:-4], project.encode()
    for key in client.scan_iter(head + b"*" + suffix, count=AT_ONCE):
        length = int.from_bytes(key[len(head) : len(head) + 4], "little")
        # A project whose name ends with this one's has keys that end alike.
        if len(key) == len(head) + 4 + length + len(suffix):
            yield key


def _found(generation: bytes | None, rows: Sequence[Sequence[Blob]], features: int) -> Found:
    seconds = [_seconds(row[0]) for row in rows]
    values = [[row[place] for row in rows] for place in range(1, features + 1)]
    return Found(read_generation(generation), seconds, values)


@lru_cache(maxsize=1024)
def _stamp(moment: datetime) -> bytes:
    return bytes(Timestamp(seconds=epoch(moment)).SerializeToString())


@lru_cache(maxsize=1024)
def _seconds(stamp: bytes | None) -> int:
    return int(Timestamp.FromString(stamp).seconds) if stamp else 0


@contextmanager
def _told(place: str, done: str) -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        kept = "What was published before is still there. " if done == "written" else ""
        raise AlmanacError(
            f"The online store, {place}, cannot be {done}: {error}",
            f"{kept}Start it or make room in it, then run the command again.",
        ) from error
