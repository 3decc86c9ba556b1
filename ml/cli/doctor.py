"""What may keep the workspace from working, and what to do next: `ml doctor`."""

import click

from ml.cli.answer import ALARMED, WARNED, Answer, answers
from ml.cli.group import examples
from ml.workspace.plain import plain

EXIT_CODES = {"fine": 0, "warning": WARNED, "broken": ALARMED}


@click.command(epilog=examples("ml doctor", "ml doctor --json"))
@answers
def doctor(answer: Answer) -> int:
    """Check the installation and the workspace, and say the very next command.

    Nothing is changed. The exit code is 0 where all is fine, 3 where something is warned of, 4
    where something is broken.
    """
    from ml.doctor import examine

    found = examine()
    columns = {"check": "name", "state": "state", "found": "what", "next": "next"}
    answer.table("checks", plain(found.checks), columns)
    following = found.next or None
    shown = f"What to do next: {following}" if following else None
    answer.give(shown, state=found.state, next=following)
    return EXIT_CODES[found.state]
