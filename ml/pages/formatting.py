"""Numbers, months and names as text, with as many digits as each needs."""

import re
from datetime import date, datetime

from markupsafe import Markup, escape

NOTHING = "–"


def slug(name: str) -> str:
    """Return `name` as an anchor."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def plain(name: str) -> str:
    """Return a snake_case name as words, capitalized."""
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def in_prose(description: str) -> str:
    """Return a description as a part of a sentence."""
    return f"{description[:1].lower()}{description[1:].rstrip('.')}"


def count(number: float) -> str:
    """Return a whole number, thousands separated by narrow no-break spaces."""
    return f"{number:,.0f}".replace(",", "\u202f")


def money(number: float | None, largest: float) -> str:
    """Return an amount with as many digits as the `largest` of its column needs."""
    if number is None:
        return NOTHING
    digits = 2 if largest < 100 else 0
    return f"{number:,.{digits}f}".replace(",", "\u202f").replace("-", "−")


def small(number: float | None) -> str:
    """Return a measure that may be tiny, padded so that decimal points align in a column."""
    if number is None:
        return NOTHING
    return f"{number:.3f}\u2007" if number >= 0.1 or number == 0 else f"{number:.4f}"


def share(number: float | None) -> str:
    """Return a share of 1 as a percentage; the smaller it is, the more digits it has."""
    if number is None:
        return NOTHING
    percent = 100 * number
    digits = 0 if percent == 0 or percent >= 9.95 else 1 if percent >= 0.995 else 2
    return f"{percent:.{digits}f}\u202f%"


def month(day: date | None) -> str:
    """Return a month as `March 2024`."""
    return NOTHING if day is None else f"{day:%B %Y}"


def day(moment: datetime) -> str:
    """Return a day as `1 March 2024`."""
    return f"{moment.day} {moment:%B %Y}"


def breakable(name: str) -> Markup:
    """Return a feature's name that a narrow column may break between its parts."""
    return Markup("<wbr>__").join(escape(part) for part in name.split("__"))
