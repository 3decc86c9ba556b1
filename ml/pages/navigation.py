"""The navigation between the pages of a workspace; writing one renews that of all others."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from ml.workspace.files import write_text
from ml.workspace.settings import Workspace

# The element that the shared template leaves empty.
PLACE = re.compile(r'<nav class="pages" aria-label="Pages">.*?</nav>', re.DOTALL)


@dataclass(frozen=True)
class Page:
    """A page of the workspace and the command that writes it."""

    title: str
    path: Path
    command: str


def pages(ws: Workspace) -> tuple[Page, ...]:
    """Return the pages that a workspace may have, from raw data on."""
    return (
        Page("Profile", ws.profile, "ml profile"),
        Page("Catalogue", ws.catalogue / "index.html", "ml catalogue"),
        Page("Report", ws.report, "ml report"),
        Page("Monitoring", ws.monitoring, "ml monitor"),
    )


def write_page(ws: Workspace, path: Path, html: str) -> None:
    """Write a page to `path` with its navigation, and renew that of the other pages.

    A reader sees the old page or the new one, never half of one.
    """
    write_text(path, with_navigation(ws, path, html))
    renew_navigation(ws)


def renew_navigation(ws: Workspace) -> None:
    """Let every page of the workspace link to those that exist; call it when that changes."""
    for page in pages(ws):
        if not page.path.exists():
            continue
        html = page.path.read_text(encoding="utf-8")
        renewed = with_navigation(ws, page.path, html)
        if renewed != html:
            write_text(page.path, renewed)


def with_navigation(ws: Workspace, path: Path, html: str) -> str:
    """Return the page that lies, or will lie, at `path` with links to the others that exist."""
    items = Markup("").join(_item(page, path) for page in pages(ws))
    filled = Markup('<nav class="pages" aria-label="Pages"><ul>{}</ul></nav>').format(items)
    return PLACE.sub(lambda _: filled, html, count=1)


def _item(page: Page, here: Path) -> Markup:
    """Return a link; of a page that nobody has written yet, the command that writes it."""
    if page.path == here:
        return Markup('<li><strong aria-current="page">{}</strong></li>').format(page.title)
    if not page.path.exists():
        return Markup("<li>{} <code>{}</code></li>").format(page.title, page.command)
    way = Path(os.path.relpath(page.path, here.parent)).as_posix()
    return Markup('<li><a href="{}">{}</a></li>').format(way, page.title)
