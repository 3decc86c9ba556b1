"""Filling a page's template, and putting the page onto the disk in one step."""

import os
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ml.pages import words

FILTERS: Mapping[str, Callable[..., Any]] = {
    "slug": words.slug,
    "plain": words.plain,
    "count": words.count,
    "money": words.money,
    "small": words.small,
    "share": words.share,
    "month": words.month,
    "day": words.day,
    "breakable": words.breakable,
}


def fill(package: str, *, filters: Mapping[str, Callable[..., Any]], **values: object) -> str:
    """Return the `page.html` of `package` with `values` filled in, in the look of all pages.

    Args:
        package: where the template lies.
        filters: what it uses beside the words of `ml.pages.words`.
        values: what it names; `css`, the look, is given.
    """
    environment = Environment(
        loader=PackageLoader(package, "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update({**FILTERS, **filters})
    css = files("ml.pages").joinpath("page.css").read_text(encoding="utf-8")
    return environment.get_template("page.html").render(css=Markup(css), **values)


def replace_file(path: Path, text: str) -> Path:
    """Write `text` to `path` and return it; a reader sees the old file or the new one, no half."""
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path
