"""Delimited text with every row at or after an instant made into another one, line by line.

Lines that are not to change pass through as they are, bytes and line ends included.
"""

import csv
import io
import re
from collections import deque
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from zlib import crc32

from ml.features.leakage.landed_mapping import columns_of, formats_of
from ml.features.leakage.raw_tables import RawTable

DELIMITERS = (",", ";", "\t", "|")
WHITESPACE = "whitespace"
LONGEST_RECORD = 100
REMEMBERED = 64
NUMBER = re.compile(r"([+-]?)(\d+)(?:([.,])(\d+))?")
ISO = re.compile(r"\d{4}-\d\d-\d\d(?:([T ])\d\d:\d\d(?::[\d.]+)?(.*))?")
OPPOSITES = {"0": "1", "1": "0", "true": "false", "false": "true"}


@dataclass(frozen=True)
class Shape:
    """How a file divides: the fields that stay, those that tell the time, and the latter's form."""

    delimiter: str
    width: int
    places: frozenset[int]
    times: tuple[int, ...]
    formats: tuple[str, ...]
    is_plain: bool
    drops: bool
    at: datetime


@dataclass
class Memory:
    """Values seen in each field, to put others in their stead; times only of changed rows."""

    fields: list[deque[str]]
    times: deque[tuple[str, ...]] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def remember(self, values: list[str]) -> None:
        """Take a row's values in."""
        for seen, value in zip(self.fields, values, strict=True):
            if value and value not in seen:
                seen.append(value)


