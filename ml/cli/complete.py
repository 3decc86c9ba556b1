"""What a shell offers where a name is typed: targets, models and kept training sets."""

from collections.abc import Iterable, Iterator

import click

from ml.workspace.errors import AlmanacError
from ml.workspace.settings import workspace


def targets(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """Return the declared targets whose names begin so; those without a label row as well."""

    def names() -> Iterator[str]:
        from ml.workspace.manifest import meta
        from ml.workspace.responses import target_nodes

        yield from (str(meta(node)["target"]) for node in target_nodes(workspace()))

    return _beginning(begun, names())


def models(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """Return the ids of models that begin so."""

    def names() -> Iterator[str]:
        from ml.registry.listing import card_files

        yield from (card.parent.name for card in card_files(workspace()))

    return _beginning(begun, names())


def datasets(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    """Return the ids and names of kept training sets that begin so."""

    def names() -> Iterator[str]:
        yield from (path.name for path in workspace().datasets.glob("[!.]*"))

    return _beginning(begun, names())


def _beginning(begun: str, names: Iterable[str]) -> list[str]:
    """Return the names that begin so, in order; none of a workspace that is not built."""
    try:
        return sorted({name for name in names if name.startswith(begun)})
    except AlmanacError:
        return []
