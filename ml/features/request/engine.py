"""Computes a family's features of records in a DuckDB database in memory, kept per process."""

import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import duckdb
import pyarrow as pa

from ml.features.request.request_families import RequestFamily
from ml.landing.declarations import SCHEMA
from ml.landing.land import MACROS
from ml.workspace.errors import BadInput
from ml.workspace.sql import quoted

Record = Mapping[str, Any]
Texts = Mapping[str, Sequence[str | None]]
TEXT = "VARCHAR"
SHOWN = 20


def features(family: RequestFamily, records: Sequence[Record]) -> pa.Table:
    """Return the family's features of the records, a row each in their order.

    Args:
        family: as `request_families` gives it.
        records: raw records. A field may be absent or None; numbers may be texts, as in a file.

    Raises:
        AlmanacError: a record has an unknown field, or a value that cannot be read; each is named.
    """
    return features_of_text(family.to_text(), records)


def features_of_text(text: str, records: Sequence[Record]) -> pa.Table:
    """Return `features` of the family in `text`, as `to_text` gives it; its engine is kept."""
    engine = _engine(text)
    with engine.lock:
        return engine.answer(records)


def kinds(family: RequestFamily) -> dict[str, str]:
    """Return each field's type after cleaning, as DuckDB names it: `DOUBLE` or `VARCHAR`, say."""
    return dict(_engine(family.to_text()).kinds)


@lru_cache
def _engine(text: str) -> "_Engine":
    return _Engine(RequestFamily.from_text(text))


class _Engine:
    """The family's relations in a database of its own; one set of records at a time."""

    def __init__(self, family: RequestFamily) -> None:
        self.family = family
        self.lock = threading.Lock()
        # Records are few; threads would cost more than they save.
        self.connection = duckdb.connect(config={"threads": 1})
        self.connection.execute("set TimeZone = 'UTC'")
        self.connection.execute(f"create schema {SCHEMA}")
        for definition in MACROS:
            self.connection.execute(definition)
        for statement in _statements(family):
            self.connection.execute(statement)
        described = self.connection.execute(f"describe {family.staged}").fetchall()
        types = {row[0]: row[1] for row in described}
        self.kinds = {field: types.get(field, TEXT) for field in family.fields}

    def answer(self, records: Sequence[Record]) -> pa.Table:
        """Return the features of the records; one bad record refuses all."""
        problems = [
            (row, problem)
            for row, record in enumerate(records)
            for field, value in record.items()
            if (problem := _value_problem(self.kinds, field, value))
        ]
        texts = {field: [_text(record.get(field)) for record in records] for field in self.kinds}
        self._stage(texts, len(records))
        _refuse([*problems, *self._staging_problems(texts)], len(records))
        columns = ", ".join(quoted(feature) for feature in self.family.features)
        return self.connection.sql(
            f"select {columns} from {self.family.relation} order by cast(customer_id as bigint)"
        ).to_arrow_table()

    def _stage(self, texts: Texts, records: int) -> None:
        rows = pa.array(range(records), pa.int64())
        given = {field: pa.array(values, pa.string()) for field, values in texts.items()}
        given |= {self.family.key: rows.cast(pa.string()), "_row": rows}
        raw, staged = self.family.raw, self.family.staged
        self.connection.register("given", pa.table(given))
        for statement in (
            f"delete from {raw}",
            f"insert into {raw} by name from given",
            f"delete from {staged}",
            f"insert into {staged} {_staging_query(self.family)}",
        ):
            self.connection.execute(statement)

    def _staging_problems(self, texts: Texts) -> Iterator[tuple[int, str]]:
        """Yield (row, problem) of rejected rows: the fields that staging could not read, or why."""
        columns = ", ".join(quoted(field) for field in self.kinds)
        rejected = self.connection.execute(
            f"select _row, reject_reason, {columns} from {self.family.staged} "
            "where reject_reason is not null order by _row"
        ).fetchall()
        for row, reason, *values in rejected:
            unread = [
                _wrong_type(field, self.kinds[field], texts[field][row])
                for field, value in zip(self.kinds, values, strict=True)
                if value is None and (texts[field][row] or "").strip()
            ]
            yield from ((row, problem) for problem in unread or [str(reason)])


def _statements(family: RequestFamily) -> Iterator[str]:
    relations = [*family.tables, *family.models]
    for database in sorted({name.split(".")[0] for name in relations}):
        yield f"attach ':memory:' as {database}"
    for schema in sorted({name.rpartition(".")[0] for name in relations}):
        yield f"create schema {schema}"
    for name, columns in family.tables.items():
        listed = ", ".join(f"{quoted(column)} {kind}" for column, kind in columns.items())
        yield f"create table {name} ({listed})"
    for name, sql in family.models.items():
        # The staged rows are read twice: to find what was rejected, and by the models above.
        staged = name == family.staged
        yield (
            f"create table {name} as {_staging_query(family)}"
            if staged
            else f"create view {name} as {sql}"
        )


def _staging_query(family: RequestFamily) -> str:
    """Return the staging query without the row's text, which takes half of its time."""
    return f"select * exclude (_line) from ({family.models[family.staged]})"


def _value_problem(kinds: Mapping[str, str], field: str, value: object) -> str:
    """Return what is wrong with a value that no file could hold, or an empty text."""
    if field not in kinds:
        return f"{field} is no field; there are {', '.join(kinds)}"
    is_text = isinstance(value, str)
    if value is None or (_text(value) is not None and (is_text or kinds[field] != TEXT)):
        return ""
    return _wrong_type(field, kinds[field], value)


def _text(value: object) -> str | None:
    """Return a value as a file would hold it; None for what is no text and no finite number."""
    if isinstance(value, str):
        # A half of a surrogate pair is no text.
        return value if value.isascii() or value.encode(errors="ignore").decode() == value else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return str(value) if math.isfinite(value) else None
    except (OverflowError, ValueError):
        return None


def _wrong_type(field: str, kind: str, value: object) -> str:
    return f"{field} must be {'a text' if kind == TEXT else 'a number'}, not {value!r}"


def _refuse(problems: Sequence[tuple[int, str]], records: int) -> None:
    if not problems:
        return
    lines = [
        f"record {row + 1}: {problem}" if records > 1 else problem
        for row, problem in sorted(problems)
    ]
    more = [f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    raise BadInput("\n".join([*lines[:SHOWN], *more]), "Correct the request, then ask again.")
