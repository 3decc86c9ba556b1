"""The command that shows what staging set aside: `ml rejects`."""

import click

from ml.cli.answer import Answer, answers
from ml.cli.group import examples
from ml.cli.text import Columns
from ml.workspace.plain import plain
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
@answers
def rejects(answer: Answer, source: str | None, rows: int) -> None:
    """Show the rows that the last build set aside: by reason, or those of SOURCE one by one."""
    from ml.landing.rejects import rejected_rows, rejection_reasons

    ws = workspace()
    answer.give(reasons=[], rows=[])
    if source is None:
        found = [plain(reason) for reason in rejection_reasons(ws)]
        total = sum(reason["rows"] for reason in found)
        answer.give(total=total)
        if not found:
            answer.say("No row was set aside.")
            return
        answer.table("reasons", found, _REASONS)
        answer.say(f"{total:,} rows in all. The rows themselves: ml rejects SOURCE")
        return
    shown, total = rejected_rows(ws, source, rows)
    answer.give(total=total)
    for row in shown:
        place = _visible(f"{row.file}, line {row.line}: {row.reason}")
        answer.add("rows", plain(row), f"{place}\n    {_visible(row.raw)}")
    if total > len(shown):
        answer.say(f"… and {total - len(shown):,} more: ml rejects {source} --rows {total}")
    if not total:
        answer.say(f"No row of {source} was set aside.")


_REASONS: Columns = {
    "source": "source",
    "file": "file",
    "reason": "reason",
    "rows": lambda reason: f"{reason['rows']:,}",
}


def _visible(text: str) -> str:
    """Return the text with control characters written out, which a terminal would obey."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
