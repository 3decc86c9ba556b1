"""Customers who were forgotten: a list of keyed hashes of their ids, which landing leaves out.

The list holds no id, so that it says nothing of whom it is about; the raw files may still have
their rows, and a build that reads these files again must not bring them back.
"""

import hashlib
import json
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ml.workspace.errors import BadInput
from ml.workspace.files import locked, write_json
from ml.workspace.settings import Workspace

FORGOTTEN = "forgotten.json"
RELATION = "landed.workspace__forgotten"
# In a line that cannot be split into its fields an id is a field, or a word of so many characters;
# a shorter one is looked for in the first field alone, since it is a word of many a line by chance.
LONG = 4


@dataclass(frozen=True)
class Forgotten:
    """The key of the hashes and the hashes, one a source and id; both empty at first."""

    key: str = ""
    hashes: tuple[str, ...] = ()

    def hash(self, source: str, customer: str) -> str:
        """Return what the list keeps of an id of a source: hexadecimal SHA-256."""
        return hashlib.sha256(f"{self.key}{source}:{customer}".encode()).hexdigest()


def kept(source: str, column: str) -> str:
    """Return the SQL condition of landed rows whose id in `column` (SQL) was not forgotten.

    `source` is SQL of the source's name.
    """
    own = _sql_hash(source, f"trim(cast({column} as varchar))")
    return f"coalesce({own} not in (select hash from {RELATION}), true)"


def kept_lines(source: str) -> str:
    """Return the SQL condition of lines without fields in whose text no forgotten id stands."""
    words = f"select unnest({ids_in('_line')}) as word"
    listed = f"{_sql_hash(source, 'word')} in (select hash from {RELATION})"
    return f"(_line is null or not exists (select 1 from ({words}) where {listed}))"


def ids_in(line: str) -> str:
    """Return the SQL of the list of texts in a line (SQL) that may be ids."""
    fields = (
        f"list_transform(regexp_split_to_array({line}, '[,;|\t]'), "
        "lambda field: trim(field, ' \"' || chr(160)))"
    )
    words = f"regexp_split_to_array({line}, '[^\\p{{L}}\\p{{N}}_-]+')"
    long = f"lambda text: length(text) >= {LONG}"
    return f"list_concat([{fields}[1]], list_filter(list_concat({fields}, {words}), {long}))"


def _sql_hash(source: str, customer: str) -> str:
    return f"sha256((select max(key) from {RELATION}) || {source} || ':' || {customer})"


def read_forgotten(ws: Workspace) -> Forgotten:
    """Return the workspace's list; an empty one where nobody was forgotten.

    Raises:
        AlmanacError: the file cannot be read.
    """
    path = ws.home / FORGOTTEN
    if not path.exists():
        return Forgotten()
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Forgotten(str(content["key"]), tuple(map(str, content["hashes"])))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"{path} cannot be read: {error!r}",
            "It keeps forgotten customers out of the warehouse. Put a copy of it from before in "
            "its place, then: dbt build",
        ) from error


def add_forgotten(ws: Workspace, ids: Mapping[str, Collection[str]]) -> Forgotten:
    """Add a customer's ids, by source, to the list and return it.

    Raises:
        AlmanacError: the list cannot be read.
    """
    with locked(ws.home):
        before = read_forgotten(ws)
        listed = Forgotten(before.key or secrets.token_hex(16), before.hashes)
        new = {listed.hash(source, each) for source, known in ids.items() for each in known}
        hashes = tuple(sorted({*listed.hashes, *new}))
        write_json(ws.home / FORGOTTEN, {"key": listed.key, "hashes": hashes})
    return Forgotten(listed.key, hashes)