def rewrite(
    table: RawTable, at: datetime, source: Path, target: Path, rows: Container[int]
) -> None:
    """Write `source` to `target` with the records that begin on the lines `rows` corrupted.

    Times are those of other such records, or `at` itself; half of the records get values of other
    rows in all fields, half get numbers scaled, shifted and of either sign. Customers stay. A tenth
    of the records of a dated table is dropped and a tenth is there twice.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    shape = _shape(table, at, source)
    memory = Memory([deque(maxlen=REMEMBERED) for _ in range(shape.width)])
    for _, text in islice(_records(source, rows, skip_blank=True), 1, REMEMBERED):
        values = _split(text, shape.delimiter)
        if values is not None and len(values) == shape.width:
            memory.remember(values)
    with target.open("w", encoding="utf-8", errors="surrogateescape", newline="") as out:
        for row, text in _records(source, rows):
            out.write(_changed(row, text, shape, memory) if row in rows else text)


def _changed(row: int, text: str, shape: Shape, memory: Memory) -> str:
    values = _split(text, shape.delimiter)
    if values is None:
        return text
    chance = _chance(row, "row") % 10
    others = _others(row, values, shape, memory)
    others = _moved(row, values, others, shape, memory)
    if len(values) == shape.width:
        memory.remember(values)
    if shape.drops and chance == 0:
        return ""
    end = text[len(text.rstrip("\r\n")) :]
    line = _joined(others, shape.delimiter)
    return f"{line}{end or chr(10)}{line}{end}" if shape.drops and chance == 1 else line + end


def _others(row: int, values: list[str], shape: Shape, memory: Memory) -> list[str]:
    swaps = _chance(row, "swap") % 2 == 0
    return [
        value
        if place in shape.places or place >= shape.width or place in shape.times
        else _other(value, memory.fields[place], _chance(row, str(place)), swaps)
        for place, value in enumerate(values)
    ]


def _other(value: str, seen: deque[str], chance: int, swaps: bool) -> str:
    if value.strip().lower() in OPPOSITES:
        return OPPOSITES[value.strip().lower()]
    number = NUMBER.fullmatch(value.strip())
    if number and not swaps:
        return _scaled(number, chance)
    choice = [each for each in seen if each != value]
    if choice:
        return choice[chance % len(choice)]
    return _scaled(number, chance) if number else f"{value}~"


def _scaled(number: re.Match[str], chance: int) -> str:
    """Another number with as many decimals: three times and seven more, of either sign."""
    _, whole, mark, fraction = number.groups()
    digits = str(3 * int(whole + (fraction or "")) + 7 * 10 ** len(fraction or ""))
    if fraction:
        digits = digits.rjust(len(fraction) + 1, "0")
        digits = f"{digits[: -len(fraction)]}{mark}{digits[-len(fraction) :]}"
    return f"-{digits}" if chance % 2 else digits


def _moved(
    row: int, values: list[str], others: list[str], shape: Shape, memory: Memory
) -> list[str]:
    """Return `others` with the time of another changed row, or the instant itself."""
    if not shape.times:
        return others
    own = tuple(values[place] for place in shape.times)
    chance = _chance(row, "time")
    first = (
        _written(shape.at, own[0], shape.formats) if shape.is_plain and chance % 8 == 0 else None
    )
    new = (first,) if first else own
    if not first and memory.times:
        new = memory.times[chance % len(memory.times)]
    memory.times.append(own)
    moved = dict(zip(shape.times, new, strict=True))
    return [moved.get(place, value) for place, value in enumerate(others)]


def _written(at: datetime, like: str, formats: tuple[str, ...]) -> str | None:
    """`at` in the form of the text `like`; None where that form is unknown."""
    for form in formats:
        try:
            datetime.strptime(like.strip(), form)
        except ValueError:
            continue
        return at.strftime(form)
    found = None if formats else ISO.fullmatch(like.strip())
    if found is None:
        return None
    mark, offset = found.groups()
    return (
        f"{at:%Y-%m-%d}"
        if mark is None
        else f"{at:%Y-%m-%d}{mark}{at:%H:%M:%S}" + ("Z" if offset else "")
    )


def _shape(table: RawTable, at: datetime, source: Path) -> Shape:
    _, header = next(_records(source, (), skip_blank=True))
    columns = (table.mapping or {}).get("columns") or {}
    wanted = {name.lower() for name in table.names}
    if columns:
        text = " ".join(str(each) for each in columns.values())
        wanted = {word.lower() for word in re.findall(r"\w+", text)}
    chosen = (table.mapping or {}).get("delimiter")
    splits = {each: _split(header, each) or [] for each in ((chosen,) if chosen else DELIMITERS)}
    delimiter = max(splits, key=lambda each: len(_known(splits[each], wanted)))
    names = [name.strip().removeprefix("\ufeff") for name in splits[delimiter]]

    def places(landed: str | None) -> list[int]:
        if not columns:
            return [names.index(landed)] if landed in names else []
        return [names.index(name) for name in columns_of(str(columns.get(landed, "")), names)]

    times = tuple(places(table.time))
    expression = str(columns.get(table.time, table.time)).strip().strip('"')
    return Shape(
        delimiter=delimiter,
        width=len(names),
        places=frozenset(place for name in table.places for place in places(name)),
        times=() if table.is_period else times,
        formats=formats_of(table.mapping or {}),
        is_plain=len(times) == 1 and expression.lower() == names[times[0]].lower(),
        drops=table.is_dated,
        at=at,
    )


def _known(fields: list[str], wanted: set[str]) -> set[str]:
    words = {word.lower() for each in fields for word in re.findall(r"\w+", each)}
    exact = {each.strip().removeprefix("\ufeff").lower() for each in fields}
    return (exact | (words if len(fields) > 1 else set())) & wanted


def _records(
    path: Path, rows: Container[int], skip_blank: bool = False
) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, text): records of `rows` whole, anything else line by line."""
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as stream:
        lines = enumerate(stream, start=1)
        for row, line in lines:
            text = line
            if skip_blank and not line.strip():
                continue
            if row in rows and line.count('"') % 2:
                for _, following in islice(lines, LONGEST_RECORD):
                    text += following
                    if text.count('"') % 2 == 0:
                        break
            yield row, text


def _split(text: str, delimiter: str) -> list[str] | None:
    line = text.rstrip("\r\n")
    if delimiter == WHITESPACE:
        return line.split()
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True), None)
    except csv.Error:
        return None


def _joined(values: list[str], delimiter: str) -> str:
    if delimiter == WHITESPACE:
        return " ".join(values)
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="").writerow(values)
    return out.getvalue()


def _chance(row: int, salt: str) -> int:
    return crc32(f"{row} {salt}".encode())
