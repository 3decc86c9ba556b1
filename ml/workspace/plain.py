"""Values as JSON has them."""

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from typing import Any


def plain(value: object, digits: int | None = None) -> Any:  # noqa: ANN401
    """Return a value as JSON has it: dates as ISO texts, what is no finite number as null.

    Args:
        value: a value, or any nesting of them in mappings, dataclasses and sequences.
        digits: to how many significant digits numbers that are not whole are rounded, if at all.
    """
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float | Decimal):
        rounded = float(value) if digits is None else float(f"{value:.{digits}g}")
        return rounded if math.isfinite(value) else None
    if isinstance(value, date):
        return value.isoformat()
    if is_dataclass(value):
        value = {each.name: getattr(value, each.name) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(each, digits) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each, digits) for each in value]
    # A number of numpy, which is not imported for it.
    return plain(value.item(), digits) if hasattr(value, "item") else str(value)
