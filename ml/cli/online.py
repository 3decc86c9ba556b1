"""Commands about the online store: `ml materialize | verify`."""

from datetime import datetime

import click

from ml.cli import text
from ml.cli.group import examples
from ml.cli.models import TARGET
from ml.workspace.errors import AlmanacError
from ml.workspace.settings import workspace


@click.command(epilog=examples("ml materialize", "ml materialize --until 2024-01-01"))
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Write what was known on this day. Default: the newest complete month.",
)
def materialize(until: datetime | None) -> None:
    """Write the champions' inputs, and families by name, to the online store.

    All of it or nothing: whoever reads meanwhile sees what was materialized before, and then all of
    the new.
    """
    from ml.serving.materialize import materialize as write

    click.echo(text.materialized(write(workspace(), until)))


@click.command(epilog=examples("ml verify", "ml verify --target purchase_any"))
@TARGET
def verify(names: tuple[str, ...]) -> None:
    """Compare every materialized value with the warehouse's; fail where they differ.

    missing: only the warehouse has a value; extra: only the online store; mismatched: both, and not
    the same (whole numbers exactly, fractions to a millionth).
    """
    from ml.serving.parity import verify as compare

    verdicts = compare(workspace(), names)
    click.echo(text.verdicts(verdicts))
    if any(verdict.differences for verdict in verdicts):
        raise AlmanacError(
            "The online store does not answer as the warehouse does:\n"
            f"{text.differences(verdicts)}",
            "Materialize anew: ml materialize",
        )
