"""The command that writes models for other engines: `ml export sql`."""

import click

from ml.cli import complete
from ml.cli.answer import Answer, answers, plain
from ml.cli.group import examples
from ml.workspace.settings import dbt_project, workspace


@click.group(epilog=examples("ml export sql activity_decline"))
def export() -> None:
    """Write a champion in another form."""


@export.command(epilog=examples("ml export sql", "ml export sql activity_decline"))
@click.argument("targets", nargs=-1, shell_complete=complete.targets)
@answers
def sql(answer: Answer, targets: tuple[str, ...]) -> None:
    """Write the champions of TARGETS (all, unless named) as dbt models of plain SQL.

    Nothing is written where SQL and artifact differ for any customer, or for rows with nulls and
    with values that training did not see; the tests that are written with it ask again at every
    build.
    """
    from ml.cli.models import for_each_target
    from ml.serving.export import export_sql

    ws = workspace()
    for done in for_each_target(ws, targets, lambda target: export_sql(ws, target, dbt_project())):
        compared = (
            f"{done.model_id}  {done.rows} rows compared, "
            f"largest difference {done.largest_difference:.1e}"
        )
        answer.add("models", plain(done), "\n  ".join([compared, *map(str, done.paths)]))
