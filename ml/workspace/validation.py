"""Checking what people write by typed schemas: every wrong field is named with what is wrong."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

from ml.workspace.errors import BadInput
from ml.workspace.settings import Workspace

Schema = TypeVar("Schema")


def _several(value: object) -> object:
    return (
        (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value
    )


# No text is read as a number and no truth value as 1; a single text stands for a list of one.
Whole = Annotated[int, Field(strict=True)]
Number = Annotated[float, Field(strict=True)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_several)]


def validated(schema: type[Schema], values: Mapping[str, Any], place: str) -> Schema:
    """Return the dataclass `schema` made of `values`.

    Raises:
        BadInput: fields are unknown, missing or of another type; `place` says where they stand.
    """
    try:
        return TypeAdapter(schema).validate_python(values)
    except ValidationError as error:
        known = ", ".join(field.name for field in fields(schema))  # type: ignore[arg-type]
        raise BadInput(wrong_fields(error, place), f"There are: {known}") from error


def section(ws: Workspace, name: str, schema: type[Schema], cure: str) -> Schema:
    """Return a section of workspace.yml as the dataclass `schema`; its defaults where it is absent.

    Raises:
        BadInput: a setting is unknown or wrong; the error names the file and the place in it, and
            `cure` as what to do.
    """
    given: Any = ws.settings.get(name) or {}
    place = f"{ws.home / 'workspace.yml'}: {name}"
    if not isinstance(given, dict):
        known = ", ".join(field.name for field in fields(schema))  # type: ignore[arg-type]
        raise BadInput(f"{place} must hold `name: value` lines. Known: {known}.", cure)
    try:
        return validated(schema, given, place)
    except BadInput as error:
        raise BadInput(f"{error.what}. {error.next}.", cure) from error


def wrong_fields(error: ValidationError, place: str) -> str:
    """Return a line a wrong field: the place, the field and what is wrong with it."""
    return "\n".join(
        f"{place}: {'.'.join(map(str, each['loc'])) or 'the whole'}: {_message(each['type'], each)}"
        for each in error.errors(include_url=False)
    )


def _message(kind: str, wrong: Mapping[str, Any]) -> str:
    if kind in ("unexpected_keyword_argument", "extra_forbidden"):
        return "is not a setting"
    if kind in ("missing", "missing_argument"):
        return "is missing"
    if kind == "json_invalid":
        # The input is the whole file.
        return str(wrong["msg"])
    if kind == "tuple_type":
        return f"must be a list, not {wrong['input']!r}"
    return f"{wrong['msg']}, not {wrong['input']!r}"
