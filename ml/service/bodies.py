"""Bodies of requests: JSON or an Arrow stream in, whole and no larger than allowed."""

import json
import struct
from collections.abc import Sequence
from typing import Any, NoReturn, TypeVar

import pyarrow as pa
from fastapi import Request
from pydantic import BaseModel, ValidationError

from ml.service.problems import Problem, Wrong, pointer
from ml.service.schemas import LONGEST_ID

JSON = "application/json"
ARROW = "application/vnd.apache.arrow.stream"
# Kinds of Arrow's messages.
_DICTIONARY, _BATCH = 2, 3
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
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Problem(415, "The body is encoded.", next="Send it without content-encoding.")
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
        Problem: it is no such stream, is compressed (a few bytes may then hold gigabytes), goes on
            after its end, names a column twice, or has no rows or columns, or too many rows.
    """
    try:
        source = pa.BufferReader(body)
        messages = pa.ipc.MessageReader.open_stream(source)
        if any(is_compressed(message.metadata.to_pybytes()) for message in messages):
            raise Problem(422, "The stream is compressed.", next="Send it uncompressed.")
        if source.tell() < len(body):
            raise Problem(400, "The body goes on after the end of the Arrow stream.")
        found = pa.ipc.open_stream(body).read_all()
        found.validate(full=True)
        names = found.schema.names
    except (pa.ArrowException, OSError, ValueError, struct.error) as error:
        raise Problem(400, f"The body is no Arrow stream: {error}.") from error
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Problem(422, f"Columns named twice: {', '.join(twice)}.")
    if not names:
        raise Problem(422, "The stream has no columns.")
    check_rows(found.num_rows, most_rows)
    return found


def is_compressed(message: bytes) -> bool:
    """Return whether the buffers of an Arrow message are compressed.

    Args:
        message: its metadata, a flatbuffer as Arrow's Message.fbs says: of a record batch, or of a
            dictionary with one inside, the field `compression`.
    """
    root = _pointed(message, 0)
    kind, header = (_field(message, root, number) for number in (1, 2))
    if not header or not kind or message[kind] not in (_DICTIONARY, _BATCH):
        return False
    batch = _pointed(message, header)
    if message[kind] == _DICTIONARY:
        batch = _pointed(message, _field(message, batch, 1))
    return bool(_field(message, batch, 3))


def _pointed(message: bytes, place: int) -> int:
    """Return where the flatbuffer table lies to which the offset at `place` points."""
    return place + int(struct.unpack_from("<I", message, place)[0])


def _field(message: bytes, table: int, number: int) -> int:
    """Return where a flatbuffer table's field lies; 0 where the table has none such."""
    names = table - struct.unpack_from("<i", message, table)[0]
    size = struct.unpack_from("<H", message, names)[0]
    place = 4 + 2 * number
    offset = struct.unpack_from("<H", message, names + place)[0] if place < size else 0
    return table + offset if offset else 0


def rows(body: bytes, most_rows: int) -> list[dict[str, Any]]:
    """Return the rows of an Arrow stream as records.

    Raises:
        Problem: it is no such stream, or holds what is no number and no text.
    """
    found = table(body, most_rows)
    if any(pa.types.is_nested(each.type) for each in found.schema):
        raise Problem(422, "A column holds lists or structures; a field is a number or a text.")
    try:
        return list(found.to_pylist())
    except (pa.ArrowException, ValueError, OverflowError) as error:
        raise Problem(422, f"A value cannot be read: {error}.") from error


def customers(body: bytes, most_rows: int) -> list[str]:
    """Return the column `customer_id` of an Arrow stream.

    Raises:
        Problem: there is another column, or not in every row a text as long as an id may be.
    """
    found = table(body, most_rows)
    if found.schema.names != ["customer_id"] or not _is_text(found.schema.field(0).type):
        raise Problem(422, "The stream must have one column, customer_id, of texts.")
    ids = found["customer_id"].to_pylist()
    wrong: list[Wrong] = [
        {"pointer": pointer(row, "customer_id"), "detail": "is null, empty or too long"}
        for row, value in enumerate(ids)
        if not value or len(value) > LONGEST_ID
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
