"""Delimited text line by line: for files that are not one good row a line."""

import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

WHITESPACE = "whitespace"
# A quoted field may run over as many lines; a quote that closes later than that was never opened.
LONGEST_RECORD = 100


@dataclass(frozen=True)
class Record:
    """One data row: its line number from 1, its values or why there are none, and its text."""

    row: int
    values: list[str] | None
    error: str | None
    line: str


class NumberedLines:
    """Numbered lines that can be looked at before they are taken."""

    def __init__(self, lines: Iterator[tuple[int, str]]) -> None:
        self._rest = lines
        self._seen: deque[tuple[int, str]] = deque()

    def look(self, size: int) -> list[tuple[int, str]]:
        """Return the next lines, at most `size` of them, and leave them."""
        self._seen.extend(islice(self._rest, max(0, size - len(self._seen))))
        return list(islice(self._seen, size))

    def take(self, size: int) -> None:
        """Pass over the next `size` lines, which were looked at before."""
        for _ in range(size):
            self._seen.popleft()


def read_records(path: Path, delimiter: str, width: int, header_row: int) -> Iterator[Record]:
    """Yield every row below the header, blank lines left out.

    Args:
        path: the file.
        delimiter: one character, or `whitespace` for runs of blanks.
        width: the number of columns of the header.
        header_row: the header's line number, from 1.
    """
    lines = NumberedLines(islice(physical_lines(path), header_row, None))
    while next_line := lines.look(1):
        if next_line[0][1].strip():
            yield take_record(lines, delimiter, width)[0]
        else:
            lines.take(1)


def take_record(lines: NumberedLines, delimiter: str, width: int) -> tuple[Record, str]:
    """Take the record that begins on the next line, and return it with its lines as they are.

    Args:
        lines: at least one line, the first of a record.
        delimiter: one character, or `whitespace` for runs of blanks.
        width: the number of columns of the header.
    """
    [(row, line)] = lines.look(1)
    lines.take(1)
    record = _parse(row, line, delimiter, width)
    if record.error and delimiter != WHITESPACE and line.count('"') % 2:
        return _joined(record, line, lines, delimiter, width) or (record, line)
    return record, line


def physical_lines(path: Path, *, keep_bom: bool = False) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line with its end); bytes that are no UTF-8 as lone surrogates.

    Args:
        path: the file.
        keep_bom: whether a byte order mark stays in the first line.
    """
    encoding = "utf-8" if keep_bom else "utf-8-sig"
    with path.open(encoding=encoding, errors="surrogateescape", newline="") as stream:
        yield from enumerate(stream, start=1)


def split_line(line: str, delimiter: str) -> list[str]:
    """Return the fields of `line`, quotes taken off.

    Raises:
        csv.Error: its quotes do not match.
    """
    if delimiter == WHITESPACE:
        return line.split()
    return next(csv.reader([line], delimiter=delimiter, strict=True))


def _joined(
    first: Record, line: str, lines: NumberedLines, delimiter: str, width: int
) -> tuple[Record, str] | None:
    """Read on to the line that closes the quote; None leaves the lines after the first unread."""
    for taken, (_, following) in enumerate(lines.look(LONGEST_RECORD), start=1):
        line += following
        if following.count('"') % 2:
            record = _parse(first.row, line, delimiter, width)
            if record.error is None:
                lines.take(taken)
                return record, line
            return None
    return None


def _parse(row: int, line: str, delimiter: str, width: int) -> Record:
    text = line.rstrip("\r\n")
    try:
        text.encode()
        values = split_line(text, delimiter)
    except UnicodeEncodeError:
        shown = text.encode(errors="surrogateescape").decode(errors="replace")
        return Record(row, None, "not UTF-8", shown)
    except csv.Error as error:
        return Record(row, None, f"quotes do not match ({error})", text)
    if len(values) == width + 1 and not values[-1]:
        # A delimiter at a line's end, which DuckDB passes over too.
        values.pop()
    if len(values) != width:
        return Record(row, None, f"{len(values)} fields where the header has {width}", text)
    return Record(row, values, None, text)
