"""The command that writes models for other engines: `ml export sql`."""

import click

from ml.cli.group import examples
from ml.workspace.settings import dbt_project, workspace


@click.group(epilog=examples("ml export sql activity_decline"))
def export() -> None:
    """Write a champion in another form."""


@export.command(epilog=examples("ml export sql", "ml export sql activity_decline"))
@click.argument("targets", nargs=-1)
def sql(targets: tuple[str, ...]) -> None:
    """Write the champions of TARGETS (all, unless named) as dbt models of plain SQL.

    Nothing is written where SQL and artifact differ for any customer, or for rows with nulls and
    with values that training did not see; the tests that are written with it ask again at every
    build.
    """
    from ml.cli.models import for_each_target
    from ml.serving.export import export_sql

    ws = workspace()
    for done in for_each_target(ws, targets, lambda target: export_sql(ws, target, dbt_project())):
        click.echo(
            f"{done.model_id}  {done.rows} rows compared, "
            f"largest difference {done.largest_difference:.1e}"
        )
        for path in done.paths:
            click.echo(f"  {path}")
