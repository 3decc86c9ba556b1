"""Keys of the service's callers: shown once, kept as slow hashes, with scopes and an expiry."""

import base64
import hashlib
import hmac
import json
import os
import re
import secrets
import stat
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, TypeAdapter

from ml.workspace.errors import AlmanacError, BadInput
from ml.workspace.files import fresh_file, locked
from ml.workspace.settings import Workspace

Scope = Literal["score", "customers", "admin"]
SCOPES: tuple[Scope, ...] = ("score", "customers", "admin")
FILE = "service_keys.json"
PREFIX = "alm"
# About 50 ms and 16 MB a check (RFC 7914's parameters for interactive use).
_COST, _BLOCK, _PARALLEL = 2**14, 8, 1
_SALT_BYTES = 16
_NAME = re.compile(r"[\w.-]{1,64}")
_Hex = Annotated[str, Field(pattern=r"^([0-9a-f]{2})+$")]


@dataclass(frozen=True)
class Key:
    """A caller's key; `salt` is hexadecimal, `hash` in base 64.

    `scope` says what it may ask: `score` scores and predictions, `customers` that and customers,
    `admin` all, metrics too.
    """

    name: str
    number: _Hex
    scope: Scope
    salt: _Hex
    hash: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]+=*$")]
    made: AwareDatetime
    expires: AwareDatetime | None = None

    def allows(self, scope: Scope) -> bool:
        """Return whether the key may ask what needs `scope`."""
        return SCOPES.index(self.scope) >= SCOPES.index(scope)

    @property
    def expired(self) -> bool:
        """Whether its time is over."""
        return self.expires is not None and self.expires <= datetime.now(UTC)


_KEYS = TypeAdapter(list[Key])


def add(ws: Workspace, name: str, scope: Scope, expires: datetime | None = None) -> str:
    """Keep a new key's hash, and return the key, which nobody can be told again.

    Raises:
        AlmanacError: the name is none or taken, or the file cannot be read or written.
    """
    if not _NAME.fullmatch(name):
        raise BadInput(
            f"{name!r} is no name of a key: letters, digits, `_`, `-` and `.`, at most 64.",
            "Name who will use it: ml serve keys add shop",
        )
    secret = secrets.token_urlsafe(32)
    salt = os.urandom(_SALT_BYTES)
    made = datetime.now(UTC).replace(microsecond=0)
    with locked(ws.home):
        known = read(ws)
        if any(each.name == name for each in known.values()):
            raise BadInput(
                f"There is a key of {name} already.",
                f"Revoke it first: ml serve keys revoke {name}",
            )
        number = secrets.token_hex(4)
        key = Key(name, number, scope, salt.hex(), _slow(secret, salt), made, expires)
        _write(ws, {**known, number: key})
    return f"{PREFIX}_{number}_{secret}"


def revoke(ws: Workspace, name: str) -> int:
    """Remove the key of this name, and return how many are left.

    Services that run refuse it from the next request on. Where none is left, they refuse everybody.

    Raises:
        AlmanacError: there is none.
    """
    with locked(ws.home):
        known = read(ws)
        kept = {number: key for number, key in known.items() if key.name != name}
        if len(kept) == len(known):
            names = ", ".join(key.name for key in known.values()) or "none"
            raise BadInput(f"There is no key of {name}. There are: {names}.", "ml serve keys list")
        _write(ws, kept)
    return len(kept)


def read(ws: Workspace) -> dict[str, Key]:
    """Return the keys by their number.

    Raises:
        AlmanacError: the file is not the one that was written.
    """
    path = ws.home / FILE
    try:
        found = _KEYS.validate_json(path.read_bytes())
        return {each.number: each for each in found}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise AlmanacError(
            f"{path} cannot be read as keys: {error}",
            f"Set it aside and make keys anew: mv {path} {path}.damaged && ml serve keys add NAME",
        ) from error


class Keys:
    """The keys as a running service checks them; changes of the file count at once.

    A key that was checked slowly once is known again by a hash with a secret of this process.
    """

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws
        self._path = ws.home / FILE
        self._secret = os.urandom(32)
        self._seen: tuple[int, int, int] | None = None
        self._was_there = False
        self._keys: Mapping[str, Key] = {}
        self._known: dict[bytes, str] = {}
        # One slow check at a time: wrong keys must not take all processors.
        self._slowly = threading.Lock()

    @property
    def are_needed(self) -> bool:
        """Whether keys were ever made: a file without keys, or one that went, opens nothing."""
        self._refresh()
        return self._was_there

    def recognized(self, given: str) -> Key | None:
        """Return the key that was checked before and still stands; None where `find` must look."""
        self._refresh()
        number = self._known.get(self._fast(given))
        return self._keys.get(number) if number else None

    def find(self, given: str) -> Key | None:
        """Return the key that a caller gave, expired or not; None where there is none such."""
        if found := self.recognized(given):
            return found
        prefix, _, rest = given.partition("_")
        number, _, secret = rest.partition("_")
        key = self._keys.get(number)
        if prefix != PREFIX or key is None:
            return None
        with self._slowly:
            matches = hmac.compare_digest(_slow(secret, bytes.fromhex(key.salt)), key.hash)
        if not matches:
            return None
        self._known[self._fast(given)] = number
        return key

    def _fast(self, given: str) -> bytes:
        return hashlib.blake2b(given.encode(errors="replace"), key=self._secret).digest()

    def _refresh(self) -> None:
        try:
            status = os.stat(self._path)
            seen = (status.st_ino, status.st_size, status.st_mtime_ns)
            self._was_there = True
        except FileNotFoundError:
            seen = (0, 0, 0)
        except OSError:
            # `read` says what is wrong with it.
            seen, self._was_there = (-1, -1, -1), True
        if seen != self._seen:
            self._keys, self._known, self._seen = {}, {}, None
            self._keys = read(self._ws)
            self._seen = seen


def _slow(secret: str, salt: bytes) -> str:
    made = hashlib.scrypt(secret.encode(), salt=salt, n=_COST, r=_BLOCK, p=_PARALLEL)
    return base64.b64encode(made).decode()


def _write(ws: Workspace, keys: Mapping[str, Key]) -> None:
    path: Path = ws.home / FILE
    with fresh_file(path) as fresh:
        fresh.touch(mode=stat.S_IRUSR | stat.S_IWUSR)
        listed = [asdict(key) for key in keys.values()]
        fresh.write_text(json.dumps(listed, indent=2, default=datetime.isoformat) + "\n")
