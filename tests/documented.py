"""The keys of `--json` as docs/scripting.md lists them, and those of a document."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from tests.workspaces import REPOSITORY

PAGE = REPOSITORY / "docs" / "scripting.md"
TOKEN = re.compile(r"\s*([{},]|[^{},]+)")
# A key's own keys; none of a plain value, or of a list of these.
Keys = Mapping[str, "Keys"]


@cache
def documented() -> dict[str, Keys]:
    """The keys of each command; a key of records or of a list of them holds theirs."""
    (listed,) = re.findall(r"```text\n(ml .*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    found: dict[str, Keys] = {}
    for block in re.split(r"\n(?=ml )", listed.strip()):
        command, _, keys = block.partition("\n")
        found[command.strip()] = _parsed(iter(TOKEN.findall(" ".join(keys.split()))))
    return found


def assert_documented(command: str, document: Mapping[str, Any]) -> None:
    """The document has the keys that the page lists, all of them; lists may be empty."""
    _assert_same(documented()[command], document, command)


def _assert_same(keys: Keys, found: Mapping[str, Any], place: str) -> None:
    assert {_bare(key) for key in keys} == {*found}, f"{place}: docs/scripting.md lists other keys"
    for key, below in keys.items():
        value = found[_bare(key)]
        where = f"{place}: {_bare(key)}"
        assert key.endswith("[]") == isinstance(value, list) or value is None, where
        values = value if isinstance(value, list) else [value]
        for each in values:
            assert isinstance(each, dict) == bool(below) or each is None, where
            if isinstance(each, dict):
                _assert_same(below, each, where)


def _bare(key: str) -> str:
    return key.removesuffix("[]")


def _parsed(tokens: Any) -> Keys:
    found: dict[str, Keys] = {}
    key = ""
    for token in tokens:
        if token == "{":
            found[key] = _parsed(tokens)
        elif token == "}":
            break
        elif token != ",":
            key = token.strip()
            found[key] = {}
    return found


def shape(found: Mapping[str, Any]) -> str:
    """The keys of a document, as the page lists them: what to write there for a new command."""
    parts = []
    for key, value in found.items():
        values = value if isinstance(value, list) else [value]
        records = [each for each in values if isinstance(each, dict)]
        name = f"{key}[]" if isinstance(value, list) else key
        parts.append(f"{name} {{{shape(records[0])}}}" if records else name)
    return ", ".join(parts)
