"""Telling OpenLineage of a build: `ml lineage`."""

import click

from ml.cli.answer import Answer, answers
from ml.cli.group import examples
from ml.workspace.settings import workspace


@click.command(epilog=examples("dbt build && ml lineage"))
@answers
def lineage(answer: Answer) -> None:
    """Tell OpenLineage what the last dbt command read and wrote, from the raw files on.

    Run it after each dbt command. `ml train | materialize | score | publish` tell of themselves.
    OpenLineage's own settings say whom: OPENLINEAGE_URL, or a file that OPENLINEAGE_CONFIG names.
    """
    from ml.lineage import tell_build

    ws = workspace()
    told = tell_build(ws)
    answer.give(
        f"OpenLineage knows the last dbt command: {told} models, seeds and tests.", told=told
    )
