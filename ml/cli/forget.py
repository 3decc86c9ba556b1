"""The command that erases a customer: `ml forget`."""

from collections.abc import Sequence

import click

from ml.cli.answer import Answer, answers
from ml.cli.group import examples
from ml.cli.text import Columns
from ml.workspace.settings import workspace


@click.command(epilog=examples("ml forget 1801", "ml forget 1801 --yes"))
@click.argument("customer")
@click.option("--yes", is_flag=True, help="Do not ask first.")
@answers
def forget(answer: Answer, customer: str, yes: bool) -> None:
    """Erase CUSTOMER from all but the raw files, which are named; this cannot be undone.

    CUSTOMER is the company-wide id, or that of any source.
    """
    from ml.pages import renew_navigation
    from ml.privacy.forget import forget as erase
    from ml.privacy.forget import plan

    ws = workspace()
    planned = plan(ws, customer)
    ids = sorted({each for known in planned.ids.values() for each in known})
    answer.say(f"Customer {planned.customer}, known by the ids: {', '.join(ids)}.")
    if not yes:
        click.confirm("Erase all of this customer's data for good?", abort=True)
    done = erase(ws, planned, lambda step: click.echo(f"Erasing: {step}", err=True))
    renew_navigation(ws)
    answer.give(
        customer=done.customer,
        ids=ids,
        removed=[],
        pages=done.pages,
        left=done.left,
        undeclared=done.undeclared,
        not_erased=done.not_erased,
        raw=[],
    )
    if done.removed:
        removed = [{"place": place, "rows": rows} for place, rows in done.removed]
        answer.table("removed", removed, {"erased from": "place", "rows": "rows"})
    else:
        answer.say("Nothing of this customer was stored.")
    for page in done.pages:
        answer.say(f"Deleted, since it named the customer: {page}")
    for path in done.left:
        answer.say(f"Still names the customer, and is not Almanac's to change: {path}")
    for table in done.undeclared:
        answer.say(f"Not looked at: {table}, which declares no column as `customer: true`.")
    if done.not_erased:
        answer.say(
            f"Not erased from the online store, {done.not_erased}, which only Feast writes. Empty "
            "it: feast teardown. Fill it: feast apply, then feast materialize (docs/feast.md)"
        )
    if done.raw:
        answer.say("\nThe raw files still hold the customer, but no build reads these rows again:")
        raw = [{"file": each.file, "lines": each.lines} for each in done.raw]
        answer.table("raw", raw, _RAW)


def _ranges(numbers: Sequence[int]) -> str:
    """Return numbers in ascending order as a person lists them: `2, 5-7, 12`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1] = [runs[-1][0], number]
        else:
            runs.append([number])
    return ", ".join("-".join(map(str, run)) for run in runs)


_RAW: Columns = {
    "raw file": "file",
    "rows": lambda raw: len(raw["lines"]),
    "lines": lambda raw: _ranges(raw["lines"]),
}
