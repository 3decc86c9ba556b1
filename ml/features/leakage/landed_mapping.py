"""The mapping through which landing read a company's own transactions, found by its name."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from ml.workspace.errors import NotBuilt
from ml.workspace.settings import Workspace


def mapping_named(form: str, source: str, ws: Workspace, project: Path) -> dict[str, Any]:
    """Return the mapping that landing calls `form`.

    Raises:
        AlmanacError: it is gone.
    """
    wanted = (ws.settings.get(source) or {}).get("mapping")
    if isinstance(wanted, dict):
        return wanted
    files = [ws.home / str(wanted)] if wanted else []
    for path in [*files, *sorted((project / "mappings").glob("*.yml"))]:
        if path.is_file():
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
            if form in (str(content.get("name") or path.stem), path.stem):
                return dict(content)
    raise NotBuilt(
        f"{source} was read through the mapping {form}, which is not in {project / 'mappings'} "
        "any more.",
        "Build the workspace, then audit it: dbt build",
    )


def columns_of(expression: str, header: Iterable[str]) -> list[str]:
    """Return the columns of `header` that an SQL expression names."""
    bare = re.sub(r"'(?:[^']|'')*'", " ", expression)
    words = {word.strip('"').lower() for word in re.findall(r'"[^"]+"|\w+', bare)}
    return [name for name in header if name.lower() in words]


def formats_of(mapping: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the formats in which a mapping reads times; none where they are ISO 8601."""
    formats = mapping.get("time_format") or ()
    return (formats,) if isinstance(formats, str) else tuple(formats)
