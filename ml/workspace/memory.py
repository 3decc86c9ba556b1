"""Amounts of memory: as settings write them, and what this machine has."""

import os
import re

UNITS = {
    **{"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12},
    **{"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40},
}
AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]i?B)", re.IGNORECASE)


def bytes_of(amount: str) -> int:
    """Return the bytes of an amount such as `4GB` or `512 MiB`.

    Raises:
        ValueError: it is no such amount.
    """
    found = AMOUNT.fullmatch(amount.strip())
    if not found:
        raise ValueError(f"{amount!r} is no amount of memory such as 4GB")
    return int(float(found[1]) * UNITS[found[2].upper()])


def machine_memory() -> int:
    """Return how many bytes of memory the machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def amount_of(size: float) -> str:
    """Return bytes as `8.6 MB`."""
    for unit in ("TB", "GB", "MB"):
        if size >= UNITS[unit]:
            return f"{size / UNITS[unit]:,.1f} {unit}"
    return f"{size / UNITS['KB']:,.1f} KB"
