"""The catalogue of features: reading it, and finding features by name, by words, by similarity."""

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
class CatalogueFeature:
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


def read_features(ws: Workspace) -> tuple[CatalogueFeature, ...]:
    """Return every feature that exists in the workspace, by family and position in it.

    Raises:
        AlmanacError: there is no warehouse, or no catalogue in it, or it is empty.
    """
    columns = ", ".join(quoted(each.name) for each in fields(CatalogueFeature))
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
    return tuple(CatalogueFeature(*row) for row in rows)


def search(
    features: Iterable[CatalogueFeature], pattern: str, family: str | None
) -> tuple[CatalogueFeature, ...]:
    """Return the features that match, in their order; case does not matter.

    Args:
        features: where to look.
        pattern: a glob over the name (`trx_*__3m`), or words that all occur in the name or the
            description; empty finds everything.
        family: only those of this family.

    Raises:
        AlmanacError: no feature is of that family, or none matches; the message names the nearest.
    """
    every = tuple(features)
    chosen = _features_of_family(every, family) if family else every
    found = tuple(each for each in chosen if _matches(each, pattern.lower()))
    if found:
        return found
    where = f" in family {family}" if family else ""
    raise BadInput(
        f"No feature matches {pattern!r}{where}. "
        f"Nearest: {', '.join(nearest_names(pattern, [each.name for each in chosen]))}.",
        "See them all: ml features",
    )


def feature_named(features: Iterable[CatalogueFeature], name: str) -> CatalogueFeature | None:
    """Return the feature of this name in whatever case, if there is one."""
    return next((each for each in features if each.name.lower() == name.lower()), None)


def nearest_names(name: str, known: Sequence[str], count: int = NEAREST) -> list[str]:
    """Return the names most like `name`, the most similar first; wildcards are ignored."""
    bare = re.sub(r"[*?\[\]\s]+", "_", name.lower()).strip("_")
    lower = {each.lower(): each for each in known}
    close = similar(bare, lower, count)
    return [lower[each] for each in close]


def _features_of_family(
    features: Sequence[CatalogueFeature], family: str
) -> tuple[CatalogueFeature, ...]:
    known = dict.fromkeys(each.family for each in features)
    if family.lower() not in known:
        here = ", ".join(nearest_names(family, list(known), len(known)))
        raise BadInput(
            f"There is no family {family} here. Here are: {here}.", "See them: ml features --cost"
        )
    return tuple(each for each in features if each.family == family.lower())


def _matches(feature: CatalogueFeature, pattern: str) -> bool:
    if any(mark in pattern for mark in "*?["):
        return fnmatchcase(feature.name.lower(), pattern) or fnmatchcase(
            feature.description.lower(), pattern
        )
    text = f"{feature.name} {feature.description}".lower()
    return all(word in text for word in pattern.split())
