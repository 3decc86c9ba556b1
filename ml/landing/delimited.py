"""Loading delimited text: every data line becomes a row; a broken line gets `_error` set."""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import duckdb

from ml.landing.declarations import DeclaredTable
from ml.landing.lines import WHITESPACE, Record, physical_lines, read_records, split_line
from ml.landing.raw_files import RawFile
from ml.workspace.errors import AlmanacError, BadInput
from ml.workspace.sql import literal, no_glob, quoted
from ml.workspace.suggest import did_you_mean

META = ("_file", "_row", "_error", "_line")
DELIMITERS = (",", ";", "\t", "|")
# Files with longer lines (in bytes) are read by Python instead of DuckDB.
LONGEST_LINE = 16 * 1024 * 1024
BATCH = 100_000
# A header of more is most likely no header; tables of more are slow to prepare.
MOST_COLUMNS = 5_000


@dataclass(frozen=True)
class Header:
    """A file's delimiter, its column names, and the line number of its header."""

    delimiter: str
    names: tuple[str, ...]
    row: int


def read_header(
    file: RawFile,
    delimiters: Iterable[str],
    fits: Callable[[tuple[str, ...]], str | None],
    mapping: str | None = None,
) -> Header:
    """Return the header of `file` by the first delimiter under which it fits.

    Args:
        file: a delimited text file in UTF-8.
        delimiters: candidates, in order of preference.
        fits: returns what is wrong with a header's names, or None.
        mapping: where the mapping lies that reads the file, if one does.

    Raises:
        AlmanacError: the file is empty, not UTF-8, or fits under no delimiter.
    """
    row, line = _header_line(file)
    complaints = []
    for delimiter in delimiters:
        names = _names(line, delimiter)
        complaint = _too_many(names) or fits(names)
        if complaint is None:
            return Header(delimiter, names, row)
        complaints.append((len(names), complaint))
    # The delimiter that gives the most columns is most likely the file's own.
    raise BadInput(
        f"{file.name}: {max(complaints, key=lambda pair: pair[0])[1]}.",
        f"Correct {f'{mapping}, or ' if mapping else ''}{file.path}, then: dbt build",
    )


def load_table(connection: duckdb.DuckDBPyConnection, table: DeclaredTable, file: RawFile) -> int:
    """Insert the declared columns of `file` into the temporary table of `table`.

    Returns:
        The number of lines that could not be read; they are rows with `_error` set.

    Raises:
        AlmanacError: a required column is missing, or the file is no UTF-8 text.
    """
    header = read_header(file, DELIMITERS, lambda names: _complaint(table, names))
    positions = {column.name: _position(header.names, column.name) for column in table.columns}
    return load_file(connection, table.identifier, file, header, positions)


def load_file(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    file: RawFile,
    header: Header,
    positions: Mapping[str, int | None],
) -> int:
    """Insert every data line of `file` into the temporary table `relation` as text.

    Args:
        connection: an open connection, in no transaction.
        relation: a temporary table with the columns of `positions` and the meta columns.
        file: the file to read.
        header: its header.
        positions: the place in the file of each column of `relation`; None gives nulls.

    Returns:
        The number of lines that could not be read; they are rows with `_error` set.
    """
    columns = ", ".join(quoted(name) for name in (*positions, *META))
    values = [f"c{place}" if place is not None else "null" for place in positions.values()]
    insert = f"insert into temp.{quoted(relation)} ({columns}) select {', '.join(values)}"
    if not _load_plain(connection, insert, relation, file, header):
        return _load_by_line(connection, insert, file, header)
    return 0


def new_table(connection: duckdb.DuckDBPyConnection, relation: str, columns: Iterable[str]) -> None:
    """Make the temporary table that files are loaded into: text columns and the meta columns."""
    text = "".join(f"{quoted(name)} varchar, " for name in columns)
    connection.execute(
        f"create or replace temp table {quoted(relation)} "
        f"({text}_file varchar, _row bigint, _error varchar, _line varchar)"
    )


def _load_plain(
    connection: duckdb.DuckDBPyConnection, insert: str, relation: str, file: RawFile, header: Header
) -> bool:
    """Load the file with DuckDB if every line is one valid row; return whether it is such a file.

    Only then do row numbers equal line numbers, with no line skipped or swallowed by a quote.
    """
    if header.row != 1 or len(header.names) < 2:
        return False
    try:
        [(rows,)] = connection.execute(
            f"{insert}, {literal(file.name)}, row_number() over () + 1, null, null "
            f"from {_scan(file, header)}"
        ).fetchall()
    except duckdb.Error:
        return False
    if rows == _count_lines(file) - 1:
        return True
    connection.execute(f"delete from temp.{quoted(relation)} where _file = ?", [file.name])
    return False


