"""The command that looks at raw data: `ml profile`."""

import click

from ml.cli.answer import Answer, answers
from ml.cli.group import examples
from ml.workspace.settings import workspace


@click.command(epilog=examples("dbt build --select staging", "ml profile"))
@answers
def profile(answer: Answer) -> None:
    """Write a page on the raw data as staged, and the slices that it proposes.

    Needs nothing but staged tables; features and models may come later.
    """
    from ml.pages.profile import write_profile

    written = write_profile(workspace())
    answer.give(f"{written.page}\n{written.slices}", page=written.page, slices=written.slices)
