"""Commands that write files: `ml simulate | publish | report | catalogue`."""

from pathlib import Path

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
    """Write marts, features, scores and targets to the file that BI tools open."""
    from ml.serving.publish import publish as write

    done = write(workspace())
    click.echo(text.table(["table", "rows"], list(done.tables.items())))
    click.echo(f"{done.path} ({done.size / 1e6:.1f} MB)")


@click.command(epilog=examples("ml report"))
def report() -> None:
    """Write the page of results that a browser opens."""
    from ml.pages.report import write_report

    click.echo(
        write_report(workspace(), lambda reason: click.echo(f"Left out: {reason}", err=True))
    )


@click.command(epilog=examples("ml catalogue", "ml catalogue --folder ~/site/catalogue"))
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write it there; by default to `catalogue` in the workspace.",
)
def catalogue(folder: Path | None) -> None:
    """Write pages in which one searches features, targets, models, sources and tables.

    They open from the folder, without a server. A catalogue that is there already is replaced.
    """
    from ml.pages.catalogue import write_catalogue

    ws = workspace()
    written = write_catalogue(ws, folder.expanduser().resolve() if folder else ws.catalogue)
    listed = ", ".join(f"{number:,} {kind}s" for kind, number in written.counts.items())
    click.echo(f"{listed}: {written.files} files, {written.bytes / 1e6:.1f} MB.")
    click.echo(written.page)
