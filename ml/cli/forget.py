"""The command that erases a customer: `ml forget`."""

from collections.abc import Sequence

import click

from ml.cli import text
from ml.cli.group import examples
from ml.workspace.settings import workspace


@click.command(epilog=examples("ml forget 1801", "ml forget 1801 --yes"))
@click.argument("customer")
@click.option("--yes", is_flag=True, help="Do not ask first.")
def forget(customer: str, yes: bool) -> None:
    """Erase CUSTOMER from all but the raw files, which are named; this cannot be undone.

    CUSTOMER is the company-wide id, or that of any source.
    """
    from ml.pages import renew_navigation
    from ml.privacy.forget import forget as erase
    from ml.privacy.forget import plan

    ws = workspace()
    planned = plan(ws, customer)
    ids = ", ".join(sorted({each for known in planned.ids.values() for each in known}))
    click.echo(f"Customer {planned.customer}, known by the ids: {ids}.")
    if not yes:
        click.confirm("Erase all of this customer's data for good?", abort=True)
    done = erase(ws, planned, lambda step: click.echo(f"Erasing: {step}", err=True))
    renew_navigation(ws)
    if done.removed:
        click.echo(text.table(["erased from", "rows"], done.removed))
    else:
        click.echo("Nothing of this customer was stored.")
    for page in done.pages:
        click.echo(f"Deleted, since it named the customer: {page}")
    for path in done.left:
        click.echo(f"Still names the customer, and is not Almanac's to change: {path}")
    for table in done.undeclared:
        click.echo(f"Not looked at: {table}, which declares no column as `customer: true`.")
    if done.raw:
        click.echo("\nThe raw files still hold the customer, but no build reads these rows again:")
        rows = [(each.file, len(each.lines), _ranges(each.lines)) for each in done.raw]
        click.echo(text.table(["raw file", "rows", "lines"], rows))


def _ranges(numbers: Sequence[int]) -> str:
    """Return numbers in ascending order as a person lists them: `2, 5-7, 12`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1] = [runs[-1][0], number]
        else:
            runs.append([number])
    return ", ".join("-".join(map(str, run)) for run in runs)
