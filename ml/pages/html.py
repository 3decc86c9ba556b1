"""Filling a page's template."""

from collections.abc import Callable, Mapping
from importlib.resources import files
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
