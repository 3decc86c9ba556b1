"""The command that answers files of records: `ml predict`."""

from pathlib import Path

import click

from ml.cli import complete
from ml.cli.answer import Answer, answers
from ml.cli.group import examples
from ml.workspace.plain import plain
from ml.workspace.settings import workspace


@click.command(epilog=examples("ml predict --target session_purchase sessions.csv answers.csv"))
@click.option(
    "--target",
    "-t",
    required=True,
    shell_complete=complete.targets,
    help="The target whose champion predicts.",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("output", type=click.Path(path_type=Path))
@click.option("--exact", is_flag=True, help="Ids as they are, even where a spreadsheet runs them.")
@answers
def predict(answer: Answer, target: str, file: Path, output: Path, exact: bool) -> None:
    """Predict the lines of a CSV, whose header names features and perhaps customer_id.

    Good lines are answered in OUTPUT; bad ones are listed with reasons beside it, in
    <output>.rejected.csv. An id like =1+1 gets an apostrophe before it, so that no spreadsheet
    runs it.
    """
    from ml.serving.predict import Predictor

    done = Predictor(target, workspace()).predict_csv(file, output, exact=exact)
    answer.give(
        f"{done.predicted} predicted  {done.output}\n{done.rejected} rejected  {done.rejects}",
        **plain(done),
    )
