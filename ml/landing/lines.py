"""Delimited text read line by line, so that a broken line is reported and costs no other row."""

import csv
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

WHITESPACE = "whitespace"
# How many lines a quoted field may span; a quote still open after that many is taken as a stray.
LONGEST_RECORD = 100
# Text with one delimiter is common inside quotes, a line with two as good as never.
LEAST_WIDTH = 3
# Python's own limit of a field would reject in one file what DuckDB reads in another.
csv.field_size_limit(1 << 30)


@dataclass(frozen=True)
class Record:
    """One data row: its line number from 1, its values or an error and none, and its text."""

    row: int
    values: list[str] | None
    error: str | None
    line: str


class NumberedLines:
    """Numbered lines with look-ahead."""

    def __init__(self, lines: Iterator[tuple[int, str]]) -> None:
        self._rest = lines
        self._seen: deque[tuple[int, str]] = deque()

    def look(self, size: int) -> list[tuple[int, str]]:
        """Return the next lines, at most `size`, without taking them."""
        self._seen.extend(islice(self._rest, max(0, size - len(self._seen))))
        return list(islice(self._seen, size))

    def take(self, size: int) -> None:
        """Remove the next `size` lines, which `look` must have returned before."""
        for _ in range(size):
            self._seen.popleft()


def read_records(path: Path, delimiter: str, width: int, header_row: int) -> Iterator[Record]:
    """Yield every row below the header; blank lines are skipped.

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
    """Take the record that begins on the next line; return it with its text as read.

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


def physical_lines(
    path: Path, *, keep_bom: bool = False, errors: str = "surrogateescape"
) -> Generator[tuple[int, str], None, None]:
    """Yield (line number from 1, line with its line end) of a UTF-8 file.

    Args:
        path: the file.
        keep_bom: whether a byte order mark stays in the first line.
        errors: how bytes that are not UTF-8 are decoded, as in `open`; by default to lone
            surrogates, from which the bytes can be restored.
    """
    encoding = "utf-8" if keep_bom else "utf-8-sig"
    with path.open(encoding=encoding, errors=errors, newline="") as stream:
        yield from enumerate(stream, start=1)


def split_line(line: str, delimiter: str) -> list[str]:
    """Return the fields of `line` without their quotes.

    Raises:
        csv.Error: its quotes do not match.
    """
    if delimiter == WHITESPACE:
        return line.split()
    return next(csv.reader([line], delimiter=delimiter, strict=True))


def _joined(
    first: Record, line: str, lines: NumberedLines, delimiter: str, width: int
) -> tuple[Record, str] | None:
    """Return the record up to the line that closes the quote; None where no line does."""
    for taken, (_, following) in enumerate(lines.look(LONGEST_RECORD), start=1):
        line += following
        if width >= LEAST_WIDTH and '"' not in following and _is_whole(following, delimiter, width):
            # Whole records inside the quotes: two stray quotes, which must not swallow them.
            return None
        if following.count('"') % 2:
            record = _parse(first.row, line, delimiter, width)
            if record.error is None:
                lines.take(taken)
                return record, line
            return None
    return None


def _is_whole(line: str, delimiter: str, width: int) -> bool:
    return line.count(delimiter) == width - 1


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
        # A trailing delimiter, which DuckDB ignores too.
        values.pop()
    if len(values) != width:
        return Record(row, None, f"{len(values)} fields where the header has {width}", text)
    return Record(row, values, None, text)