def _scan(file: RawFile, header: Header) -> str:
    """Return SQL that reads the fields of every line below the first as c0, c1 and so on."""
    start = (
        f"read_csv({literal(no_glob(str(file.path)))}, auto_detect = false, header = false, "
        f"skip = 1, max_line_size = {LONGEST_LINE}, "
    )
    places = range(len(header.names))
    if header.delimiter != WHITESPACE:
        columns = ", ".join(f"'c{place}': 'varchar'" for place in places)
        delimiter = literal(header.delimiter)
        return f"{start} delim = {delimiter}, quote = '\"', escape = '\"', columns = {{{columns}}})"
    fields = ", ".join(f"fields[{place + 1}] as c{place}" for place in places)
    # No line holds this control character, so each line is one column, split at blanks afterwards.
    lines = f"{start} delim = '\x01', quote = '', escape = '', columns = {{'line': 'varchar'}})"
    split = f"select regexp_extract_all(line, '\\S+') as fields from {lines}"
    return f"(select {fields} from ({split}) where len(fields) = {len(places)})"


def _load_by_line(
    connection: duckdb.DuckDBPyConnection, insert: str, file: RawFile, header: Header
) -> int:
    broken = not_text = rows = 0
    for batch in _batches(read_records(file.path, header.delimiter, len(header.names), header.row)):
        _insert_records(connection, insert, file, batch, len(header.names))
        rows += len(batch)
        broken += sum(record.error is not None for record in batch)
        not_text += sum(record.error == "not UTF-8" for record in batch)
    if not_text * 2 > rows:
        raise _not_utf8(file)
    return broken


def _insert_records(
    connection: duckdb.DuckDBPyConnection,
    insert: str,
    file: RawFile,
    records: list[Record],
    width: int,
) -> None:
    import pyarrow as pa

    columns = {
        f"c{place}": pa.array(
            [(r.values[place] or None) if r.values else None for r in records], pa.string()
        )
        for place in range(width)
    }
    columns["n"] = pa.array([record.row for record in records], pa.int64())
    columns["e"] = pa.array([record.error for record in records], pa.string())
    columns["l"] = pa.array(
        [record.line if record.error else None for record in records], pa.string()
    )
    connection.register("landing_batch", pa.table(columns))
    connection.execute(f"{insert}, {literal(file.name)}, n, e, l from landing_batch")
    connection.unregister("landing_batch")


def _batches(records: Iterator[Record]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    for record in records:
        batch.append(record)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _header_line(file: RawFile) -> tuple[int, str]:
    with file.path.open("rb") as stream:
        start = stream.read(4)
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise _not_utf8(file)
    for row, line in physical_lines(file.path):
        if line.strip():
            if "\0" in line or not _is_utf8(line):
                raise _not_utf8(file)
            return row, line.rstrip("\r\n")
    raise BadInput(
        f"{file.name} is empty: {file.path}", "Copy it again or remove it, then: dbt build"
    )


def _names(line: str, delimiter: str) -> tuple[str, ...]:
    try:
        fields = split_line(line, delimiter)
        return tuple(name.strip() or f"column_{n}" for n, name in enumerate(fields, start=1))
    except csv.Error:
        return (line,)


def _complaint(table: DeclaredTable, names: tuple[str, ...]) -> str | None:
    for column in table.columns:
        if wrong := repeated(name for name in names if name == column.name):
            return wrong
        if column.name not in names and not column.optional:
            return (
                f"column `{column.name}` is missing{did_you_mean(column.name, names)}. "
                f"Found: {', '.join(names)}"
            )
    return None


def _too_many(names: tuple[str, ...]) -> str | None:
    if len(names) <= MOST_COLUMNS:
        return None
    return f"the header has {len(names):,} columns; at most {MOST_COLUMNS:,} are read"


def repeated(names: Iterable[str]) -> str | None:
    """Return what is wrong if a name stands more than once; None where none does."""
    counted = Counter(names)
    return next((f"column `{name}` stands {n} times" for name, n in counted.items() if n > 1), None)


def _position(names: tuple[str, ...], name: str) -> int | None:
    return names.index(name) if name in names else None


def _count_lines(file: RawFile) -> int:
    lines, last = 0, b"\n"
    with file.path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            lines, last = lines + chunk.count(b"\n"), chunk[-1:]
    return lines + (last != b"\n")


def _is_utf8(line: str) -> bool:
    # Bytes that are no UTF-8 were read as lone surrogates.
    return not any("\ud800" <= letter <= "\udfff" for letter in line)


def _not_utf8(file: RawFile) -> AlmanacError:
    return BadInput(
        f"{file.name} is not UTF-8 text: {file.path}",
        "Save it as UTF-8 (for instance: iconv -f CP1251 -t UTF-8), then: dbt build",
    )
