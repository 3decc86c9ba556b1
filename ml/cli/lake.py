"""The commands that build a workspace in buckets of customers: `ml lake`."""

import sys

import click

from ml.cli import text
from ml.cli.group import examples
from ml.workspace.settings import workspace

MEGABYTE = 1024 * 1024


@click.group(epilog=examples("ml lake build", "ml lake status", "ml lake verify --sample 2"))
def lake() -> None:
    """Build the workspace in buckets of customers, where one machine is too small for it.

    `lake:` in workspace.yml says where the lake is, and whether processes of this machine or Spark
    build it; docs/scaling.md says when it pays.
    """
    from ml.lake import check_installed

    check_installed()


@lake.command(epilog=examples("ml lake build"))
def build() -> None:
    """Bring the lake up to date with raw files, specs and settings, all of it or nothing."""
    from ml.lake.build import build_lake

    built = build_lake(workspace())
    for note in built.notes:
        click.echo(note, err=True)
    if not built.changed:
        click.echo(f"Nothing changed: {built.tables} tables are up to date.")
        return
    click.echo(
        f"{len(built.changed)} of {built.tables} tables changed; the largest task held "
        f"{built.peak_bytes / MEGABYTE:,.0f} MB.\n"
        "Next: feast apply"
    )


@lake.command(epilog=examples("ml lake status"))
def status() -> None:
    """Show the tables of the lake, with their rows, files and sizes."""
    from ml.lake.status import lake_status

    found = lake_status(workspace())
    click.echo(
        f"{found.path}: {found.buckets} buckets, built with DuckDB {found.duckdb} "
        f"by the engine {found.engine}."
    )
    rows = [
        (each.relation, each.rows, each.largest, each.files, round(each.bytes / MEGABYTE, 1))
        for each in found.tables
    ]
    click.echo(text.table(("table", "rows", "largest bucket", "files", "MB"), rows))


@lake.command(epilog=examples("ml lake verify", "ml lake verify --sample 2"))
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="How many buckets are built anew and compared.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Which buckets they are.")
def verify(sample: int, seed: int) -> None:
    """Build buckets by dbt on this machine and compare every value with the lake's."""
    from ml.lake.verify import verify_lake

    found = verify_lake(workspace(), sample, seed)
    named = ", ".join(str(bucket) for bucket in found.buckets)
    for each in found.differences:
        click.echo(
            f"bucket {each.bucket}: {each.relation} differs: {each.lake_rows:,} rows in the lake, "
            f"{each.dbt_rows:,} by dbt; columns {', '.join(each.columns[:10]) or 'the same'}",
            err=True,
        )
    click.echo(
        f"Buckets {named}: {found.relations} relations, {found.rows:,} rows, {found.values:,} "
        f"values compared with what dbt builds: {len(found.differences)} relations differ."
    )
    if found.differences:
        sys.exit(1)
