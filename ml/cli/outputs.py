"""Commands that write files: `ml simulate | publish | report | catalogue`."""

from pathlib import Path

import click

from ml.cli.answer import Answer, answers
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
@answers
def simulate(  # noqa: PLR0913, PLR0917
    answer: Answer, customers: int, months: int, seed: int, form: str, plants: tuple[str, ...]
) -> None:
    """Write a made-up company's raw files, dirt included, into the workspace."""
    from ml.doctor.sources import build
    from ml.simulate import simulate as write

    ws = workspace()
    write(ws.home, customers=customers, months=months, seed=seed, form=form, plants=plants)
    answer.give(
        f"Wrote {customers} customers over {months} months to {ws.home}.\nNext: {build(ws)}",
        home=ws.home,
        customers=customers,
        months=months,
        seed=seed,
    )


@click.command(epilog=examples("ml publish"))
@answers
def publish(answer: Answer) -> None:
    """Write marts, scores and targets, each column with a comment, to the file for BI tools.

    `publish` in workspace.yml chooses the tables, features too. What did not change stays.
    """
    from ml.serving.publish import publish as write

    done = write(workspace())
    tables = [
        {"table": name, "rows": rows, "state": "unchanged" if name in done.kept else "copied"}
        for name, rows in done.tables.items()
    ]
    answer.table("tables", tables, {name: name for name in ("table", "rows", "state")})
    answer.give(
        f"{done.path} ({done.size / 1e6:.1f} MB)",
        path=done.path,
        bytes=done.size,
        left_out=done.left_out,
    )
    if done.left_out:
        answer.say(
            f"Left out: {len(done.left_out)} tables that `publish: {{tables: …}}` in workspace.yml "
            "does not name (docs/bi.md)."
        )


@click.command(epilog=examples("ml report"))
@answers
def report(answer: Answer) -> None:
    """Write the page of results that a browser opens."""
    from ml.pages.report import write_report

    left_out: list[str] = []

    def tell(reason: str) -> None:
        left_out.append(reason)
        click.echo(f"Left out: {reason}", err=True)

    path = write_report(workspace(), tell)
    answer.give(str(path), path=path, left_out=left_out)


@click.command(epilog=examples("ml catalogue", "ml catalogue --folder ~/site/catalogue"))
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write it there; by default to `catalogue` in the workspace.",
)
@answers
def catalogue(answer: Answer, folder: Path | None) -> None:
    """Write pages in which one searches features, targets, models, sources and tables.

    They open from the folder, without a server. A catalogue that is there already is replaced.
    """
    from ml.pages.catalogue import write_catalogue

    ws = workspace()
    written = write_catalogue(ws, folder.expanduser().resolve() if folder else ws.catalogue)
    listed = ", ".join(f"{number:,} {kind}s" for kind, number in written.counts.items())
    answer.say(f"{listed}: {written.files} files, {written.bytes / 1e6:.1f} MB.")
    answer.give(
        str(written.page),
        path=written.page,
        files=written.files,
        bytes=written.bytes,
        items=[{"kind": kind, "number": number} for kind, number in written.counts.items()],
    )
