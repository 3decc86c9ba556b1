"""Commands about training sets that can be shown again: `ml dataset`."""

from typing import TYPE_CHECKING

import click

from ml.cli import text
from ml.cli.group import examples
from ml.workspace.errors import AlmanacError
from ml.workspace.settings import workspace

if TYPE_CHECKING:
    from ml.dataset import Dataset, DatasetComparison
    from ml.dataset.compare import DatasetDifference

SHOWN = 20


@click.group(epilog=examples("ml dataset make purchase_any --name december", "ml dataset list"))
def dataset() -> None:
    """Keep training sets, and show whether they can be made again.

    A training set's id follows from its label rows, features, SQL and sources. Training records it
    with the model; rows are kept where `ml dataset make` asks for it, in datasets/<id>/.
    """


@dataset.command(
    epilog=examples("ml dataset make purchase_any", "ml dataset make purchase_any --name december")
)
@click.argument("target")
@click.option("--name", help="A name that means this training set from now on.")
def make(target: str, name: str | None) -> None:
    """Keep the training set of TARGET as the warehouse gives it now."""
    from ml import dataset as training_sets
    from ml.workspace.targets import target as find

    ws = workspace()
    made = training_sets.make(ws, find(ws, target), name)
    click.echo(f"{made.id}\n{made.folder}")


@dataset.command("list", epilog=examples("ml dataset list"))
def list_all() -> None:
    """List the training sets that are kept, and those that models recorded."""
    from ml import dataset as training_sets

    headers = ["dataset", "names", "target", "rows", "positives", "features", "MB"]
    rows: list[list[text.Cell]] = [
        [
            each.id,
            ", ".join(each.names) or "-",
            each.manifest.target.name,
            *_counts(each),
            len(each.manifest.features),
            f"{each.bytes / 1e6:.1f}" if each.folder else "not kept",
        ]
        for each in training_sets.datasets(workspace())
    ]
    click.echo(text.table(headers, rows))


@dataset.command(epilog=examples("ml dataset show december"))
@click.argument("wanted", metavar="ID")
def show(wanted: str) -> None:
    """Show what the training set ID (or name) is made of."""
    from ml import dataset as training_sets

    found = training_sets.find(workspace(), wanted)
    was = found.manifest
    rows, positives = _counts(found)
    click.echo(f"{found.id}  {was.target.name}: {rows} rows, {positives} positives")
    if was.forgotten:
        click.echo(f"changed     {was.forgotten} rows of forgotten customers were removed")
    click.echo(f"label rows  {was.spine}\n")
    click.echo(_relations_read(found))
    models = sum(name.startswith("model.") for name in was.snapshot.code)
    click.echo(f"\n{len(was.features)} features, made by {models} models of dbt.")
    click.echo(", ".join(f"{name} {version}" for name, version in was.packages.items()))
    click.echo(f"All of it, SQL included: {found.path}")


@dataset.command(epilog=examples("ml dataset verify december", "ml dataset verify december --rows"))
@click.argument("wanted", metavar="ID")
@click.option("--rows", is_flag=True, help="Compare the rows even where all they come from agrees.")
def verify(wanted: str, rows: bool) -> None:
    """Say whether today's warehouse would still give the training set ID; fail where not."""
    from ml import dataset as training_sets

    ws = workspace()
    found = training_sets.verify(ws, training_sets.find(ws, wanted), rows=rows)
    if found.holds:
        compared = "" if found.rows is None else ", row by row"
        click.echo(f"Today's warehouse gives {found.dataset.id}{compared}.")
        return
    raise AlmanacError(
        _difference_text(found),
        f"Keep today's: ml dataset make {found.dataset.manifest.target.name}",
    )


@dataset.command(epilog=examples("ml dataset remove december"))
@click.argument("wanted", metavar="ID")
def remove(wanted: str) -> None:
    """Remove the kept rows of the training set ID, and its names."""
    from ml import dataset as training_sets

    gone = training_sets.remove(workspace(), wanted)
    click.echo(f"Removed {gone.folder}")


def _counts(found: "Dataset") -> tuple[int, int]:
    contents = found.manifest.contents
    target = found.manifest.target
    return (contents.rows, contents.positives) if contents else (target.rows, target.positives)


def _relations_read(found: "Dataset") -> str:
    rows: list[list[text.Cell]] = [
        [name, len(months), min(months), max(months), sum(month.rows for month in months.values())]
        for name, months in found.manifest.snapshot.relations.items()
        if months
    ]
    return text.table(["read from", "months", "first", "last", "rows"], rows)


def _difference_text(found: "DatasetComparison") -> str:
    title = (
        f"Today's warehouse gives {found.today}, not {found.dataset.id}."
        if found.today != found.dataset.id
        else f"Today's warehouse gives other rows than {found.dataset.id} keeps."
    )
    lines = [title, _listed(found.inputs)] if found.inputs else [title]
    if found.rows is None:
        lines.append("The rows are not kept, so they cannot be compared.")
    else:
        lines.append(_listed(found.rows) if found.rows else "The rows are the same all the same.")
    return "\n".join(lines)


def _listed(differences: "tuple[DatasetDifference, ...]") -> str:
    rows: list[list[text.Cell]] = [
        [each.part, each.where, each.how] for each in differences[:SHOWN]
    ]
    more = len(differences) - SHOWN
    shown = text.table(["differs", "where", "how"], rows)
    return f"{shown}\nand {more} more." if more > 0 else shown
