"""The commands that build a workspace in buckets of customers: `ml lake`."""

from typing import TYPE_CHECKING

import click

from ml.cli.answer import Answer, Differs, answers
from ml.cli.group import examples
from ml.cli.text import Columns
from ml.workspace.plain import plain
from ml.workspace.settings import workspace

if TYPE_CHECKING:
    from ml.lake.verify import Difference

KILOBYTE = 1024
MEGABYTE = 1024 * KILOBYTE


@click.group(epilog=examples("ml lake build", "ml lake status", "ml lake verify --sample 2"))
def lake() -> None:
    """Build the workspace in buckets of customers, where one machine is too small for it.

    `lake:` in workspace.yml says where the lake is, and whether processes of this machine or Spark
    build it; docs/scaling.md says when it pays.
    """
    from ml.lake import check_installed

    check_installed()


@lake.command(epilog=examples("ml lake build"))
@answers
def build(answer: Answer) -> None:
    """Bring the lake up to date with raw files, specs and settings, all of it or nothing."""
    from ml.lake.build import build_lake

    built = build_lake(workspace())
    for note in built.notes:
        click.echo(note, err=True)
    answer.give(**plain(built))
    if not built.changed:
        answer.say(f"Nothing changed: {built.tables} tables are up to date.")
        return
    answer.say(
        f"{len(built.changed)} of {built.tables} tables changed; the largest task held "
        f"{built.peak_bytes / MEGABYTE:,.0f} MB.\n"
        "Next: feast apply"
    )


@lake.command(epilog=examples("ml lake status"))
@answers
def status(answer: Answer) -> None:
    """Show the tables of the lake, with their rows, files and sizes."""
    from ml.lake.status import lake_status

    found = lake_status(workspace())
    values = plain(found)
    answer.give(
        f"{found.path}: {found.buckets} buckets, built with DuckDB {found.duckdb} "
        f"by the engine {found.engine}.",
        **values,
    )
    columns: Columns = {
        "table": "relation",
        "rows": "rows",
        "largest bucket": "largest",
        "files": "files",
        "kB": lambda table: -(-table["bytes"] // KILOBYTE),
    }
    answer.table("tables", values["tables"], columns)


@lake.command(epilog=examples("ml lake verify", "ml lake verify --sample 2"))
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="How many buckets are built anew and compared.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Which buckets they are.")
@answers
def verify(answer: Answer, sample: int, seed: int) -> None:
    """Build buckets by dbt on this machine and compare every value with the lake's."""
    from ml.lake.verify import verify_lake

    found = verify_lake(workspace(), sample, seed)
    named = ", ".join(str(bucket) for bucket in found.buckets)
    answer.give(
        f"Buckets {named}: {found.relations} relations, {found.rows:,} rows, {found.values:,} "
        f"values compared with what dbt builds: {len(found.differences)} relations differ.",
        **plain(found),
    )
    if found.differences:
        raise Differs("\n".join(_difference(each) for each in found.differences))


def _difference(each: "Difference") -> str:
    return (
        f"bucket {each.bucket}: {each.relation} differs: {each.lake_rows:,} rows in the lake, "
        f"{each.dbt_rows:,} by dbt; columns {', '.join(each.columns[:10]) or 'the same'}"
    )
