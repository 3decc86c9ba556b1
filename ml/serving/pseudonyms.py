"""Keyed hashes in place of customer ids, for a published copy that names nobody."""

import hashlib

from ml.workspace.errors import BadInput
from ml.workspace.settings import PUBLISHED_ID_KEY, Workspace
from ml.workspace.sql import quoted

# The block of SHA-256, and the bytes that HMAC (RFC 2104) mixes with the key.
BLOCK, INNER, OUTER = 64, 0x36, 0x5C
SHORTEST = 16


def key_of(ws: Workspace) -> bytes | None:
    """Return the key with which ids are published as hashes; None where they are published.

    Raises:
        AlmanacError: the file that workspace.yml names is absent, or its key is too short.
    """
    named = ws.settings.get(PUBLISHED_ID_KEY)
    if named is None:
        return None
    path = (ws.home / str(named)).resolve()
    advice = f"Make one and keep it: openssl rand -hex 32 > {path}"
    try:
        key = path.read_bytes().strip()
    except OSError as error:
        raise BadInput(
            f"{PUBLISHED_ID_KEY} in workspace.yml names {path}, which cannot be read: "
            f"{error.strerror}.",
            advice,
        ) from error
    if len(key) < SHORTEST:
        raise BadInput(
            f"The key in {path} has {len(key)} bytes; it needs {SHORTEST} at least.", advice
        )
    return key


def hashed(key: bytes, column: str) -> str:
    """Return the SQL of a column's HMAC-SHA256 with `key`, in hexadecimal digits."""
    block = (hashlib.sha256(key).digest() if len(key) > BLOCK else key).ljust(BLOCK, b"\0")
    inner, outer = (bytes(each ^ pad for each in block).hex() for pad in (INNER, OUTER))
    first = f"unhex(sha256(unhex('{inner}') || encode({quoted(column)})))"
    return f"sha256(unhex('{outer}') || {first})"
