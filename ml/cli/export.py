"""Commands that write models in other forms: `ml export sql | onnx | card`."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ml.cli import complete
from ml.cli.answer import Answer, answers
from ml.cli.group import examples
from ml.workspace.plain import plain
from ml.workspace.settings import Workspace, dbt_project, workspace

if TYPE_CHECKING:
    from ml.serving.export import Exported
    from ml.workspace.targets import Target

TARGETS = click.argument("targets", nargs=-1, shell_complete=complete.targets)
OUT = click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write into this folder; by default exports/ of the workspace.",
)


@click.group(epilog=examples("ml export sql activity_decline", "ml export onnx"))
def export() -> None:
    """Write a champion in another form."""


@export.command(epilog=examples("ml export sql", "ml export sql activity_decline"))
@TARGETS
@answers
def sql(answer: Answer, targets: tuple[str, ...]) -> None:
    """Write the champions of TARGETS (all, unless named) as dbt models of plain SQL.

    Nothing is written where SQL and artifact differ for any customer, or for rows with nulls and
    with values that training did not see; the tests that are written with it ask again at every
    build.
    """
    from ml.serving.export import export_sql

    project = dbt_project()
    _export(answer, targets, lambda ws, target: export_sql(ws, target, project))


@export.command(epilog=examples("ml export onnx", "ml export onnx purchase_any --out models"))
@TARGETS
@OUT
@answers
def onnx(answer: Answer, targets: tuple[str, ...], out: Path | None) -> None:
    """Write the champions of TARGETS (all, unless named) as ONNX, for other languages and engines.

    The input is float32, a row a customer, in the order that the file's metadata names, NaN where a
    value is missing. Nothing is written where ONNX Runtime and artifact differ for any customer, or
    for rows with nulls and with values that training did not see.
    """
    from ml.serving.export import export_onnx

    _export(answer, targets, lambda ws, target: export_onnx(ws, target, out or _folder(ws)))


@export.command(epilog=examples("ml export card", "ml export card purchase_any --out models"))
@TARGETS
@OUT
@answers
def card(answer: Answer, targets: tuple[str, ...], out: Path | None) -> None:
    """Write the cards of the champions of TARGETS (all, unless named) for Hugging Face's hub.

    The file becomes the README.md of a repository of the hub; Almanac uploads nothing.
    """
    from ml.cli.models import for_each_target
    from ml.serving.export import export_card

    ws = workspace()
    answer.give(cards=[])
    folder = out or _folder(ws)
    for path in for_each_target(ws, targets, lambda target: export_card(ws, target, folder)):
        answer.add("cards", {"path": str(path)}, str(path))


def _export(
    answer: Answer,
    targets: tuple[str, ...],
    export_one: Callable[[Workspace, "Target"], "Exported"],
) -> None:
    from ml.cli.models import for_each_target

    ws = workspace()
    answer.give(models=[])
    for done in for_each_target(ws, targets, lambda target: export_one(ws, target)):
        compared = (
            f"{done.model_id}  {done.rows} rows compared, "
            f"largest difference {done.largest_difference:.1e}"
        )
        answer.add("models", plain(done), "\n  ".join([compared, *map(str, done.paths)]))


def _folder(ws: Workspace) -> Path:
    return ws.home / "exports"
