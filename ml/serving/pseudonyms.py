"""Keyed hashes in place of customer ids, for a published copy that names nobody."""

import hashlib

from ml.workspace.errors import BadInput
from ml.workspace.settings import PUBLISHED_ID_KEY, Workspace
from ml.workspace.sql import quoted
from ml.workspace.suggest import similar

# The block of SHA-256, and the bytes that HMAC (RFC 2104) mixes with the key.
BLOCK, INNER, OUTER = 64, 0x36, 0x5C
SHORTEST = 16


def key_of(ws: Workspace) -> bytes | None:
    """Return the key with which ids are published as hashes; None where they are published.

    Raises:
        AlmanacError: the file that workspace.yml names is absent, or its key is too short.
    """
    place = ws.home / "workspace.yml"
    for name in ws.settings:
        if name != PUBLISHED_ID_KEY and similar(str(name), [PUBLISHED_ID_KEY], 1, cutoff=0.8):
            raise BadInput(
                f"{place}: no setting `{name}` (did you mean {PUBLISHED_ID_KEY}?).",
                "Correct it, then run the command again.",
            )
    if PUBLISHED_ID_KEY not in ws.settings:
        return None
    named = ws.settings[PUBLISHED_ID_KEY]
    advice = "Make a key, keep it, and name its file there: openssl rand -hex 32 > ids.key"
    if not isinstance(named, str) or not named:
        raise BadInput(f"{place}: {PUBLISHED_ID_KEY} must name the file of a key.", advice)
    path = (ws.home / named).resolve()
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
