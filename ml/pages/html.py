"""Filling a page's template."""

from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ml.pages import formatting

FILTERS: Mapping[str, Callable[..., Any]] = {
    "slug": formatting.slug,
    "plain": formatting.plain,
    "count": formatting.count,
    "money": formatting.money,
    "small": formatting.small,
    "share": formatting.share,
    "month": formatting.month,
    "day": formatting.day,
    "breakable": formatting.breakable,
}


def fill(package: str, *, filters: Mapping[str, Callable[..., Any]], **values: object) -> str:
    """Return the `page.html` of `package` with `values` filled in, with the style of all pages.

    Args:
        package: the package that holds the template.
        filters: filters of the template beside FILTERS.
        values: the template's variables; `css`, the style, is added.
    """
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package, "."), PackageLoader("ml.pages", ".")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update({**FILTERS, **filters})
    css = files("ml.pages").joinpath("page.css").read_text(encoding="utf-8")
    return environment.get_template("page.html").render(css=Markup(css), **values)
