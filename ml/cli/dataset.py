"""Commands about training sets that can be shown again: `ml dataset`."""

from typing import TYPE_CHECKING

import click

from ml.cli import complete, text
from ml.cli.answer import Answer, Differs, answers
from ml.cli.group import examples
from ml.cli.options import CUSTOMERS
from ml.workspace.plain import plain
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
    epilog=examples(
        "ml dataset make purchase_any",
        "ml dataset make purchase_any --name december",
        "ml dataset make purchase_any --customers 0.1",
    )
)
@click.argument("target", shell_complete=complete.targets)
@click.option("--name", help="A name that means this training set from now on.")
@CUSTOMERS
@answers
def make(answer: Answer, target: str, name: str | None, customers: float | None) -> None:
    """Keep the training set of TARGET as the warehouse gives it now."""
    from ml import dataset as training_sets
    from ml.workspace.targets import sampled
    from ml.workspace.targets import target as find

    ws = workspace()
    made = training_sets.make(ws, sampled(ws, find(ws, target), customers), name)
    answer.give(f"{made.id}\n{made.folder}", dataset=made.id, folder=made.folder)


@dataset.command("list", epilog=examples("ml dataset list"))
@answers
def list_all(answer: Answer) -> None:
    """List the training sets that are kept, and those that models recorded."""
    from ml import dataset as training_sets

    records = [
        {
            "dataset": each.id,
            "names": each.names,
            "target": each.manifest.target.name,
            **_counts(each),
            "features": len(each.manifest.features),
            "is_kept": each.folder is not None,
            "bytes": each.bytes,
        }
        for each in training_sets.datasets(workspace())
    ]
    answer.table("datasets", records, _DATASETS)


@dataset.command(epilog=examples("ml dataset show december"))
@click.argument("wanted", metavar="ID", shell_complete=complete.datasets)
@answers
def show(answer: Answer, wanted: str) -> None:
    """Show what the training set ID (or name) is made of."""
    from ml import dataset as training_sets

    found = training_sets.find(workspace(), wanted)
    was = found.manifest
    counts = _counts(found)
    answer.give(
        f"{found.id}  {was.target.name}: {counts['rows']} rows, {counts['positives']} positives",
        dataset=found.id,
        names=found.names,
        target=was.target.name,
        **counts,
        forgotten=was.forgotten,
        label_rows=was.spine,
    )
    if was.forgotten:
        answer.say(f"changed     {was.forgotten} rows of forgotten customers were removed")
    answer.say(f"label rows  {was.spine}\n")
    answer.table("relations", _relations_read(found), _RELATIONS)
    models = sum(name.startswith("model.") for name in was.snapshot.code)
    packages = [{"package": name, "version": version} for name, version in was.packages.items()]
    answer.give(
        f"\n{len(was.features)} features, made by {models} models of dbt.",
        features=[feature.name for feature in was.features],
        models=models,
        packages=packages,
        path=found.path,
    )
    answer.say(
        ", ".join(f"{each['package']} {each['version']}" for each in packages),
        f"All of it, SQL included: {found.path}",
    )


@dataset.command(epilog=examples("ml dataset verify december", "ml dataset verify december --rows"))
@click.argument("wanted", metavar="ID", shell_complete=complete.datasets)
@click.option("--rows", is_flag=True, help="Compare the rows even where all they come from agrees.")
@answers
def verify(answer: Answer, wanted: str, rows: bool) -> None:
    """Say whether today's warehouse would still give the training set ID; fail where not."""
    from ml import dataset as training_sets

    ws = workspace()
    found = training_sets.verify(ws, training_sets.find(ws, wanted), rows=rows)
    answer.give(
        dataset=found.dataset.id,
        today=found.today,
        holds=found.holds,
        inputs=plain(found.inputs),
        rows=plain(found.rows),
    )
    if found.holds:
        compared = "" if found.rows is None else ", row by row"
        answer.say(f"Today's warehouse gives {found.dataset.id}{compared}.")
        return
    raise Differs(
        _difference_text(found),
        f"Keep today's: ml dataset make {found.dataset.manifest.target.name}",
    )


@dataset.command(epilog=examples("ml dataset remove december"))
@click.argument("wanted", metavar="ID", shell_complete=complete.datasets)
@answers
def remove(answer: Answer, wanted: str) -> None:
    """Remove the kept rows of the training set ID, and its names."""
    from ml import dataset as training_sets

    gone = training_sets.remove(workspace(), wanted)
    answer.give(f"Removed {gone.folder}", dataset=gone.id, folder=gone.folder)


def _counts(found: "Dataset") -> dict[str, int]:
    counted = found.manifest.contents or found.manifest.target
    return {"rows": counted.rows, "positives": counted.positives}


def _relations_read(found: "Dataset") -> list[text.Record]:
    return [
        {
            "relation": name,
            "months": len(months),
            "first": min(months),
            "last": max(months),
            "rows": sum(month.rows for month in months.values()),
        }
        for name, months in found.manifest.snapshot.relations.items()
        if months
    ]


_DATASETS: text.Columns = {
    "dataset": "dataset",
    "names": lambda each: ", ".join(each["names"]) or "-",
    "target": "target",
    "rows": "rows",
    "positives": "positives",
    "features": "features",
    "MB": lambda each: f"{each['bytes'] / 1e6:.1f}" if each["is_kept"] else "not kept",
}
_RELATIONS = {
    "read from": "relation", "months": "months", "first": "first", "last": "last", "rows": "rows"
}  # fmt: skip


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
