"""The catalogue of features that exist here: finding them by name, by words and by likeness."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase

from ml.workspace.errors import BadInput, NotBuilt
from ml.workspace.settings import Workspace
from ml.workspace.sql import quoted
from ml.workspace.suggest import similar
from ml.workspace.warehouse import open_warehouse

CATALOGUE = "marts.dim_features"
NEAREST = 5


@dataclass(frozen=True)
class Feature:
    """A row of `marts.dim_features`; statistics are None where the family has no rows."""

    name: str
    family: str
    domain: str
    relation: str
    spec: str
    position: int
    description: str
    aggregation: str
    time_window: str
    dtype: str
    null_share: float | None
    distinct_values: int | None
    mean: float | None
    minimum: float | None
    maximum: float | None
    drift: float | None
    measured_rows: int | None


def read_features(ws: Workspace) -> tuple[Feature, ...]:
    """Return every feature that exists in the workspace, by family and place in it.

    Raises:
        AlmanacError: there is no warehouse, or no catalogue in it, or it is empty.
    """
    columns = ", ".join(quoted(each.name) for each in fields(Feature))
    with open_warehouse(ws.warehouse) as connection:
        known = connection.execute(
            "select count(*) from information_schema.columns "
            "where table_schema || '.' || table_name = ? and column_name = 'drift'",
            [CATALOGUE],
        ).fetchone()
        if not known or not known[0]:
            raise NotBuilt(f"No {CATALOGUE} in {ws.warehouse}.", "Build it first: dbt build")
        rows = connection.execute(
            f"select {columns} from {CATALOGUE} order by family, position"
        ).fetchall()
    if not rows:
        raise NotBuilt(
            f"No feature exists in {ws.home}: no source has rows.",
            f"Put raw files into {ws.raw} (or: ml simulate), then: dbt build",
        )
    return tuple(Feature(*row) for row in rows)


def search(features: Iterable[Feature], pattern: str, family: str | None) -> tuple[Feature, ...]:
    """Return the features that match, in their order; upper and lower case are one.

    Args:
        features: where to look.
        pattern: a glob over the name (`trx_*__3m`), or words that all occur in the name or the
            description; empty finds everything.
        family: only those of this family.

    Raises:
        AlmanacError: no feature is of that family, or none matches; the nearest names are named.
    """
    every = tuple(features)
    chosen = _of_family(every, family) if family else every
    found = tuple(each for each in chosen if _matches(each, pattern.lower()))
    if found:
        return found
    where = f" in family {family}" if family else ""
    raise BadInput(
        f"No feature matches {pattern!r}{where}. "
        f"Nearest: {', '.join(nearest(pattern, [each.name for each in chosen]))}.",
        "See them all: ml features",
    )


def exact(features: Iterable[Feature], name: str) -> Feature | None:
    """Return the feature of this name, upper and lower case being one."""
    return next((each for each in features if each.name.lower() == name.lower()), None)


def nearest(name: str, known: Sequence[str], count: int = NEAREST) -> list[str]:
    """Return the names most like `name`, the nearest first; a glob's marks do not count."""
    bare = re.sub(r"[*?\[\]\s]+", "_", name.lower()).strip("_")
    lower = {each.lower(): each for each in known}
    close = similar(bare, lower, count)
    return [lower[each] for each in close]


def _of_family(features: Sequence[Feature], family: str) -> tuple[Feature, ...]:
    known = dict.fromkeys(each.family for each in features)
    if family.lower() not in known:
        here = ", ".join(nearest(family, list(known), len(known)))
        raise BadInput(
            f"There is no family {family} here. Here are: {here}.", "See them: ml features --cost"
        )
    return tuple(each for each in features if each.family == family.lower())


def _matches(feature: Feature, pattern: str) -> bool:
    if any(mark in pattern for mark in "*?["):
        return fnmatchcase(feature.name.lower(), pattern) or fnmatchcase(
            feature.description.lower(), pattern
        )
    text = f"{feature.name} {feature.description}".lower()
    return all(word in text for word in pattern.split())
