"""Corrupts delimited text: every row at or after an instant gets other values.

All other lines are copied as they are, bytes and line ends included.
"""

import csv
import io
import re
from collections import deque
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from zlib import crc32

from ml.features.leakage.raw_tables import RawTable
from ml.landing.delimited import DELIMITERS
from ml.landing.lines import (
    WHITESPACE,
    NumberedLines,
    physical_lines,
    split_line,
    take_record,
)

# How many values of each field are remembered to take others from.
REMEMBERED = 64
NUMBER = re.compile(r"([+-]?)(\d+)(?:([.,])(\d+))?")
ISO = re.compile(r"\d{4}-\d\d-\d\d(?:([T ])\d\d:\d\d(?::[\d.]+)?(.*))?")
OPPOSITES = {"0": "1", "1": "0", "true": "false", "false": "true"}


@dataclass(frozen=True)
class TextLayout:
    """How a file's lines divide into fields, and what to do with each field.

    Attributes:
        delimiter: one character, or `whitespace`.
        width: the number of columns.
        kept: the fields that are never changed.
        times: the fields that hold the time of a row.
        formats: the formats of the time; none where it is ISO 8601.
        is_plain: whether one field as it stands is the time.
        drops: whether rows may be dropped and repeated.
        at: the instant (UTC).
    """

    delimiter: str
    width: int
    kept: frozenset[int]
    times: tuple[int, ...]
    formats: tuple[str, ...]
    is_plain: bool
    drops: bool
    at: datetime


@dataclass
class SeenValues:
    """Values seen in each field, to replace others with; times only of corrupted rows."""

    fields: list[deque[str]]
    times: deque[tuple[str, ...]] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def remember(self, values: list[str]) -> None:
        """Add a row's values."""
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
    layout = _text_layout(table, at, source)
    seen_values = SeenValues([deque(maxlen=REMEMBERED) for _ in range(layout.width)])
    for _, text in islice(_filled_records(source, rows, layout), 1, REMEMBERED):
        values = _split(text, layout.delimiter)
        if values is not None and len(values) == layout.width:
            seen_values.remember(values)
    with target.open("w", encoding="utf-8", errors="surrogateescape", newline="") as out:
        for row, text in _records(source, rows, layout):
            out.write(_changed(row, text, layout, seen_values) if row in rows else text)


def _changed(row: int, text: str, layout: TextLayout, seen_values: SeenValues) -> str:
    values = _split(text, layout.delimiter)
    if values is None:
        return text
    chance = _chance(row, "row") % 10
    others = _others(row, values, layout, seen_values)
    others = _moved(row, values, others, layout, seen_values)
    if len(values) == layout.width:
        seen_values.remember(values)
    if layout.drops and chance == 0:
        return ""
    end = text[len(text.rstrip("\r\n")) :]
    line = _joined(others, layout.delimiter)
    return f"{line}{end or chr(10)}{line}{end}" if layout.drops and chance == 1 else line + end


def _others(row: int, values: list[str], layout: TextLayout, seen_values: SeenValues) -> list[str]:
    swaps = _chance(row, "swap") % 2 == 0
    return [
        value
        if place in layout.kept or place >= layout.width or place in layout.times
        else _other(value, seen_values.fields[place], _chance(row, str(place)), swaps)
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
    row: int, values: list[str], others: list[str], layout: TextLayout, seen_values: SeenValues
) -> list[str]:
    """Return `others` with the time of another changed row, or the instant itself."""
    if not layout.times:
        return others
    own = tuple(values[place] for place in layout.times)
    chance = _chance(row, "time")
    first = (
        _written(layout.at, own[0], layout.formats) if layout.is_plain and chance % 8 == 0 else None
    )
    new = (first,) if first else own
    if not first and seen_values.times:
        new = seen_values.times[chance % len(seen_values.times)]
    seen_values.times.append(own)
    moved = dict(zip(layout.times, new, strict=True))
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


def _text_layout(table: RawTable, at: datetime, source: Path) -> TextLayout:
    header = next(line for _, line in physical_lines(source) if line.strip())
    mapping = table.mapping
    columns = mapping.columns if mapping else {}
    wanted = {name.lower() for name in table.names}
    if columns:
        text = " ".join(columns.values())
        wanted = {word.lower() for word in re.findall(r"\w+", text)}
    delimiters = (mapping.delimiter,) if mapping and mapping.delimiter else DELIMITERS
    splits = {each: _split(header, each) or [] for each in delimiters}
    delimiter = max(splits, key=lambda each: len(_known(splits[each], wanted)))
    names = [name.strip() for name in splits[delimiter]]

    def places(landed: str | None) -> list[int]:
        if not columns:
            return [names.index(landed)] if landed in names else []
        return [names.index(name) for name in _columns_named(columns.get(str(landed), ""), names)]

    times = tuple(places(table.time))
    expression = str(columns.get(str(table.time), table.time)).strip().strip('"')
    return TextLayout(
        delimiter=delimiter,
        width=len(names),
        kept=frozenset(place for name in table.kept_columns for place in places(name)),
        times=() if table.is_period else times,
        formats=mapping.time_formats if mapping else (),
        is_plain=len(times) == 1 and expression.lower() == names[times[0]].lower(),
        drops=table.is_dated,
        at=at,
    )


def _known(fields: list[str], wanted: set[str]) -> set[str]:
    words = {word.lower() for each in fields for word in re.findall(r"\w+", each)}
    exact = {each.strip().lower() for each in fields}
    return (exact | (words if len(fields) > 1 else set())) & wanted


def _columns_named(expression: str, header: Iterable[str]) -> list[str]:
    """The columns of `header` that an SQL expression names."""
    without_texts = re.sub(r"'(?:[^']|'')*'", " ", expression)
    words = {word.strip('"').lower() for word in re.findall(r'"[^"]+"|\w+', without_texts)}
    return [name for name in header if name.lower() in words]


def _records(path: Path, rows: Container[int], layout: TextLayout) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, text): records of `rows` whole, anything else line by line."""
    lines = NumberedLines(physical_lines(path, keep_bom=True))
    while next_line := lines.look(1):
        row, line = next_line[0]
        if row in rows:
            yield row, take_record(lines, layout.delimiter, layout.width)[1]
        else:
            lines.take(1)
            yield row, line


def _filled_records(
    path: Path, rows: Container[int], layout: TextLayout
) -> Iterator[tuple[int, str]]:
    return ((row, text) for row, text in _records(path, rows, layout) if text.strip())


def _split(text: str, delimiter: str) -> list[str] | None:
    try:
        return split_line(text.rstrip("\r\n"), delimiter)
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
