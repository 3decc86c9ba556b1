"""Watching what is in use: `ml monitor`."""

import json
import sys
from dataclasses import asdict
from datetime import date, datetime
from typing import TYPE_CHECKING

import click

from ml.cli import text
from ml.cli.group import examples
from ml.workspace.errors import BadInput
from ml.workspace.settings import workspace

if TYPE_CHECKING:
    from ml.monitoring import Due, Month

EXIT_CODES = {"fine": 0, "warned": 3, "alarmed": 4}


@click.command(
    epilog=examples("ml monitor", "ml monitor --month 2022-07", "ml monitor --json > monitor.json")
)
@click.option("--month", help="This month, like 2022-07; by default the newest complete one.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, all names in it.")
def monitor(month: str | None, as_json: bool) -> None:
    """Show what is not as usual in a month: sources, features, scores, outcomes, with causes.

    Writes the page monitoring.html into the workspace. What is compared was measured by
    `dbt build`; scores are those of `ml score`, after `dbt build --select source:scores+`.
    The exit code is 0 where all is fine, 3 where something is warned of, 4 where it is alarmed.
    """
    from ml.monitoring import due, read_month
    from ml.pages.monitoring import write_monitoring

    ws = workspace()
    found = read_month(ws, _parsed(month) if month else None)
    proposed = due(ws, found)
    page = write_monitoring(ws, found, proposed)
    if as_json:
        click.echo(json.dumps(_document(found, proposed), indent=2, default=str))
    else:
        click.echo("\n".join([*_lines(found, proposed), str(page)]))
    sys.exit(EXIT_CODES[found.status])


def _parsed(month: str) -> date:
    try:
        return datetime.strptime(month, "%Y-%m").date()
    except ValueError as error:
        raise BadInput(
            f"--month {month} is not a month like 2022-07.",
            "Leave it out to see the newest complete month: ml monitor",
        ) from error


def _document(found: "Month", proposed: "list[Due]") -> dict[str, object]:
    return {
        "month": f"{found.month:%Y-%m}",
        "status": found.status,
        "monitored": found.monitored,
        "findings": [asdict(finding) for finding in found.findings],
        "due_for_training": [asdict(each) for each in proposed],
    }


def _lines(found: "Month", proposed: "list[Due]") -> list[str]:
    counted = ", ".join(
        f"{count:,} {name.removesuffix('s') if count == 1 else name}"
        for name, count in found.monitored.items()
    )
    lines = [f"{found.month:%Y-%m}: {found.status}. Looked at: {counted}."]
    if not found.monitored["features"]:
        lines.append(
            "No feature is compared: no champion reads any, or the reference has no data "
            "(docs/monitoring.md). After training or a change of workspace.yml: dbt build"
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
