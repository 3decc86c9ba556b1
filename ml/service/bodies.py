"""Bodies of requests: JSON or an Arrow stream in, whole and no larger than allowed."""

import json
from collections.abc import Sequence
from typing import Any, NoReturn, TypeVar

import pandas as pd
import pyarrow as pa
from fastapi import Request
from pydantic import BaseModel, ValidationError

from ml.service.problems import Problem, Wrong, pointer

JSON = "application/json"
ARROW = "application/vnd.apache.arrow.stream"
Asked = TypeVar("Asked", bound=BaseModel)


async def body_of(request: Request, most: int) -> bytes:
    """Return the request's body.

    Raises:
        Problem: it has more than `most` bytes, or is neither JSON nor an Arrow stream.
    """
    if content_type(request) not in (JSON, ARROW):
        raise Problem(
            415,
            f"The body is {content_type(request) or 'of no type'}.",
            next=f"Send content-type: {JSON}, or {ARROW}.",
        )
    if int(request.headers.get("content-length") or 0) > most:
        _too_large(most)
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            _too_large(most)
        parts.append(part)
    return b"".join(parts)


def content_type(request: Request) -> str:
    """Return the type of the request's body, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def wants_arrow(request: Request) -> bool:
    """Return whether the caller asks for an Arrow stream."""
    return ARROW in request.headers.get("accept", "")


def parsed(body: bytes, kind: type[Asked]) -> Asked:
    """Return a JSON body as `kind`.

    Raises:
        Problem: it is no JSON (NaN and Infinity are none), or not of that kind.
    """
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_no_number, object_pairs_hook=_once)
    except RecursionError as error:
        raise Problem(400, "The body is nested too deeply.") from error
    except ValueError as error:
        raise Problem(400, f"The body is no JSON: {error}.") from error
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        wrong: list[Wrong] = [
            {"pointer": pointer(*each["loc"]), "detail": each["msg"]}
            for each in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        raise Problem(422, "The body is not what is asked for.", errors=wrong) from error


def table(body: bytes, most_rows: int) -> pa.Table:
    """Return the table of an Arrow stream.

    Raises:
        Problem: it is no such stream, or has no rows or more than `most_rows`.
    """
    batches: list[pa.RecordBatch] = []
    rows = 0
    try:
        with pa.ipc.open_stream(body) as reader:
            schema = reader.schema
            for batch in reader:
                batch.validate(full=True)
                batches.append(batch)
                rows += len(batch)
                check_rows(rows, most_rows)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Problem(400, f"The body is no Arrow stream: {error}.") from error
    check_rows(rows, most_rows)
    return pa.Table.from_batches(batches, schema)


def frame(body: bytes, most_rows: int) -> pd.DataFrame:
    """Return the rows of an Arrow stream as records' fields, a column each."""
    found = table(body, most_rows)
    if any(pa.types.is_nested(each.type) for each in found.schema):
        raise Problem(422, "A column holds lists or structures; a field is a number or a text.")
    made: pd.DataFrame = found.to_pandas()
    return made


def customers(body: bytes, most_rows: int) -> list[str]:
    """Return the column `customer_id` of an Arrow stream.

    Raises:
        Problem: there is no such column of texts without nulls.
    """
    found = table(body, most_rows)
    names = found.schema.names
    if names.count("customer_id") != 1 or not _is_text(found.schema.field("customer_id").type):
        raise Problem(422, "The stream has no column customer_id of texts.")
    ids = found["customer_id"].to_pylist()
    wrong: list[Wrong] = [
        {"pointer": pointer(row, "customer_id"), "detail": "is null or empty"}
        for row, value in enumerate(ids)
        if not value
    ]
    if wrong:
        raise Problem(422, "Not every row names a customer.", errors=wrong)
    return list(ids)


def check_rows(rows: int, most: int) -> None:
    """Refuse a batch of no rows, or of more than allowed.

    Raises:
        Problem: it is one.
    """
    if not rows:
        raise Problem(422, "The body has no rows.")
    if rows > most:
        raise Problem(413, f"The body has {rows:,} rows; {most:,} are allowed.")


def stream(found: pa.Table) -> bytes:
    """Return a table as an Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, found.schema) as writer:
        writer.write_table(found)
    return bytes(sink.getvalue().to_pybytes())


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _too_large(most: int) -> NoReturn:
    raise Problem(413, f"The body is larger than {most:,} bytes.")


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON; a missing value is null")


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} is there twice")
    return found
