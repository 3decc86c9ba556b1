"""The command that refits components and clusters of dialogues: `ml refit dialog`."""

from datetime import datetime

import click

from ml.cli.answer import Answer, answers
from ml.cli.group import examples
from ml.workspace.settings import workspace


@click.group(epilog=examples("ml refit dialog", "ml refit dialog --until 2024-01-01"))
def refit() -> None:
    """Fit anew what the warehouse computes features with, as a further version.

    A version is used from its cut-off on; what was made with earlier versions stays as it is.
    """


@refit.command(epilog=examples("ml refit dialog", "ml refit dialog --until 2024-01-01"))
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Fit on what came before this day. Default: the first day of the newest complete month.",
)
@answers
def dialog(answer: Answer, until: datetime | None) -> None:
    """Fit the components and clusters of dialogues on those before a day.

    Months that end on that day or later get the new version with the next build.
    """
    from ml.features.refit import refit_dialogs

    done = refit_dialogs(workspace(), until.date() if until else None)
    explained = float(done.fit.explained.sum())
    answer.give(
        f"Version {done.number}: {done.fit.vectors:,} dialogues before "
        f"{done.fitted_until:%Y-%m-%d}, {len(done.fit.components)} components "
        f"({explained:.0%} of the variance), {len(done.fit.centres)} clusters.\n"
        "Next: dbt build",
        version=done.number,
        fitted_until=done.fitted_until.date(),
        dialogues=done.fit.vectors,
        components=len(done.fit.components),
        clusters=len(done.fit.centres),
        explained_variance=explained,
    )
