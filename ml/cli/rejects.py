"""The command that shows what staging set aside: `ml rejects`."""

import click

from ml.cli.group import examples
from ml.cli.text import table
from ml.workspace.settings import workspace


@click.command(
    epilog=examples("ml rejects", "ml rejects transactions", "ml rejects transactions --rows 100")
)
@click.argument("source", required=False)
@click.option(
    "--rows",
    type=click.IntRange(1, 10**9),
    default=20,
    show_default=True,
    help="So many rows of SOURCE are shown.",
)
def rejects(source: str | None, rows: int) -> None:
    """Show the rows that the last build set aside: by reason, or those of SOURCE one by one."""
    from ml.landing.rejects import rejected_rows, rejection_reasons

    ws = workspace()
    if source is None:
        found = rejection_reasons(ws)
        if not found:
            click.echo("No row was set aside.")
            return
        headers = ("source", "file", "reason", "rows")
        click.echo(table(headers, [(r.source, r.file, r.reason, f"{r.rows:,}") for r in found]))
        total = sum(each.rows for each in found)
        click.echo(f"{total:,} rows in all. The rows themselves: ml rejects SOURCE")
        return
    shown, total = rejected_rows(ws, source, rows)
    for row in shown:
        click.echo(_visible(f"{row.file}, line {row.line}: {row.reason}"))
        click.echo(f"    {_visible(row.raw)}")
    if total > len(shown):
        click.echo(f"… and {total - len(shown):,} more: ml rejects {source} --rows {total}")
    if not total:
        click.echo(f"No row of {source} was set aside.")


def _visible(text: str) -> str:
    """Return the text with control characters written out, which a terminal would obey."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
