"""Commands that write files: `ml simulate | publish | report`."""

import click

from ml.cli import text
from ml.cli.group import examples
from ml.workspace.settings import workspace


@click.command(
    epilog=examples(
        "ml simulate",
        "ml simulate --customers 2000 --months 12 --seed 1 --form ptls",
        "ml simulate --plant renamed-code@2022-09 --plant half-file@2022-11",
    )
)
@click.option("--customers", default=10_000, show_default=True, help="How many customers.")
@click.option("--months", default=18, show_default=True, help="How many months of records.")
@click.option("--seed", default=7, show_default=True, help="The same seed writes the same files.")
@click.option(
    "--form",
    type=click.Choice(["detail", "ptls"]),
    default="detail",
    show_default=True,
    help="The bank's layout: one row an event, or arrays a customer.",
)
@click.option(
    "--plant",
    "plants",
    multiple=True,
    metavar="KIND@MONTH",
    help="Change the shop's orders from a month on, such as cents@2022-09; repeatable. Kinds: "
    "renamed-code, toys become `toys & games`; cents, amounts of electronics are in cents; "
    "half-file, half of this one month's rows are missing; slow-shift, affluent customers order "
    "15 % less each month; new-product, pets take 10 % of the orders; turned-outcome, who ordered "
    "much orders little, and the reverse.",
)
def simulate(customers: int, months: int, seed: int, form: str, plants: tuple[str, ...]) -> None:
    """Write a made-up company's raw files, dirt included, into the workspace."""
    from ml.simulate import simulate as write

    ws = workspace()
    write(ws.home, customers=customers, months=months, seed=seed, form=form, plants=plants)
    click.echo(f"Wrote {customers} customers over {months} months to {ws.home}.\nNext: dbt build")


@click.command(epilog=examples("ml publish"))
def publish() -> None:
    """Write marts, scores and targets, each column with a comment, to the file for BI tools.

    `publish` in workspace.yml chooses the tables, features too. What did not change stays.
    """
    from ml.serving.publish import publish as write

    done = write(workspace())
    rows: list[list[text.Cell]] = [
        [name, count, "unchanged" if name in done.kept else "copied"]
        for name, count in done.tables.items()
    ]
    click.echo(text.table(["table", "rows", "state"], rows))
    click.echo(f"{done.path} ({done.size / 1e6:.1f} MB)")
    if done.left_out:
        click.echo(
            f"Left out: {len(done.left_out)} tables that `publish: {{tables: …}}` in workspace.yml "
            "does not name (docs/bi.md)."
        )


@click.command(epilog=examples("ml report"))
def report() -> None:
    """Write the page of results that a browser opens."""
    from ml.pages.report import write_report

    click.echo(
        write_report(workspace(), lambda reason: click.echo(f"Left out: {reason}", err=True))
    )
