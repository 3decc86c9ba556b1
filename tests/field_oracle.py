"""What a field of a raw file or of a record means, in plain Python."""

import re
import unicodedata
from datetime import UTC, datetime, timedelta

import numpy as np

FLOAT = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
DAY = r"(\d{4})-(\d\d)-(\d\d)"
TIME = re.compile(
    DAY + r"(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?"
    r"(?: ?(?:(Z)|([+-])(\d\d)(?::?(\d\d))?))?)?",
    re.ASCII | re.IGNORECASE,
)
NUMBER = re.compile(
    r"[+-]?(?:\d+|[1-9]\d{0,2}(?:,\d{3})+)(?:\.\d*)?(?:e[+-]?\d{1,3})?"
    r"|[+-]?\.\d+(?:e[+-]?\d{1,3})?",
    re.ASCII | re.IGNORECASE,
)
EARLIEST, LATEST = datetime(1990, 1, 1), datetime.now(UTC).replace(tzinfo=None) + timedelta(days=1)


class WrongFieldError(ValueError):
    """The oracle does not take a field."""


def the_id(text: str) -> str:
    """The id that a text means."""
    found = text.strip(" \xa0")
    if not found or any(unicodedata.category(sign) in ("Cc", "Cf") for sign in found):
        raise WrongFieldError(text)
    return found


def the_time(text: str) -> datetime:
    """The moment (UTC) that a text means."""
    match = TIME.fullmatch(text.strip(" "))
    if not match:
        raise WrongFieldError(text)
    year, month, day, hour, minute, second, fraction, _, sign, far, further = match.groups()
    if far and int(far) > 14:
        raise WrongFieldError(text)
    try:
        moment = datetime(
            *(int(each or 0) for each in (year, month, day, hour, minute, second)),
            int((fraction or "").ljust(6, "0")[:6]),
        )
    except ValueError as error:
        raise WrongFieldError(text) from error
    if int(further or 0) > 59:
        raise WrongFieldError(text)
    offset = timedelta(hours=int(far or 0), minutes=int(further or 0))
    moment -= -offset if sign == "-" else offset
    if not EARLIEST <= moment <= LATEST:
        raise WrongFieldError(text)
    return moment


def the_number(text: str) -> float:
    """The number that a text means, with a decimal point."""
    if not NUMBER.fullmatch(text.strip(" ")):
        raise WrongFieldError(text)
    found = float(text.strip(" ").replace(",", ""))
    if not abs(found) < 1e15:
        raise WrongFieldError(text)
    return found


def a_count(text: str) -> float | None:
    """A number that is not below zero, or none."""
    found = None if not text.strip(" ") else the_number(text)
    if found is not None and found < 0:
        raise WrongFieldError(text)
    return found


def an_amount(text: str) -> float | None:
    """A number, or none."""
    return None if not text.strip(" ") else the_number(text)


def a_text(text: str) -> str | None:
    """A text, or none."""
    return text.strip(" \xa0") or None


def a_purchase(text: str) -> float | None:
    """0, 1 or none."""
    found = an_amount(text)
    if found not in (None, 0, 1):
        raise WrongFieldError(text)
    return found


def an_input(text: str) -> float | None:
    """The number that a text means as a model's input, or none."""
    if not text:
        return None
    if not FLOAT.fullmatch(text.strip(" ")):
        raise WrongFieldError(text)
    found = np.float64(text)
    if abs(found) > np.finfo(np.float32).max:
        raise WrongFieldError(text)
    return float(found)
