"""Watching what is in use: `ml monitor`."""

from datetime import datetime
from typing import TYPE_CHECKING

import click

from ml.cli import text
from ml.cli.answer import ALARMED, WARNED, Answer, answers
from ml.cli.group import examples
from ml.workspace.settings import workspace

if TYPE_CHECKING:
    from ml.monitoring import Due, Month

EXIT_CODES = {"fine": 0, "warned": WARNED, "alarmed": ALARMED}


@click.command(
    epilog=examples("ml monitor", "ml monitor --month 2022-07", "ml monitor --json > monitor.json")
)
@click.option(
    "--month",
    type=click.DateTime(["%Y-%m"]),
    metavar="YYYY-MM",
    help="This month; by default the newest complete one.",
)
@answers
def monitor(answer: Answer, month: datetime | None) -> int:
    """Show what is not as usual in a month: sources, features, scores, outcomes, with causes.

    Writes the page monitoring.html into the workspace. What is compared was measured by
    `dbt build`; scores are those of `ml score`, after `dbt build --select source:scores+`.
    The exit code is 0 where all is fine, 3 where something is warned of, 4 where it is alarmed.
    """
    from ml.monitoring import due, read_month
    from ml.pages.monitoring import write_monitoring

    ws = workspace()
    found = read_month(ws, month.date() if month else None)
    proposed = due(ws, found)
    page = write_monitoring(ws, found, proposed)
    answer.give(
        "\n".join([*_lines(found, proposed), str(page)]),
        month=f"{found.month:%Y-%m}",
        status=found.status,
        monitored=found.monitored,
        findings=found.findings,
        due_for_training=proposed,
        page=page,
    )
    return EXIT_CODES[found.status]


def _lines(found: "Month", proposed: "list[Due]") -> list[str]:
    counted = ", ".join(
        f"{count:,} {name.removesuffix('s') if count == 1 else name}"
        for name, count in found.monitored.items()
    )
    lines = [f"{found.month:%Y-%m}: {found.status}. Looked at: {counted}."]
    if not found.monitored["features"]:
        lines.append(
            "No feature is compared yet: a whole dbt build measures what champions read. "
            "Where it does not help, the reference has no data (docs/monitoring.md)."
        )
    if found.findings:
        headers = ["status", "kind", "what", "finding"]
        rows: list[list[text.Cell]] = []
        for each in found.findings:
            rows.append([each.status, each.kind, each.what, each.text])
            if each.cause:
                rows.append(["", "", "", f"  cause: {each.cause}"])
        lines.append(text.table(headers, rows))
    lines += [f"{each.target} is due for training: {each.why}" for each in proposed]
    if proposed:
        lines.append(
            "Mend errors in the data first, if they are the cause; then: ml train --if-due"
        )
    return lines
