"""The command group that every command joins, and what commands share."""

from typing import Any

import click

from ml.workspace.errors import AlmanacError
from ml.workspace.faults import refused


def examples(*lines: str) -> str:
    """Return a command's epilog; the control character keeps click from joining the lines."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


FIRST_STEPS = examples(
    "ml simulate                        a made-up company's raw files",
    "dbt build && feast apply           features in the warehouse, registered",
    "ml train && ml evaluate            models, and how good they are",
    "ml score && dbt build && ml publish   scores, marts, the file for BI",
)


class _Commands(click.Group):
    """Lists commands in the order of use, and prints what a person can mend without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401
        try:
            return super().invoke(ctx)
        except Exception as error:
            shown = error if isinstance(error, AlmanacError) else refused(error)
            if shown is None:
                raise
            raise click.ClickException(str(shown)) from error

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=FIRST_STEPS,
)
@click.version_option(package_name="almanac")
def main() -> None:
    """Train, judge and apply models on the workspace's features.

    The workspace is the folder that ALMANAC_HOME names (default: data/).
    """
